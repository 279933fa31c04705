//! Writing and managing streams against the local servers, with their faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::types::ShardIteratorType;
use futures_util::future::join_all;
use kinfolk::ErrorKind;
use kinfolk::producer::{NewRecord, Producer, ProducerBuilder, Receipt, Stats};
use kinfolk::stream;
use kinfolk_local::{Fault, FaultKind, Local, LocalBuilder};

async fn start(builder: LocalBuilder) -> (Local, Client) {
    let local = builder.start().await.unwrap();
    let client = client(local.kinesis_endpoint());
    (local, client)
}

fn client(endpoint: String) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Sends all records in order, and returns their receipts and the counts.
async fn put_all(
    client: &Client,
    builder: ProducerBuilder,
    records: Vec<NewRecord>,
) -> (Vec<kinfolk::Result<Receipt>>, Stats) {
    let (producer, driver) = builder.build(client.clone());
    let work = async move {
        let mut sent = Vec::new();
        for record in records {
            sent.push(producer.send(record).await.unwrap());
        }
        join_all(sent).await
    };
    tokio::join!(work, driver.run())
}

/// Every record of the stream as (shard, key, data), in order for each shard.
async fn read_all(client: &Client, name: &str) -> Vec<(String, String, String)> {
    let mut records = Vec::new();
    for shard in stream::list_shards(client, &name.into()).await.unwrap() {
        let request = client
            .get_shard_iterator()
            .stream_name(name)
            .shard_id(shard.id.as_str())
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut iterator = request.send().await.unwrap().shard_iterator;
        while let Some(at) = iterator {
            let page = client.get_records().shard_iterator(at).send().await.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            records.extend(page.records.iter().map(|record| {
                let key = record.partition_key().unwrap_or_default().to_owned();
                (shard.id.to_string(), key, text(record.data().as_ref()))
            }));
            let done = page.millis_behind_latest == Some(0) && page.records.is_empty();
            iterator = page.next_shard_iterator.filter(|_| !done);
        }
    }
    records
}

/// 2,000 records of 200 keys, the first of which is hot.
fn records() -> Vec<NewRecord> {
    (0..2_000u32)
        .map(|n| {
            let key = if n % 10 == 0 { 0 } else { n % 200 };
            NewRecord::new(format!("{n:05}")).partition_key(format!("key-{key}"))
        })
        .collect()
}

fn assert_in_order(stored: &[(String, String, String)]) {
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for (_, key, data) in stored {
        let before = last.insert(key, data).unwrap_or_default();
        assert!(before <= data.as_str(), "{data} of {key} came after {before}");
    }
}

fn distinct(stored: &[(String, String, String)]) -> usize {
    stored.iter().map(|(_, _, data)| data).collect::<HashSet<_>>().len()
}

#[tokio::test]
async fn throttled_records_are_retried_in_order_of_their_key() {
    // Each shard takes 1,000 records a second: half of these are refused at first.
    let (local, client) = start(Local::builder().write_limits(true)).await;
    stream::create(&client, &"orders".into(), 1).await.unwrap();
    let (receipts, stats) = put_all(&client, Producer::builder("orders"), records()).await;
    assert!(receipts.iter().all(Result::is_ok));
    assert_eq!((stats.put, stats.failed, stats.bytes), (2_000, 0, 10_000));
    assert!(stats.throttled > 0 && stats.retried >= stats.throttled, "{stats:?}");
    let stored = read_all(&client, "orders").await;
    assert_eq!((stored.len(), distinct(&stored)), (2_000, 2_000));
    assert_in_order(&stored);
    local.shutdown().await;
}

#[tokio::test]
async fn nothing_is_lost_to_failing_calls_and_lost_answers() {
    let (local, client) = start(Local::builder()).await;
    stream::create(&client, &"orders".into(), 4).await.unwrap();
    for kind in [
        FaultKind::Throttle,
        FaultKind::LoseAnswer,
        FaultKind::ServerError,
        FaultKind::LoseRequest,
        FaultKind::ExpiredToken,
        FaultKind::Unavailable,
    ] {
        local.faults().add(Fault::kinesis(kind).on("PutRecords").times(1));
    }
    let (receipts, stats) = put_all(&client, Producer::builder("orders"), records()).await;
    let failure = receipts.iter().find_map(|receipt| receipt.as_ref().err());
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!((stats.put, stats.failed), (2_000, 0));
    assert!(stats.retried > 0 && stats.throttled > 0, "{stats:?}");
    let stored = read_all(&client, "orders").await;
    assert_eq!(distinct(&stored), 2_000);
    assert!(stored.len() > 2_000, "the lost answers' records are stored twice");
    assert_in_order(&stored);
    let shards: HashSet<_> = receipts.into_iter().map(|r| r.unwrap().shard).collect();
    assert_eq!(shards.len(), 4);
    local.shutdown().await;
}

