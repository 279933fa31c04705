//! Iterators that expire, and records as large as Kinesis takes them.

use std::time::Duration;

use kinfolk::core::reader::Pace;
use kinfolk::core::topology::Initial;
use kinfolk::producer::{NewRecord, Producer};
use kinfolk::{Consumer, ErrorKind};
use kinfolk_local::{Fault, FaultKind, Local, Server};

use crate::common::{World, fast};
use crate::{is_quiet, next, rest, take};

/// What Kinesis takes of a record, with its key.
const MOST: usize = 10 * 1_024 * 1_024;

#[tokio::test]
async fn an_iterator_that_expired_is_replaced_behind_the_last_record() {
    let world = World::start("expired", 1).await;
    let expire = |times| {
        let fault = Fault::kinesis(FaultKind::ExpiredIterator).on("GetRecords").times(times);
        world.local.faults().add(fault);
    };
    expire(1);
    world.put(0..20).await;
    let consumer = world.consumer().await;
    // Before any record, between records that are in hands, and twice in a row.
    let mut seen = take(&consumer, 10).await;
    expire(1);
    world.put(20..30).await;
    seen.extend(take(&consumer, 20).await);
    expire(2);
    world.put(30..40).await;
    seen.extend(rest(&consumer).await);
    assert_eq!(seen, World::expected(0..40), "each once, in order");
    consumer.shutdown().await.unwrap();
    let iterators = world.local.counts().of(Server::Kinesis, "GetShardIterator");
    assert_eq!(iterators, 1 + 4, "one, and one for each that expired");
    let second = world.consumer().await;
    assert!(is_quiet(&second).await, "nothing comes twice");
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn iterators_that_live_shorter_than_a_pause_lose_nothing() {
    let hasty = Local::builder().iterator_life(Duration::from_millis(100)).start().await.unwrap();
    let world = World::on(hasty, "hasty", 1).await;
    let consumer = world.consumer().await;
    let mut seen = Vec::new();
    for part in 0..4 {
        world.put(part * 5..part * 5 + 5).await;
        seen.extend(take(&consumer, 5).await);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    assert_eq!(seen, World::expected(0..20));
    assert!(is_quiet(&consumer).await, "nothing comes twice");
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_record_of_ten_mebibytes_comes_whole_and_a_larger_one_is_refused() {
    // Kinesis and the reader would wait 5 seconds until so many bytes are paid for.
    let unlimited = Local::builder().read_limits(false).start().await.unwrap();
    let pace = Pace { bytes_per_second: 1 << 40, ..Pace::default() };
    let world = World::on(unlimited, "whole", 1).await;
    // No period that a cut would hide.
    let data: Vec<u8> = (0..MOST - 1).map(|n| (n * 31 + n / 251) as u8).collect();
    world.put(0..1).await;
    let (producer, driver) = Producer::builder("whole").build(world.kinesis.clone());
    let put = async move {
        let large = |data: Vec<u8>| producer.put(NewRecord::new(data).partition_key("k"));
        large(data.clone()).await.unwrap();
        (large(vec![0; MOST]).await.expect_err("with its key it is too large"), data)
    };
    let ((error, data), _) = tokio::join!(put, driver.run());
    println!("{error:?}");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "cannot put a record into stream whole: it has 10485761 bytes with its key, at most \
         10485760 are allowed"
    );
    world.put(1..2).await;

    // The least budget is a tenth of it, and overdrawn until the record is done.
    for budget in [64 << 20, 1 << 20] {
        let builder = Consumer::builder("whole", format!("budget-{budget}"));
        let builder =
            builder.initial(Initial::TrimHorizon).timing(fast()).budget(budget).pace(pace.clone());
        let start = builder.clients(world.kinesis.clone(), world.dynamodb.clone());
        let consumer = start.await.unwrap();
        assert_eq!(take(&consumer, 1).await, World::expected(0..1));
        let large = next(&consumer).await;
        assert!(large.data() == data, "{} bytes came, not the same", large.data().len());
        assert!(large.ack());
        assert_eq!(take(&consumer, 1).await, World::expected(1..2));
        consumer.shutdown().await.unwrap();
    }
}
