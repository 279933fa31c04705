//! KPL aggregates over the local servers: opened, acknowledged in the middle, gone on with.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::ops::Range;
use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use common::{Folder, SOON, World, drain, next, text};
use kinfolk::aggregate::{Aggregator, Deaggregate, Malformed};
use kinfolk::core::sequence::{Checkpoint, Part};
use kinfolk::core::snapshot::Snapshot;
use kinfolk::producer::NewRecord;
use kinfolk::{Builder, Consumer, Event};
use kinfolk_local::{Fault, FaultKind};
use tokio::time::timeout;

/// An aggregate of records whose data are their numbers, each with keys of its own.
fn aggregate(numbers: Range<usize>) -> Vec<u8> {
    let mut aggregator = Aggregator::new(1 << 20);
    for (data, number) in World::expected(numbers.clone()).into_iter().zip(numbers) {
        let record = NewRecord::new(data).partition_key(format!("key-{number}"));
        aggregator.add(record.explicit_hash_key(number as u128)).unwrap();
    }
    aggregator.finish().unwrap().data.to_vec()
}

/// Puts a record; gives its sequence number.
async fn put(world: &World, data: impl Into<Vec<u8>>) -> String {
    let put = world.kinesis.put_record().stream_name(world.stream()).partition_key("outer");
    put.data(Blob::new(data)).send().await.unwrap().sequence_number
}

/// A plain record `0000`, an aggregate up to and without this number, and a plain record of it.
async fn put_around(world: &World, end: usize) -> (String, String) {
    let before = put(world, "0000").await;
    let aggregate = put(world, aggregate(1..end)).await;
    put(world, World::expected(end..end + 1)[0].clone()).await;
    (before, aggregate)
}

/// Takes so many records and acknowledges them.
async fn take(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let record = next(consumer).await;
        seen.push(text(&record));
        assert!(record.ack());
    }
    seen
}

fn inside(before: Option<&str>, aggregate: &str, sub: u64) -> Checkpoint {
    Checkpoint::new(before.map(Into::into), Some(Part { sequence: aggregate.into(), sub }))
}

/// The only shard's checkpoint.
fn checkpoint(state: &Snapshot) -> &Checkpoint {
    let shards = state.shards.values().chain(state.places.values().flat_map(|p| p.values()));
    &shards.last().expect("a shard").checkpoint
}

#[tokio::test]
async fn records_of_aggregates_come_one_by_one_and_malformed_ones_as_they_are() {
    let world = World::start("opened", 1).await;
    put(&world, "0000").await;
    let sequence = put(&world, aggregate(1..4)).await;
    let mut broken = aggregate(4..6);
    *broken.last_mut().unwrap() ^= 1;
    let wrong = put(&world, broken.clone()).await;
    put(&world, "0006").await;
    let consumer = world.consumer().await;
    let mut events = consumer.events();
    let plain = next(&consumer).await;
    assert_eq!((text(&plain), plain.sub_sequence_number()), ("0000".to_owned(), 0));
    assert_eq!((plain.partition_key(), plain.explicit_hash_key()), (Some("outer"), None));
    assert!(!plain.record().is_aggregated() && plain.ack());
    for number in 1..4 {
        let record = next(&consumer).await;
        assert_eq!(text(&record), World::expected(number..number + 1)[0]);
        assert_eq!(record.partition_key(), Some(&*format!("key-{number}")));
        assert_eq!(record.explicit_hash_key(), Some(number as u128));
        assert_eq!(record.sub_sequence_number(), number as u64 - 1);
        assert_eq!(record.sequence_number(), sequence);
        assert!(record.record().is_aggregated() && record.record().arrival().is_some());
        assert!(record.ack());
    }
    let raw = next(&consumer).await;
    assert_eq!(raw.data(), broken);
    assert!(!raw.record().is_aggregated() && raw.ack());
    assert_eq!(drain(&consumer).await, ["0006"]);
    consumer.shutdown().await.unwrap();
    let mut told = Vec::new();
    while let Ok(Some(event)) = timeout(Duration::from_millis(100), events.next()).await {
        if let Event::Malformed { sequence, why, records, .. } = event {
            told.push((sequence.to_string(), why, records));
        }
    }
    assert_eq!(told, [(wrong, Malformed::Checksum, 1)]);
}

