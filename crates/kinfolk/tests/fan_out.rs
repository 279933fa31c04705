//! Consumers that read by enhanced fan-out, and everything that can happen to a subscription.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::{Duration, Instant};

use common::World;
use futures_util::StreamExt;
use kinfolk::core::reader::{FallBack, Loss};
use kinfolk::event::{Events, GroupEvent};
use kinfolk::{Consumer, Event};
use kinfolk_local::{EventFault, Fault, FaultKind, Local, LocalBuilder, Server};
use tokio::time::timeout;

/// Long enough for what waits for a subscription that is 5 seconds old.
const SOON: Duration = Duration::from_secs(20);

async fn world(stream: &str, shards: i32, local: LocalBuilder) -> World {
    World::on(local.start().await.unwrap(), stream, shards).await
}

async fn consumer(world: &World, slots: u32) -> Consumer {
    let clients = (world.kinesis.clone(), world.dynamodb.clone());
    world.builder().fan_out(slots).clients(clients.0, clients.1).await.unwrap()
}

/// Takes so many records, and acknowledges them.
async fn take(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut records = consumer.records();
    let mut seen = Vec::new();
    while seen.len() < count {
        let next = timeout(SOON, records.next()).await;
        let record = next.unwrap_or_else(|_| panic!("no more after {seen:?}")).unwrap().unwrap();
        seen.push(String::from_utf8(record.data().to_vec()).unwrap());
        assert!(record.ack());
    }
    seen
}

/// Nothing comes that was not expected.
async fn nothing_more(consumer: &Consumer) {
    let mut records = consumer.records();
    let more = timeout(Duration::from_millis(1_000), records.next()).await;
    assert!(more.is_err(), "{more:?}");
}

async fn until<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let mut passed = Vec::new();
    let begin = Instant::now();
    while let Ok(event) = timeout(SOON.saturating_sub(begin.elapsed()), events.next()).await {
        let event = event.expect("the consumer runs");
        if let Some(found) = wanted(&event) {
            return found;
        }
        passed.push(event);
    }
    panic!("it does not happen: {passed:#?}");
}

async fn subscribed(events: &mut Events, wanted: u32) {
    until(events, |event| match event {
        Event::Subscribed { times, .. } if *times >= wanted => Some(()),
        _ => None,
    })
    .await;
}

async fn lost(events: &mut Events) -> Loss {
    until(events, |event| match event {
        Event::Unsubscribed { loss, .. } => Some(*loss),
        _ => None,
    })
    .await
}

async fn fell_back(events: &mut Events) -> FallBack {
    until(events, |event| match event {
        Event::FellBack { reason, .. } => Some(*reason),
        _ => None,
    })
    .await
}

fn spoil(world: &World, fault: EventFault, times: u32) {
    world.local.faults().add(Fault::kinesis(FaultKind::Event(fault)).times(times));
}

