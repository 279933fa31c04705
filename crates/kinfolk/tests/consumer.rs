//! Consumers on the local servers: what is handed out, what comes again, and who holds what.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::{SOON, World, drain, fast, next, text};
use futures_util::StreamExt;
use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::topology::Initial;
use kinfolk::event::GroupEvent;
use kinfolk::source::{KinesisSource, Source};
use kinfolk::{Batch, Consumer, Event, Processor};
use kinfolk_local::{Fault, FaultKind};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn a_stopped_consumer_hands_its_place_to_the_next_and_nothing_comes_twice() {
    let world = World::start("place", 3).await;
    world.put(0..100).await;
    let first = world.consumer().await;
    let mut seen = Vec::new();
    for _ in 0..40 {
        let record = next(&first).await;
        seen.push(text(&record));
        assert!(record.ack());
    }
    first.shutdown().await.unwrap();
    let second = world.consumer().await;
    seen.extend(drain(&second).await);
    second.shutdown().await.unwrap();
    seen.sort();
    assert_eq!(seen, World::expected(0..100));
}

#[tokio::test]
async fn a_record_that_is_dropped_comes_again_in_order_and_holds_what_follows() {
    let world = World::start("nack", 1).await;
    world.put(0..10).await;
    let consumer = world.consumer().await;
    let mut order = Vec::new();
    for turn in 0..13 {
        let record = next(&consumer).await;
        order.push(text(&record));
        // The fourth record fails three times.
        if text(&record) != "0003" || turn > 5 {
            assert!(record.ack());
        }
    }
    let failed = order.iter().filter(|text| *text == "0003").count();
    assert_eq!(failed, 4, "{order:?}");
    order.dedup();
    assert_eq!(order[..10], World::expected(0..10), "nothing overtakes the failed record");
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn acknowledgements_out_of_order_move_the_place_only_over_what_is_done() {
    let world = World::start("watermark", 1).await;
    world.put(0..10).await;
    let first = world.consumer().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(next(&first).await);
    }
    // All but 0004, the last first.
    for index in (0..10).rev().filter(|index| *index != 4) {
        assert!(held.remove(index.min(held.len() - 1)).ack());
    }
    let stuck = held.pop().unwrap();
    assert_eq!(text(&stuck), "0004");
    sleep(Duration::from_millis(700)).await;
    drop(first); // it crashes, and so the record's handler
    let second = world.consumer().await;
    let again = drain(&second).await;
    assert_eq!(again, World::expected(4..10), "the place is before the hole");
    second.shutdown().await.unwrap();
    assert!(!stuck.ack(), "a former owner's acknowledgement counts for nothing");
}

