//! Attributes that nobody here knows, and known ones that are broken.

use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk::ErrorKind;
use kinfolk_local::Server;

use crate::common::World;
use crate::raw::{Item, RawState, date, leaves, map, text};
use crate::{is_quiet, next, refused, take, unreachable};

const SHARD: &str = "shardId-000000000000";

/// Everything that an attribute can be.
fn foreign() -> AttributeValue {
    let of = |kinds: Vec<(&str, AttributeValue)>| {
        AttributeValue::M(kinds.into_iter().map(|(name, v)| (name.to_owned(), v)).collect())
    };
    of(vec![
        ("text", text("ä \u{0} \"quoted\"")),
        ("nothing", text("")),
        ("number", AttributeValue::N("-1234567890123456789.0123456789012345678".to_owned())),
        ("bytes", AttributeValue::B(Blob::new([0, 255, 10]))),
        ("flag", AttributeValue::Bool(false)),
        ("null", AttributeValue::Null(true)),
        ("list", AttributeValue::L(vec![text("a"), of(vec![("b", text("c"))])])),
        ("texts", AttributeValue::Ss(vec!["x".to_owned(), "y".to_owned()])),
        ("numbers", AttributeValue::Ns(vec!["1".to_owned(), "2".to_owned()])),
        ("blobs", AttributeValue::Bs(vec![Blob::new([1]), Blob::new([2])])),
        ("empty", of(vec![])),
        ("kfLease", text("not one of ours here")),
    ])
}

/// An entry of a shard that somebody else reads.
fn their_shard() -> AttributeValue {
    let entry = [
        ("parent", AttributeValue::Null(true)),
        ("checkpoint", text("49")),
        ("depleted", AttributeValue::Bool(false)),
        ("leaseOwner", AttributeValue::Null(true)),
        ("leaseExpiration", AttributeValue::Null(true)),
        ("version", text("theirs")),
        ("theirs", foreign()),
    ];
    AttributeValue::M(entry.map(|(name, value)| (name.to_owned(), value)).into())
}

/// What somebody else keeps beside the group: a standalone consumer, a slot, a place.
fn add_what_others_keep(item: &mut Item) {
    let shards = || AttributeValue::M([(SHARD.to_owned(), their_shard())].into());
    let consumer = [
        ("appName", text("theirs")),
        ("heartbeat", date(0)),
        ("host", text("elsewhere")),
        ("isActive", AttributeValue::Bool(true)),
        ("isStandalone", AttributeValue::Bool(true)),
        ("pid", AttributeValue::N("7".to_owned())),
        ("startedOn", date(-60)),
        ("shards", shards()),
        ("theirs", foreign()),
    ];
    let consumer = consumer.map(|(name, value)| (name.to_owned(), value));
    map(item, &["consumers"]).insert("node".to_owned(), AttributeValue::M(consumer.into()));
    let slot = [
        ("arn", text("arn:slot")),
        ("isStandalone", AttributeValue::Bool(true)),
        ("isUsedBy", text("node")),
        ("version", text("v")),
        ("shards", shards()),
        ("theirs", foreign()),
    ];
    let slot = slot.map(|(name, value)| (name.to_owned(), value));
    map(item, &["enhancedConsumers"]).insert("slot".to_owned(), AttributeValue::M(slot.into()));
    item.insert("kfPlace:tail".to_owned(), shards());
    for path in [&[][..], &["kf"], &["shards", SHARD]] {
        map(item, path).insert("theirs".to_owned(), foreign());
    }
}

/// What a worker writes of an entry that it holds.
const WRITTEN: [&str; 6] = [
    "checkpoint",
    "approximateArrivalTimestamp",
    "depleted",
    "leaseOwner",
    "leaseExpiration",
    "version",
];