#[tokio::test]
async fn records_are_pushed_once_and_in_order() {
    let world = world("pushed", 1, Local::builder()).await;
    world.put(0..20).await;
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    let mut seen = take(&consumer, 20).await;
    subscribed(&mut events, 1).await;
    let polled = world.reads();
    world.put(20..60).await;
    seen.extend(take(&consumer, 40).await);
    assert_eq!(seen, World::expected(0..60));
    assert_eq!(world.reads(), polled, "nobody polls beside the subscription");
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

/// Something goes wrong with the first event that holds records: whatever it is, the next subscription
/// goes on behind the last record.
async fn goes_on_after(name: &str, fault: EventFault, wanted: impl Fn(&Loss) -> bool) {
    let world = world(name, 1, Local::builder().resubscribe_after(Duration::ZERO)).await;
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    subscribed(&mut events, 1).await;
    world.put(0..10).await;
    let mut seen = take(&consumer, 10).await;
    spoil(&world, fault, 1);
    world.put(10..30).await;
    let loss = lost(&mut events).await;
    assert!(wanted(&loss), "{loss:?}");
    seen.extend(take(&consumer, 20).await);
    assert_eq!(seen, World::expected(0..30), "all of them, once and in order");
    subscribed(&mut events, 2).await;
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_exception_among_the_events_is_followed_by_another_subscription() {
    let codes = ["InternalFailureException", "KMSThrottlingException", "ResourceInUseException"];
    let failed = |loss: &Loss| matches!(loss, Loss::Failed(_));
    let each = codes.map(|code| goes_on_after("exception", EventFault::Exception(code), failed));
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn half_a_frame_is_followed_by_another_subscription() {
    let failed = |loss: &Loss| matches!(loss, Loss::Failed(_) | Loss::Ended);
    goes_on_after("half", EventFault::HalfAFrame, failed).await;
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    goes_on_after("silent", EventFault::Silence, |loss| *loss == Loss::Silent).await;
}

#[tokio::test]
async fn two_frames_in_a_chunk_are_two_events() {
    let world = world("two", 1, Local::builder()).await;
    spoil(&world, EventFault::TwoInAChunk, 50);
    let consumer = consumer(&world, 1).await;
    subscribed(&mut consumer.events(), 1).await;
    world.put(0..50).await;
    assert_eq!(take(&consumer, 50).await, World::expected(0..50));
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_subscription_that_runs_out_is_followed_by_one_without_a_gap() {
    let local = Local::builder().subscription_time(Duration::from_millis(1_500));
    let world = world("short", 2, local).await;
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    let feed = async {
        for number in 0..100 {
            world.put(number..number + 1).await;
            tokio::time::sleep(Duration::from_millis(70)).await;
        }
    };
    let (mut seen, ()) = tokio::join!(take(&consumer, 100), feed);
    subscribed(&mut events, 2).await;
    seen.sort();
    assert_eq!(seen, World::expected(0..100));
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_split_hands_out_the_children_after_their_parent() {
    let world = world("split", 1, Local::builder()).await;
    spoil(&world, EventFault::EmptyContinuation, 1);
    let consumer = consumer(&world, 1).await;
    subscribed(&mut consumer.events(), 1).await;
    world.put(0..20).await;
    let mut seen = take(&consumer, 10).await;
    world.split("shardId-000000000000").await;
    world.put(20..60).await;
    let mut events = consumer.events();
    let mut records = consumer.records();
    while seen.len() < 60 {
        let record = timeout(SOON, records.next()).await.expect("in time").unwrap().unwrap();
        let number = String::from_utf8(record.data().to_vec()).unwrap();
        let parent = record.shard().as_str() == "shardId-000000000000";
        assert_eq!(parent, number.as_str() < "0020", "{number} of {}", record.shard());
        assert!(!parent || seen.len() < 20, "{number} after a child's");
        seen.push(number);
        assert!(record.ack());
    }
    for _ in 0..2 {
        subscribed(&mut events, 1).await;
    }
    seen.sort();
    assert_eq!(seen, World::expected(0..60));
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_is_deregistered_is_registered_again_and_the_shard_polled_meanwhile() {
    let world = world("deregistered", 1, Local::builder()).await;
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    let first = took_slot(&mut events).await;
    subscribed(&mut events, 1).await;
    world.put(0..10).await;
    let mut seen = take(&consumer, 10).await;
    world.kinesis.deregister_stream_consumer().consumer_arn(&first).send().await.unwrap();
    // Until it is gone it goes on pushing.
    let stream = first.split_once("/consumer/").unwrap().0;
    let gone = async {
        let list = || world.kinesis.list_stream_consumers().stream_arn(stream).send();
        while !list().await.unwrap().consumers().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(SOON, gone).await.expect("it goes");
    world.put(10..30).await;
    // Both at once: a handler that takes nothing keeps the next event, or error, from being read.
    let (more, reason) = tokio::join!(take(&consumer, 20), fell_back(&mut events));
    assert_eq!(reason, FallBack::Missing);
    seen.extend(more);
    let again = took_slot(&mut events).await;
    assert_ne!(again, first);
    subscribed(&mut events, 2).await;
    world.put(30..40).await;
    seen.extend(take(&consumer, 10).await);
    assert_eq!(seen, World::expected(0..40));
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
}

async fn took_slot(events: &mut Events) -> String {
    until(events, |event| match event {
        Event::Group(GroupEvent::TookSlot { arn, .. }) => Some(arn.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_worker_that_finds_no_free_slot_polls_and_changes_to_fan_out_when_one_is_free() {
    let world = world("crowded", 2, Local::builder()).await;
    let first = consumer(&world, 1).await;
    subscribed(&mut first.events(), 1).await;
    let second = consumer(&world, 1).await;
    let mut events = second.events();
    let none = |event: &Event| matches!(event, Event::Group(GroupEvent::NoSlotFree)).then_some(());
    until(&mut events, none).await;
    let shared = |state: &kinfolk::core::snapshot::Snapshot| {
        let owners: std::collections::BTreeSet<_> =
            state.shards.values().filter_map(|shard| shard.owner.clone()).collect();
        owners.len() == 2
    };
    world.wait_until("a share for each", shared).await;
    world.put(0..40).await;
    let mut seen = Vec::new();
    let mut polled = 0;
    while seen.len() < 40 {
        let (one, other) = (first.next_batch(100), second.next_batch(100));
        let batch = tokio::select! {
            batch = one => batch,
            batch = other => { polled += 1; batch }
        };
        let batch = batch.unwrap();
        let text = |record: kinfolk::Record<'_>| String::from_utf8(record.data().to_vec()).unwrap();
        seen.extend(batch.iter().map(text));
        assert!(batch.ack());
    }
    assert!(polled > 0 && world.reads() > 0, "the second one reads, too");
    first.shutdown().await.unwrap();
    subscribed(&mut events, 1).await;
    world.put(40..60).await;
    seen.extend(take(&second, 20).await);
    seen.sort();
    assert_eq!(seen, World::expected(0..60));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn fan_out_that_keeps_failing_is_left_for_polling() {
    let world = world("failing", 1, Local::builder()).await;
    world.put(0..10).await;
    world.local.faults().add(Fault::kinesis(FaultKind::ServerError).on("SubscribeToShard"));
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    let mut seen = take(&consumer, 10).await;
    assert_eq!(fell_back(&mut events).await, FallBack::Failing);
    world.put(10..20).await;
    seen.extend(take(&consumer, 10).await);
    assert_eq!(seen, World::expected(0..20));
    let calls = world.local.counts().of(Server::Kinesis, "SubscribeToShard");
    assert_eq!(calls, 5);
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_may_not_be_subscribed_to_is_polled_at_once() {
    let world = world("denied", 1, Local::builder()).await;
    world.put(0..10).await;
    world.local.faults().add(Fault::kinesis(FaultKind::Denied).on("SubscribeToShard"));
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    assert_eq!(fell_back(&mut events).await, FallBack::Refused);
    assert_eq!(take(&consumer, 10).await, World::expected(0..10));
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_handler_that_takes_its_time_is_no_silence() {
    let world = world("slow", 1, Local::builder().event_records(5)).await;
    let consumer = consumer(&world, 1).await;
    let mut events = consumer.events();
    subscribed(&mut events, 1).await;
    world.put(0..60).await;
    // Longer than a silence of Kinesis is borne.
    tokio::time::sleep(Duration::from_secs(17)).await;
    assert_eq!(take(&consumer, 60).await, World::expected(0..60));
    nothing_more(&consumer).await;
    consumer.shutdown().await.unwrap();
    drop(consumer);
    let mut losses = Vec::new();
    while let Some(event) = events.next().await {
        if let Event::Unsubscribed { loss, .. } = event {
            losses.push(loss);
        }
    }
    assert_eq!(losses, []);
}