#[tokio::test]
async fn records_in_hands_stop_the_reading() {
    let world = World::start("window", 1).await;
    world.put(0..500).await;
    let consumer = world.consumer().await;
    let first = next(&consumer).await;
    sleep(Duration::from_secs(1)).await;
    let before = world.reads();
    sleep(Duration::from_secs(1)).await;
    assert!(world.reads() - before <= 6, "it goes on at the pace of one shard at the most");
    world.put(500..600).await;
    sleep(Duration::from_secs(2)).await;
    let full = world.reads();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.reads(), full, "two pages wait: nothing more is read");
    assert!(first.ack());
    let rest = drain(&consumer).await;
    assert_eq!(rest.len(), 599);
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_second_consumer_gets_its_share_and_a_crashed_ones_shards_are_taken_over() {
    let world = World::start("share", 4).await;
    let first = world.consumer().await;
    let second = world.consumer().await;
    let shares = |state: &kinfolk::core::snapshot::Snapshot| {
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for shard in state.shards.values() {
            *shares.entry(shard.owner.as_ref().unwrap().to_string()).or_default() += 1;
        }
        shares.into_values().collect::<Vec<_>>()
    };
    world.wait_until("two each", |state| state.workers.len() == 2 && shares(state) == [2, 2]).await;
    drop(first); // as in a crash: nothing is said
    let begin = Instant::now();
    world.wait_until("four", |state| state.workers.len() == 1 && shares(state) == [4]).await;
    assert!(begin.elapsed() >= Duration::from_millis(300), "not before it was silent");
    world.put(0..40).await;
    assert_eq!(drain(&second).await.len(), 40);
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_hand_over_waits_for_what_is_being_handled() {
    let world = World::start("hand-over", 1).await;
    world.put(0..5).await;
    let first = world.consumer().await;
    let slow = next(&first).await;
    let leaving = async {
        first.shutdown().await.unwrap();
        Instant::now()
    };
    let handling = async {
        sleep(Duration::from_millis(800)).await;
        let acknowledged = Instant::now();
        assert!(slow.ack(), "it still holds the shard");
        acknowledged
    };
    let (left, acknowledged) = futures_util::join!(leaving, handling);
    assert!(left > acknowledged);
    let second = world.consumer().await;
    assert_eq!(drain(&second).await, World::expected(1..5));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever_and_the_record_comes_again() {
    let world = World::start("limit", 1).await;
    world.put(0..3).await;
    let first = world
        .builder()
        .shutdown_limit(Duration::from_millis(500))
        .clients(world.kinesis.clone(), world.dynamodb.clone())
        .await
        .unwrap();
    let stuck = next(&first).await;
    timeout(SOON, first.shutdown()).await.expect("it ends").unwrap();
    timeout(SOON, stuck.lost()).await.expect("the holder is told");
    let second = world.consumer().await;
    assert_eq!(drain(&second).await, World::expected(0..3));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_outage_of_the_store_pauses_handing_out_and_ends_with_the_same_tenure() {
    let world = World::start("outage", 1).await;
    let consumer = world.consumer().await;
    world.put(0..1).await;
    let record = next(&consumer).await;
    let epoch = record.epoch();
    assert!(record.ack());
    let faults = world.local.faults();
    let write = faults.add(Fault::dynamodb(FaultKind::Unavailable).on("UpdateItem"));
    let look = faults.add(Fault::dynamodb(FaultKind::Unavailable).on("GetItem"));
    sleep(Duration::from_millis(1_500)).await; // past the fence of 600 ms
    world.put(1..5).await;
    let nothing = timeout(Duration::from_millis(1_500), consumer.records().next()).await;
    assert!(nothing.is_err(), "without a beat in time nothing is handed out");
    faults.remove(write);
    faults.remove(look);
    let record = next(&consumer).await;
    assert_eq!((text(&record).as_str(), record.epoch()), ("0001", epoch));
    assert!(record.ack());
    assert_eq!(drain(&consumer).await, World::expected(2..5));
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn lost_answers_and_throttling_of_either_service_lose_and_repeat_nothing() {
    let world = World::start("faults", 2).await;
    let faults = world.local.faults();
    for operation in ["UpdateItem", "PutItem", "GetItem"] {
        faults.add(Fault::dynamodb(FaultKind::LoseAnswer).on(operation).times(2));
        faults.add(Fault::dynamodb(FaultKind::Throttle).on(operation).times(1));
    }
    faults.add(Fault::kinesis(FaultKind::Throttle).on("GetRecords").times(3));
    faults.add(Fault::kinesis(FaultKind::ServerError).on("GetRecords").times(2));
    faults.add(Fault::kinesis(FaultKind::ExpiredIterator).on("GetRecords").times(2));
    world.put(0..50).await;
    let consumer = world.consumer_despite_faults().await;
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let record = next(&consumer).await;
        seen.push(text(&record));
        assert!(record.ack());
    }
    seen.sort();
    assert_eq!(seen, World::expected(0..50));
    assert!(drain(&consumer).await.is_empty());
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn children_come_only_after_every_record_of_the_parent_is_done() {
    let world = World::start("split", 1).await;
    world.put(0..10).await;
    let consumer = world.consumer().await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(next(&consumer).await);
    }
    world.split("shardId-000000000000").await;
    world.put(10..20).await;
    let last = held.pop().unwrap();
    held.into_iter().for_each(|record| assert!(record.ack()));
    let early = timeout(Duration::from_secs(2), consumer.records().next()).await;
    assert!(early.is_err(), "a child was read before its parent was done");
    let mut events = consumer.events();
    assert!(last.ack());
    let mut rest = drain(&consumer).await;
    rest.sort();
    assert_eq!(rest, World::expected(10..20));
    let ended = async {
        loop {
            if let Event::Group(GroupEvent::Ended { children, .. }) = events.next().await.unwrap() {
                return children.len();
            }
        }
    };
    assert_eq!(timeout(SOON, ended).await.unwrap(), 2);
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_group_that_begins_at_the_tip_keeps_that_place_for_idle_shards() {
    let world = World::start("latest", 2).await;
    world.put(0..20).await;
    sleep(Duration::from_millis(2_100)).await; // the tip is pinned a second before the group
    let first = world.builder().initial(Initial::Latest);
    let first = first.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    world.wait_until("the group", |state| state.workers.len() == 1).await;
    first.shutdown().await.unwrap();
    // Nobody reads while these are put, and no checkpoint says where the group is.
    world.put(20..30).await;
    let second = world.builder().initial(Initial::Latest);
    let second = second.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    let mut seen = drain(&second).await;
    seen.sort();
    assert_eq!(seen, World::expected(20..30));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn every_page_of_a_listing_is_read() {
    let world = World::start("wide", 1_203).await;
    let source = KinesisSource::new(world.kinesis.clone(), "wide");
    let before = world.local.counts().of(kinfolk_local::Server::Kinesis, "ListShards");
    let listing = source.list().await.unwrap();
    assert_eq!(listing.iter().count(), 1_203);
    let after = world.local.counts().of(kinfolk_local::Server::Kinesis, "ListShards");
    assert_eq!(after - before, 2);
}

#[tokio::test]
async fn a_stream_that_is_being_created_is_waited_for() {
    let world = World::start("slow", 1).await;
    world.kinesis.create_stream().stream_name("young").shard_count(1).send().await.unwrap();
    let start = Consumer::builder("young", "group").timing(fast());
    let start = start.clients(world.kinesis.clone(), world.dynamodb.clone());
    let consumer = timeout(SOON, start).await.expect("in time").expect("it starts");
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_clock_of_kinesis_is_read_from_its_answers() {
    let world = World::start("date", 1).await;
    let source = KinesisSource::new(world.kinesis.clone(), "date");
    let description = source.describe().await.unwrap();
    let theirs = description.server_time.expect("a date").0;
    let ours = SystemClock.now().wall.0;
    assert!((ours - theirs).abs() < 5_000, "{theirs} and {ours} are of one machine");
}

struct Flaky {
    failures: u32,
    seen: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Processor for Flaky {
    async fn process(
        &mut self,
        batch: &mut Batch,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for index in 0..batch.len() {
            let text = String::from_utf8(batch.get(index).unwrap().data().to_vec())?;
            if text.ends_with('7') && self.failures > 0 {
                self.failures -= 1;
                return Err("not today".into());
            }
            self.seen.lock().unwrap().push(text);
            batch.ack_through(index);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_failing_processor_skips_nothing_and_repeats_only_what_it_had_not_acknowledged() {
    let world = World::start("processor", 2).await;
    world.put(0..60).await;
    let consumer = world.consumer().await;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let handle = async {
        consumer.run(|_| Flaky { failures: 3, seen: seen.clone() }).await.unwrap();
    };
    let watch = async {
        while seen.lock().unwrap().len() < 60 {
            sleep(Duration::from_millis(20)).await;
        }
        consumer.shutdown().await.unwrap();
    };
    timeout(SOON, async { futures_util::join!(handle, watch) }).await.expect("it ends");
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, World::expected(0..60));
}

#[tokio::test]
async fn a_consumer_that_cannot_start_says_why() {
    let world = World::start("wrong", 1).await;
    let start = |builder: kinfolk::Builder| {
        let (kinesis, dynamodb) = (world.kinesis.clone(), world.dynamodb.clone());
        async move { builder.clients(kinesis, dynamodb).await.expect_err("an error") }
    };
    let missing = start(Consumer::builder("nothing-of-the-kind", "g")).await;
    assert_eq!(missing.kind(), kinfolk::ErrorKind::Config);
    assert!(missing.to_string().contains("nothing-of-the-kind"), "{missing}");
    let mut unsafe_timing = fast();
    unsafe_timing.fence_ms = 5_000;
    let unsafe_one = start(world.builder().timing(unsafe_timing)).await;
    assert!(unsafe_one.to_string().contains("fence"), "{unsafe_one}");
}