#[tokio::test]
async fn what_cannot_work_fails_at_once_and_says_why() {
    let (local, client) = start(Local::builder()).await;
    let (missing, stats) =
        put_all(&client, Producer::builder("nowhere"), vec![NewRecord::new("x")]).await;
    let error = missing[0].as_ref().unwrap_err();
    assert_eq!((error.kind(), stats.failed), (ErrorKind::Config, 1));
    assert!(error.to_string().starts_with("cannot put a record into stream nowhere"), "{error}");

    stream::create(&client, &"orders".into(), 1).await.unwrap();
    local.faults().add(Fault::kinesis(FaultKind::Denied).on("PutRecords").times(1));
    let (producer, driver) = Producer::builder("orders").build(client.clone());
    let work = async move {
        drop(producer.send(NewRecord::new("a")).await.unwrap());
        let error = producer.flush().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        producer.put(NewRecord::new("b")).await.unwrap();
        producer.flush().await.unwrap();
    };
    tokio::join!(work, driver.run());
    local.shutdown().await;
}

#[tokio::test]
async fn an_unreachable_server_is_given_up_after_the_set_time() {
    let builder = Producer::builder("orders").give_up_after(Duration::from_secs(1));
    let client = client("http://127.0.0.1:9".to_owned());
    let (receipts, stats) = put_all(&client, builder, vec![NewRecord::new("x"); 3]).await;
    for error in receipts.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("for 1 s: cannot connect"), "{error}");
    }
    assert!(stats.calls < 60, "it does not spin: {stats:?}");
}

#[tokio::test]
async fn a_driver_that_goes_away_leaves_nobody_waiting() {
    let client = client("http://127.0.0.1:9".to_owned());
    let (producer, driver) = Producer::builder("orders").build(client);
    let sent = producer.send(NewRecord::new("x")).await.unwrap();
    drop(driver);
    assert_eq!(sent.await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(producer.flush().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(producer.put(NewRecord::new("y")).await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn streams_are_made_split_merged_and_deleted() {
    let (local, client) = start(Local::builder()).await;
    let name = "orders".into();
    stream::create(&client, &name, 2).await.unwrap();
    let again = stream::create(&client, &name, 2).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Config);
    assert!(!stream::create_unless_there(&client, &name, 2).await.unwrap());

    let info = stream::describe(&client, &name).await.unwrap();
    assert_eq!(info.status.to_string(), "ACTIVE");
    let [a, b] = &info.shards[..] else { panic!("{info:?}") };
    let children = stream::split(&client, &name, &a.id, None).await.unwrap();
    let [low, high] = &children[..] else { panic!("{children:?}") };
    assert_eq!(low.hash_range.start, a.hash_range.start);
    assert_eq!(low.hash_range.end + 1, high.hash_range.start);
    assert_eq!(high.hash_range.end, a.hash_range.end);

    let closed = stream::split(&client, &name, &a.id, None).await.unwrap_err();
    assert!(closed.to_string().contains("is closed"), "{closed}");
    let apart = stream::merge(&client, &name, &low.id, &b.id).await.unwrap_err();
    assert!(apart.to_string().contains("do not touch"), "{apart}");
    let outside = stream::split(&client, &name, &b.id, Some(0)).await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::Config);

    let merged = stream::merge(&client, &name, &b.id, &high.id).await.unwrap();
    assert_eq!(merged[0].hash_range.end, u128::MAX);
    assert_eq!(stream::list_shards(&client, &name).await.unwrap().len(), 5);
    stream::delete(&client, &name, false).await.unwrap();
    let gone = stream::describe(&client, &name).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Config);
    local.shutdown().await;
}

#[tokio::test]
async fn a_client_that_is_set_up_wrongly_is_not_repeated() {
    let base = || {
        aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
    };
    let known = || base().credentials_provider(Credentials::new("a", "b", None, None, "test"));
    let region = Region::new("us-east-1");
    for (config, kind) in [
        (base().region(region.clone()), ErrorKind::Denied),
        (known(), ErrorKind::Config),
        (known().region(region).endpoint_url("::no"), ErrorKind::Config),
    ] {
        let client = Client::from_conf(config.build());
        let record = vec![NewRecord::new("x")];
        let (receipts, _) = put_all(&client, Producer::builder("orders"), record).await;
        let error = receipts[0].as_ref().unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
}