#[tokio::test]
async fn a_worker_goes_on_behind_the_last_record_of_an_aggregate_that_is_done() {
    let world = World::start("middle", 1).await;
    let (before, aggregate) = put_around(&world, 10).await;
    let first = world.consumer().await;
    assert_eq!(take(&first, 5).await, World::expected(0..5));
    first.shutdown().await.unwrap();
    let stored = inside(Some(&before), &aggregate, 3);
    world.wait_until("the part", |state| *checkpoint(state) == stored).await;
    // Twice in one aggregate.
    let second = world.consumer().await;
    assert_eq!(take(&second, 3).await, World::expected(5..8));
    second.shutdown().await.unwrap();
    let third = world.consumer().await;
    assert_eq!(drain(&third).await, World::expected(8..11));
    third.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_first_aggregate_that_is_done_in_part_is_gone_on_with() {
    let world = World::start("first", 1).await;
    let sequence = put(&world, aggregate(0..5)).await;
    let first = world.consumer().await;
    assert_eq!(take(&first, 2).await, World::expected(0..2));
    first.shutdown().await.unwrap();
    world.wait_until("the part", |state| *checkpoint(state) == inside(None, &sequence, 1)).await;
    let second = world.consumer().await;
    assert_eq!(drain(&second).await, World::expected(2..5));
    second.shutdown().await.unwrap();
    world.wait_until("all", |s| *checkpoint(s) == Checkpoint::at(sequence.as_str())).await;
}

#[tokio::test]
async fn after_a_crash_only_the_stored_part_counts() {
    let world = World::start("crash", 1).await;
    let (before, aggregate) = put_around(&world, 10).await;
    let first = world.consumer().await;
    assert_eq!(take(&first, 4).await, World::expected(0..4));
    let stored = inside(Some(&before), &aggregate, 2);
    world.wait_until("the part", |state| *checkpoint(state) == stored).await;
    let faults = world.local.faults();
    let write = faults.add(Fault::dynamodb(FaultKind::Unavailable).on("UpdateItem"));
    assert_eq!(take(&first, 3).await, World::expected(4..7));
    drop(first);
    faults.remove(write);
    let second = world.consumer().await;
    assert_eq!(drain(&second).await, World::expected(4..11));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_hand_over_in_the_middle_of_an_aggregate_loses_and_repeats_nothing() {
    let world = World::start("given", 1).await;
    put_around(&world, 20).await;
    let first = world.consumer().await;
    let mut seen = take(&first, 8).await;
    let second = world.consumer().await;
    world.wait_until("two", |state| state.workers.len() == 2).await;
    let holding = next(&first).await;
    seen.push(text(&holding));
    let handling = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(holding.ack());
    };
    let (left, ()) = futures_util::join!(first.shutdown(), handling);
    left.unwrap();
    seen.extend(drain(&second).await);
    assert_eq!(seen, World::expected(0..21));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_record_that_is_dropped_in_an_aggregate_comes_again_with_what_follows() {
    let world = World::start("dropped", 1).await;
    put_around(&world, 6).await;
    let consumer = world.consumer().await;
    assert_eq!(take(&consumer, 3).await, World::expected(0..3));
    drop(next(&consumer).await);
    let mut batch = timeout(SOON, consumer.next_batch(3)).await.unwrap().unwrap();
    let texts: Vec<_> = batch.iter().map(|record| record.data().to_vec()).collect();
    assert_eq!(texts, [b"0003", b"0004", b"0005"]);
    assert!(batch.ack_through(1));
    drop(batch);
    assert_eq!(drain(&consumer).await, World::expected(5..7));
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_opens_none_gets_the_whole_whatever_was_done_of_it() {
    let world = World::start("off", 1).await;
    put_around(&world, 5).await;
    let first = world.consumer().await;
    assert_eq!(take(&first, 3).await, World::expected(0..3));
    first.shutdown().await.unwrap();
    let closed = world.builder().deaggregate(Deaggregate::Off);
    let second = closed.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    let whole = next(&second).await;
    assert_eq!(whole.data(), aggregate(1..5));
    assert!(whole.ack());
    assert_eq!(drain(&second).await, ["0005"]);
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_standalone_worker_with_a_name_goes_on_in_an_aggregate() {
    let world = World::start("standalone", 1).await;
    let (before, aggregate) = put_around(&world, 6).await;
    let start = |builder: Builder| {
        builder.standalone_as("tail").clients(world.kinesis.clone(), world.dynamodb.clone())
    };
    let first = start(world.builder()).await.unwrap();
    assert_eq!(take(&first, 3).await, World::expected(0..3));
    first.shutdown().await.unwrap();
    let stored = inside(Some(&before), &aggregate, 1);
    world.wait_until("the part", |state| *checkpoint(state) == stored).await;
    let second = start(world.builder()).await.unwrap();
    assert_eq!(drain(&second).await, World::expected(3..7));
    second.shutdown().await.unwrap();
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_part_is_kept_in_a_file_too() {
    let world = World::start("file", 1).await;
    let (before, aggregate) = put_around(&world, 6).await;
    let folder = Folder::new("aggregates");
    let start = || {
        let builder = world.builder().timing(kinfolk::core::coordinate::Timing::SQLITE);
        builder.sqlite(world.kinesis.clone(), folder.file())
    };
    let first = start().await.unwrap();
    assert_eq!(take(&first, 3).await, World::expected(0..3));
    first.shutdown().await.unwrap();
    let store = kinfolk::store::sqlite::SqliteStore::open(folder.file(), "group", world.stream());
    let state = kinfolk::store::StateStore::look(&store.unwrap()).await.unwrap().unwrap();
    assert_eq!(*checkpoint(&state), inside(Some(&before), &aggregate, 1));
    let second = start().await.unwrap();
    assert_eq!(drain(&second).await, World::expected(3..7));
    second.shutdown().await.unwrap();
}
