//! States that are nearly as large as DynamoDB takes them, and some that have no room left.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk::core::coordinate::Timing;
use kinfolk::event::GroupEvent;
use kinfolk::store::StateStore;
use kinfolk::{Builder, Consumer, ErrorKind, Event};
use kinfolk_local::Server;
use tokio::time::sleep;

use crate::common::World;
use crate::raw::{MOST, RawState, map, text};
use crate::{ended, event, rest, take};

/// A write of 400 KB takes its time, and a worker alone writes one a second.
fn unhurried() -> Timing {
    Timing {
        beat_ms: 1_000,
        attempt_ms: 400,
        fence_ms: 2_200,
        stop_ms: 500,
        look_ms: 300,
        drain_ms: 5_000,
    }
}

fn builder(world: &World) -> Builder {
    world.builder().timing(unhurried())
}

async fn start(world: &World) -> Consumer {
    builder(world).clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap()
}

/// Entries of shards that were read long ago.
async fn add_ended_shards(state: &RawState, count: usize) {
    let mut item = state.get().await;
    for number in 0..count {
        let entry = [
            ("parent", AttributeValue::Null(true)),
            ("checkpoint", text("49640000000000000000000000000000000000000000000000000000")),
            ("approximateArrivalTimestamp", text("2026-11-22T15:56:23.072Z")),
            ("depleted", AttributeValue::Bool(true)),
            ("leaseOwner", AttributeValue::Null(true)),
            ("leaseExpiration", AttributeValue::Null(true)),
            ("version", text("0123456789ab")),
        ];
        let entry = entry.map(|(name, value)| (name.to_owned(), value));
        let id = format!("shardId-9{number:011}");
        map(&mut item, &["shards"]).insert(id, AttributeValue::M(entry.into()));
    }
    state.put(item).await;
}

fn updates(world: &World) -> u64 {
    world.local.counts().of(Server::DynamoDb, "UpdateItem")
}

#[tokio::test]
async fn a_state_that_is_nearly_full_is_warned_of_by_whoever_joins() {
    let world = World::start("large", 1).await;
    let state = RawState::of(&world, "large").await;
    start(&world).await.shutdown().await.unwrap();
    add_ended_shards(&state, 1_200).await;
    state.fill(4_000).await;
    world.put(0..5).await;
    let consumer = start(&world).await;
    let mut events = consumer.events();
    let large = event(&mut events, |event| match event {
        Event::Group(GroupEvent::StateLarge { bytes, most }) => Some((*bytes, *most)),
        _ => None,
    });
    assert_eq!(large.await, ((MOST - 4_000) as u64, MOST as u64));
    assert_eq!(take(&consumer, 5).await, World::expected(0..5));
    consumer.shutdown().await.unwrap();
    assert!(start(&world).await.shutdown().await.is_ok());
}

#[tokio::test]
async fn a_worker_for_which_the_state_has_no_room_is_told_what_to_do() {
    let world = World::start("no-room", 1).await;
    let state = RawState::of(&world, "no-room").await;
    start(&world).await.shutdown().await.unwrap();
    add_ended_shards(&state, 1_200).await;
    state.fill(100).await;
    let before = state.get().await;
    let error = ended(start(&world).await).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "cannot take part in group group on stream no-room: the state is as large as its store \
         can hold, and has no room for another worker or shard: remove the item's `kfPlace:` \
         attributes of names that nobody uses any more, or use another group"
    );
    assert_eq!(state.get().await, before);
}

#[tokio::test]
async fn a_worker_whose_write_does_not_fit_stays_and_loses_nothing() {
    let world = World::start("full", 12).await;
    let state = RawState::of(&world, "full").await;
    let consumer = start(&world).await;
    world.wait_until("a member", |state| state.workers.len() == 1).await;
    state.fill(0).await;
    let mut events = consumer.events();
    world.put(0..100).await;
    let mut seen = take(&consumer, 100).await;
    event(&mut events, is_full).await;

    let (before, begin) = (updates(&world), Instant::now());
    let beat = || async {
        let state = state.get().await;
        let (_, worker) = state["consumers"].as_m().unwrap().iter().next().expect("a member");
        worker.as_m().unwrap()["heartbeat"].clone()
    };
    let first = beat().await;
    sleep(Duration::from_secs(4)).await;
    assert_ne!(beat().await, first, "it proves that it is alive");
    let written = updates(&world) - before;
    println!("{written} writes in {:?}", begin.elapsed());
    assert!(written <= 16, "{written} writes in {:?}", begin.elapsed());
    world.put(100..200).await;
    seen.extend(take(&consumer, 100).await);

    // Leaving makes room for some places: what is not stored comes again, and nothing is lost.
    let (before, begin) = (updates(&world), Instant::now());
    consumer.shutdown().await.unwrap();
    println!("{} writes in {:?} to leave", updates(&world) - before, begin.elapsed());
    assert!(updates(&world) - before <= 8 && begin.elapsed() < Duration::from_secs(5));
    state.empty().await;
    let second = start(&world).await;
    seen.extend(rest(&second).await);
    second.shutdown().await.unwrap();
    println!("{} came again", seen.len() - 200);
    seen.sort();
    seen.dedup();
    assert_eq!(seen, World::expected(0..200));
}

#[tokio::test]
async fn a_worker_that_leaves_makes_room_for_its_places() {
    let world = World::start("leaves", 2).await;
    let state = RawState::of(&world, "leaves").await;
    let consumer = full_of(&world, &state).await;
    let shards = state.store.look().await.unwrap().unwrap().shards;
    assert!(shards.values().all(|shard| shard.checkpoint.sequence.is_none()));
    consumer.shutdown().await.unwrap();
    state.empty().await;
    world.put(20..30).await;
    let second = start(&world).await;
    let mut seen = rest(&second).await;
    seen.sort();
    assert_eq!(seen, World::expected(20..30), "nothing comes twice");
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn places_are_stored_once_there_is_room_again() {
    let world = World::start("again", 2).await;
    let state = RawState::of(&world, "again").await;
    let consumer = full_of(&world, &state).await;
    state.empty().await;
    world
        .wait_until("two places", |state| {
            state.shards.values().all(|shard| shard.checkpoint.sequence.is_some())
        })
        .await;
    drop(consumer);
    let second = start(&world).await;
    assert_eq!(rest(&second).await, Vec::<String>::new(), "nothing comes twice");
    second.shutdown().await.unwrap();
}

/// A consumer that has read 20 records of a state that was filled up before it could store a
/// place.
async fn full_of(world: &World, state: &RawState) -> Consumer {
    let consumer = start(world).await;
    world.wait_until("a member", |state| state.workers.len() == 1).await;
    state.fill(0).await;
    let mut events = consumer.events();
    world.put(0..20).await;
    take(&consumer, 20).await;
    event(&mut events, is_full).await;
    consumer
}

fn is_full(event: &Event) -> Option<()> {
    matches!(event, Event::Group(GroupEvent::StateFull)).then_some(())
}