#[tokio::test]
async fn what_nobody_here_knows_stays_as_it_is_whatever_a_worker_does() {
    let world = World::start("foreign", 1).await;
    let state = RawState::of(&world, "foreign").await;
    world.consumer().await.shutdown().await.unwrap();
    let mut item = state.get().await;
    add_what_others_keep(&mut item);
    state.put(item).await;
    let before = leaves(&state.get().await);

    world.put(0..10).await;
    let consumer = world.consumer().await;
    assert_eq!(take(&consumer, 10).await, World::expected(0..10));
    world.wait_until("a place", |state| state.shards[SHARD].checkpoint.sequence.is_some()).await;
    world.split(SHARD).await;
    world.put(10..20).await;
    let mut seen = take(&consumer, 10).await;
    seen.sort();
    assert_eq!(seen, World::expected(10..20));
    consumer.shutdown().await.unwrap();

    let after = leaves(&state.get().await);
    assert!(after.contains_key("shards/shardId-000000000001/checkpoint"), "the children are there");
    let mut changed = Vec::new();
    for (path, value) in &before {
        if after.get(path) != Some(value) {
            changed.push(path.as_str());
        }
    }
    println!("{} leaves of {} changed: {changed:?}", changed.len(), before.len());
    for path in changed {
        let written = path.strip_prefix(&format!("shards/{SHARD}/"));
        assert!(written.is_some_and(|name| WRITTEN.contains(&name) || name == "kfLease"), "{path}");
    }
    let kept = before.keys().filter(|path| path.contains("theirs/")).count();
    assert_eq!(kept, 8 * leaves_of(&foreign()), "at every level");
}

fn leaves_of(value: &AttributeValue) -> usize {
    leaves(value.as_m().unwrap()).len()
}

#[tokio::test]
async fn a_broken_attribute_is_named_by_its_path_before_anything_is_written() {
    let world = World::start("broken", 1).await;
    let state = RawState::of(&world, "broken").await;
    world.consumer().await.shutdown().await.unwrap();
    let good = state.get().await;
    let lease = ["shards", SHARD, "leaseExpiration"];
    for (path, value, what) in [
        (&lease[..], text("tomorrow"), "a date as JavaScript writes it"),
        (&["shards", SHARD, "kfLease"], text("secret"), "{epoch}:{owner}"),
        (&["shards", SHARD, "depleted"], text("yes"), "a boolean"),
        (&["shards", SHARD], text("secret"), "a map"),
        (&["consumers"], AttributeValue::L(vec![]), "a map"),
        (&["kf", "v"], AttributeValue::N("2".to_owned()), "a format of this version of Kinfolk"),
    ] {
        state.put(good.clone()).await;
        state.set(path, value).await;
        let before = state.get().await;
        let writes = || {
            let counts = world.local.counts();
            ["PutItem", "UpdateItem"].map(|write| counts.of(Server::DynamoDb, write))
        };
        let written = writes();
        let error = refused(world.builder(), &world).await;
        assert_eq!(error.kind(), ErrorKind::Data);
        let report = error.report().to_string();
        assert_eq!(
            report,
            format!(
                "cannot read the state of group group on stream broken in table \
                 lifion-kinesis-state: the state item's {} is not {what}",
                path.join(".")
            )
        );
        assert_eq!((state.get().await, writes()), (before, written), "nothing is written");
    }
    // Without it all goes on.
    state.put(good).await;
    world.consumer().await.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_state_that_breaks_under_a_worker_is_told_of_and_it_goes_on_once_it_is_mended() {
    let world = World::start("mended", 1).await;
    let state = RawState::of(&world, "mended").await;
    let consumer = world.consumer().await;
    world.put(0..2).await;
    let first = next(&consumer).await;
    let epoch = first.epoch();
    assert!(first.ack());
    assert!(next(&consumer).await.ack());
    world.wait_until("a place", |state| state.shards[SHARD].checkpoint.sequence.is_some()).await;

    let mut events = consumer.events();
    let lease = ["shards", SHARD, "leaseExpiration"];
    let good = map(&mut state.get().await, &lease[..2])[lease[2]].clone();
    state.set(&lease, text("tomorrow")).await;
    let message = unreachable(&mut events).await;
    assert_eq!(
        message,
        "cannot read the state of group group on stream mended in table lifion-kinesis-state: the \
         state item's shards.shardId-000000000000.leaseExpiration is not a date as JavaScript \
         writes it"
    );
    // Past its fence it hands out nothing: it cannot know what is its own.
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.put(2..4).await;
    assert!(is_quiet(&consumer).await);

    state.set(&lease, good).await;
    let third = next(&consumer).await;
    assert_eq!(third.epoch(), epoch, "the same tenure goes on");
    assert_eq!(third.data().to_vec(), b"0002");
    assert!(third.ack());
    assert_eq!(take(&consumer, 1).await, World::expected(3..4));
    assert!(is_quiet(&consumer).await, "nothing comes twice");
    consumer.shutdown().await.unwrap();
}
