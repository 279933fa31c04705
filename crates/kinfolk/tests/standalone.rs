//! Standalone consumers on the local servers: each reads every shard, and finds its place again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::World;
use futures_util::StreamExt;
use kinfolk::event::GroupEvent;
use kinfolk::{Builder, Consumer, Event};
use tokio::time::{sleep, timeout};

impl World {
    async fn run(&self, builder: Builder) -> Consumer {
        builder.clients(self.kinesis.clone(), self.dynamodb.clone()).await.unwrap()
    }
}

/// Takes so many records and acknowledges them; sorted.
async fn take(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut records = consumer.records();
    let mut seen = Vec::new();
    while seen.len() < count {
        let next = timeout(Duration::from_secs(15), records.next()).await;
        let record = next.unwrap_or_else(|_| panic!("only {} of {count}", seen.len()));
        let record = record.unwrap().unwrap();
        seen.push(String::from_utf8(record.data().to_vec()).unwrap());
        assert!(record.ack());
    }
    seen.sort();
    seen
}

async fn nothing_more(consumer: &Consumer) {
    let more = timeout(Duration::from_millis(1_200), consumer.next_batch(1)).await;
    assert!(more.is_err(), "nothing comes twice");
}

#[tokio::test]
async fn every_standalone_consumer_gets_every_record_beside_a_group_that_shares_them() {
    let world = World::start("standalone", 3).await;
    world.put(0..30).await;
    let shared = [world.run(world.builder()).await, world.run(world.builder()).await];
    let alone = world.run(world.builder().standalone()).await;
    let named = world.run(world.builder().standalone_as("tail")).await;
    assert_eq!(take(&alone, 30).await, World::expected(0..30));
    assert_eq!(take(&named, 30).await, World::expected(0..30));
    let mut both = Vec::new();
    while both.len() < 30 {
        for consumer in &shared {
            let next = timeout(Duration::from_millis(500), consumer.next_batch(100)).await;
            let Ok(Some(batch)) = next else { continue };
            both.extend(batch.iter().map(|r| String::from_utf8(r.data().to_vec()).unwrap()));
            batch.ack();
        }
    }
    both.sort();
    assert_eq!(both, World::expected(0..30), "the group shares them, each once");
    for consumer in shared.iter().chain([&alone, &named]) {
        consumer.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn one_with_a_name_goes_on_from_its_place_after_a_stop_and_after_a_crash() {
    let world = World::start("named", 2).await;
    world.put(0..10).await;
    let first = world.run(world.builder().standalone_as("tail")).await;
    assert_eq!(take(&first, 10).await, World::expected(0..10));
    first.shutdown().await.unwrap();
    world.put(10..20).await;
    let second = world.run(world.builder().standalone_as("tail")).await;
    assert_eq!(take(&second, 10).await, World::expected(10..20));
    nothing_more(&second).await;
    // Its place is stored with a beat; then it is gone without a word.
    sleep(Duration::from_millis(700)).await;
    drop(second);
    world.put(20..30).await;
    let third = world.run(world.builder().standalone_as("tail")).await;
    assert_eq!(take(&third, 10).await, World::expected(20..30));
    nothing_more(&third).await;
    third.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_consumer_knows_what_its_state_has_cost() {
    let world = World::start("usage", 2).await;
    let before = world.local.units();
    let consumer = world.run(world.builder()).await;
    sleep(Duration::from_secs(1)).await;
    let usage = consumer.usage();
    let server = world.local.units() - before;
    assert!(usage.reads > 2 && usage.writes > 1, "{usage:?}");
    assert!((500..5_000).contains(&usage.bytes), "{usage:?}");
    // Calls may be under way when the two are read.
    assert!((server.read - usage.read_units).abs() <= 2.0, "{server:?} {usage:?}");
    assert!((server.write - usage.write_units).abs() <= 4.0, "{server:?} {usage:?}");
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn one_without_a_name_begins_anew_each_time() {
    let world = World::start("unnamed", 2).await;
    world.put(0..10).await;
    for _ in 0..2 {
        let consumer = world.run(world.builder().standalone()).await;
        assert_eq!(take(&consumer, 10).await, World::expected(0..10));
        consumer.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn two_of_one_name_share_the_shards_and_one_takes_all_when_the_other_goes() {
    let world = World::start("mates", 4).await;
    let first = world.run(world.builder().standalone_as("tail")).await;
    let second = world.run(world.builder().standalone_as("tail")).await;
    let owners = |count: usize| {
        move |state: &kinfolk::core::snapshot::Snapshot| {
            let place = state.places.get("tail");
            let owners: std::collections::BTreeSet<_> = place
                .into_iter()
                .flat_map(|p| p.values())
                .filter_map(|s| s.owner.clone())
                .collect();
            owners.len() == count
        }
    };
    world.wait_until("sharing", owners(2)).await;
    first.shutdown().await.unwrap();
    world.wait_until("one owner", owners(1)).await;
    world.put(0..12).await;
    assert_eq!(take(&second, 12).await, World::expected(0..12));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_named_one_follows_a_split_parents_first() {
    let world = World::start("split", 1).await;
    world.put(0..10).await;
    let consumer = world.run(world.builder().standalone_as("tail")).await;
    assert_eq!(take(&consumer, 10).await, World::expected(0..10));
    world.split("shardId-000000000000").await;
    world.put(10..30).await;
    assert_eq!(take(&consumer, 20).await, World::expected(10..30));
    world
        .wait_until("the parent's end", |state| {
            state.places["tail"]["shardId-000000000000"].ended && state.shards.is_empty()
        })
        .await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn fan_out_consumers_are_registered_once_and_taken_by_one_worker_each() {
    let world = World::start("slots", 2).await;
    world.put(0..10).await;
    let first = world.run(world.builder().fan_out(2)).await;
    let second = world.run(world.builder().fan_out(2)).await;
    let used = |count: usize| {
        move |state: &kinfolk::core::snapshot::Snapshot| {
            state.slots.values().filter(|slot| slot.used_by.is_some()).count() == count
        }
    };
    world.wait_until("two slots in use", used(2)).await;
    let third = world.run(world.builder().fan_out(2)).await;
    let mut events = third.events();
    let idle = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::Group(GroupEvent::NoSlotFree)) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(10), idle).await.expect("it says that no slot is free");
    let consumers = world.kinesis.list_stream_consumers();
    let summary =
        world.kinesis.describe_stream_summary().stream_name("slots").send().await.unwrap();
    let arn = summary.stream_description_summary().unwrap().stream_arn().to_owned();
    let listed = consumers.stream_arn(arn).send().await.unwrap();
    assert_eq!(listed.consumers().len(), 2, "they are registered once");
    first.shutdown().await.unwrap();
    world.wait_until("the third has the slot of the first", used(2)).await;
    second.shutdown().await.unwrap();
    assert_eq!(take(&third, 10).await, World::expected(0..10));
    third.shutdown().await.unwrap();
    world.wait_until("every slot free", used(0)).await;
}

#[tokio::test]
async fn a_standalone_one_with_fan_out_leaves_its_place_in_its_slot() {
    let world = World::start("slot", 2).await;
    world.put(0..10).await;
    let first = world.run(world.builder().standalone().fan_out(1)).await;
    assert_eq!(take(&first, 10).await, World::expected(0..10));
    first.shutdown().await.unwrap();
    world.put(10..20).await;
    let second = world.run(world.builder().standalone().fan_out(1)).await;
    assert_eq!(take(&second, 10).await, World::expected(10..20));
    nothing_more(&second).await;
    second.shutdown().await.unwrap();
}
