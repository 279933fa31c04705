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
