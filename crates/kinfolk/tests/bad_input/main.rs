//! What bad input does: which error, with which words, or which event, and what goes on.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "what users read is there to be looked at")]

#[path = "../common/mod.rs"]
mod common;

mod attributes;
mod full;
mod raw;
mod records;
mod recreated;
mod setup;

use std::time::Duration;

use common::World;
use futures_util::StreamExt;
use kinfolk::{Builder, Consumer, Delivery, Error, Event, Events};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(15);

/// A consumer that must not start: why not.
async fn refused(builder: Builder, world: &World) -> Error {
    let start = builder.clients(world.kinesis.clone(), world.dynamodb.clone());
    let error = timeout(SOON, start).await.expect("in time").expect_err("it must not start");
    println!("{error:?}");
    error
}

/// A consumer that finds out that it cannot take part: why not.
async fn ended(consumer: Consumer) -> Error {
    let last = timeout(SOON, consumer.records().next()).await.expect("in time");
    let error = last.expect("an error is the last item").expect_err("no record");
    println!("{error:?}");
    let again = consumer.shutdown().await.expect_err("the same error");
    assert_eq!((again.kind(), again.to_string()), (error.kind(), error.to_string()));
    error
}

/// The first event of this kind.
async fn event<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let next = async {
        loop {
            let event = events.next().await.expect("the consumer goes on");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    timeout(SOON, next).await.expect("the event in time")
}

/// What the next event says of a state that cannot be reached.
async fn unreachable(events: &mut Events) -> String {
    let message = event(events, |event| match event {
        Event::StateUnreachable { message } => Some(message.clone()),
        _ => None,
    });
    let message = message.await;
    println!("StateUnreachable({message})");
    message
}

async fn next(consumer: &Consumer) -> Delivery {
    let next = async { consumer.records().next().await.expect("a record").expect("no error") };
    timeout(SOON, next).await.expect("a record in time")
}

/// Takes so many records and acknowledges them.
async fn take(consumer: &Consumer, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let record = next(consumer).await;
        seen.push(String::from_utf8(record.data().to_vec()).unwrap());
        assert!(record.ack());
    }
    seen
}

/// Takes records until none comes for a while, and acknowledges them.
async fn rest(consumer: &Consumer) -> Vec<String> {
    let mut seen = Vec::new();
    let mut records = consumer.records();
    while let Ok(Some(record)) = timeout(Duration::from_millis(1_500), records.next()).await {
        let record = record.unwrap();
        seen.push(String::from_utf8(record.data().to_vec()).unwrap());
        assert!(record.ack());
    }
    seen
}

/// Whether no record comes for a while.
async fn is_quiet(consumer: &Consumer) -> bool {
    timeout(Duration::from_millis(1_500), consumer.records().next()).await.is_err()
}
