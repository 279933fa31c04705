//! Streams that are made, encrypted, tagged and named by their ARN, against the local servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use common::World;
use futures_util::StreamExt;
use kinfolk::core::id::StreamRef;
use kinfolk::core::topology::Initial;
use kinfolk::producer::{NewRecord, Producer};
use kinfolk::stream::{self, StreamSettings};
use kinfolk::{Consumer, ErrorKind};
use kinfolk_local::{Local, Server};

/// Has a server that takes a while for each change, as AWS does, and one stream that is not used.
async fn slow() -> World {
    let local = Local::builder().transition_time(Duration::from_millis(400)).start().await.unwrap();
    World::on(local, "other", 1).await
}

fn calls(world: &World, operation: &str) -> u64 {
    world.local.counts().of(Server::Kinesis, operation)
}

async fn tags(client: &Client, stream: &str) -> BTreeMap<String, String> {
    let listed = client.list_tags_for_stream().stream_name(stream).send().await.unwrap();
    listed.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap())).collect()
}

#[tokio::test]
async fn a_missing_stream_is_made_only_if_that_is_asked_for() {
    let world = slow().await;
    let name = StreamRef::from("orders");
    let refused = StreamSettings::new().ensure(&world.kinesis, &name).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("stream orders is not there"), "{refused}");
    assert_eq!(calls(&world, "CreateStream"), 1, "the other one's");

    // Several find it missing, and one of them makes it.
    let settings = StreamSettings::new().create(3);
    let all = [(); 4].map(|()| settings.ensure(&world.kinesis, &name));
    for ensured in futures_util::future::join_all(all).await {
        ensured.unwrap();
    }
    let info = stream::describe(&world.kinesis, &name).await.unwrap();
    assert_eq!((info.shards.len(), info.status.to_string().as_str()), (3, "ACTIVE"));

    // One that is there keeps what it has.
    StreamSettings::new().create(7).ensure(&world.kinesis, &name).await.unwrap();
    assert_eq!(stream::list_shards(&world.kinesis, &name).await.unwrap().len(), 3);

    let free = StreamRef::from("on-demand");
    StreamSettings::new().create_on_demand().ensure(&world.kinesis, &free).await.unwrap();
    assert!(stream::describe(&world.kinesis, &free).await.unwrap().on_demand);
}

#[tokio::test]
async fn a_stream_that_is_being_deleted_is_waited_for_and_made_again() {
    let world = slow().await;
    let name = StreamRef::from("other");
    let before = stream::describe(&world.kinesis, &name).await.unwrap().created;
    // Kinesis tells a stream's age in whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    world.kinesis.delete_stream().stream_name("other").send().await.unwrap();
    let refused = StreamSettings::new().ensure(&world.kinesis, &name).await.unwrap_err();
    assert!(refused.to_string().contains("is being deleted"), "{refused}");
    StreamSettings::new().create(2).ensure(&world.kinesis, &name).await.unwrap();
    let info = stream::describe(&world.kinesis, &name).await.unwrap();
    assert_eq!(info.shards.len(), 2);
    assert_ne!(info.created, before);
}

#[tokio::test]
async fn a_stream_is_encrypted_once_and_keeps_its_key() {
    let world = slow().await;
    let name = StreamRef::from("other");
    let encrypted = StreamSettings::new().encrypt_with("alias/aws/kinesis");
    // Two at once: the second is told that the stream is in use.
    let (one, two) = futures_util::join!(
        encrypted.ensure(&world.kinesis, &name),
        encrypted.ensure(&world.kinesis, &name)
    );
    one.and(two).unwrap();
    let info = stream::describe(&world.kinesis, &name).await.unwrap();
    assert!(info.encrypted);
    assert_eq!(info.status.to_string(), "ACTIVE", "it was waited for");
    let before = calls(&world, "StartStreamEncryption");
    encrypted.ensure(&world.kinesis, &name).await.unwrap();
    StreamSettings::new().encrypt_with("another").ensure(&world.kinesis, &name).await.unwrap();
    assert_eq!(calls(&world, "StartStreamEncryption"), before);
}

/// A server that has one stream and knows no operation but describing it.
#[derive(Clone, Debug)]
struct Simple;

impl HttpConnector for Simple {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let describes = request.headers().get("x-amz-target").unwrap().ends_with("StreamSummary");
        let stream = serde_json::json!({ "StreamDescriptionSummary": {
            "StreamName": "orders",
            "StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1.0,
            "EnhancedMonitoring": [],
            "OpenShardCount": 1,
        }});
        let unknown = serde_json::json!({ "__type": "UnknownOperationException" });
        let (status, body) = if describes { (200, stream) } else { (400, unknown) };
        let body = SdkBody::from(body.to_string());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body)))
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_no_obstacle() {
    let world = World::start("other", 1).await;
    let connector = SharedHttpConnector::new(Simple);
    let config = world.kinesis.config().to_builder();
    let config = config.http_client(http_client_fn(move |_, _| connector.clone()));
    let settings = StreamSettings::new().encrypt_with("alias/aws/kinesis");
    settings.ensure(&Client::from_conf(config.build()), &"orders".into()).await.unwrap();
}

#[tokio::test]
async fn tags_are_merged_over_all_pages_and_written_only_if_one_is_lacking() {
    let world = slow().await;
    let name = StreamRef::from("other");
    let tag = |number: usize| (format!("tag-{number:02}"), format!("value {number}"));
    StreamSettings::new().tags((0..25).map(tag)).ensure(&world.kinesis, &name).await.unwrap();
    assert_eq!(tags(&world.kinesis, "other").await, (0..25).map(tag).collect());
    assert_eq!(calls(&world, "AddTagsToStream"), 3, "ten in a call");

    StreamSettings::new().tags((5..25).map(tag)).ensure(&world.kinesis, &name).await.unwrap();
    assert_eq!(calls(&world, "AddTagsToStream"), 3, "nothing is lacking on any page");

    let changed = [("tag-24", "other"), ("team", "billing")];
    StreamSettings::new().tags(changed).ensure(&world.kinesis, &name).await.unwrap();
    let there = tags(&world.kinesis, "other").await;
    assert_eq!(calls(&world, "AddTagsToStream"), 4);
    assert_eq!(
        (there.len(), there["tag-24"].as_str(), there["team"].as_str()),
        (26, "other", "billing")
    );
    assert_eq!(there["tag-00"], "value 0");
}

#[tokio::test]
async fn a_consumer_prepares_its_stream_before_it_reads() {
    let world = slow().await;
    let settings = StreamSettings::new().create(2).encrypt_with("key").tags([("team", "billing")]);
    let consumer = Consumer::builder("made", "group").timing(common::fast());
    let consumer = consumer.stream_settings(settings);
    let consumer = consumer.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    let info = stream::describe(&world.kinesis, &"made".into()).await.unwrap();
    assert_eq!((info.shards.len(), info.encrypted), (2, true));
    assert_eq!(tags(&world.kinesis, "made").await.len(), 1);
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_stream_may_be_named_by_its_arn_and_the_state_is_kept_under_its_name() {
    let world = World::start("orders", 2).await;
    let info = stream::describe(&world.kinesis, &"orders".into()).await.unwrap();
    let arn = StreamRef::from(info.arn.as_str());
    assert_eq!(stream::describe(&world.kinesis, &arn).await.unwrap(), info);
    let children = stream::split(&world.kinesis, &arn, &info.shards[0].id, None).await.unwrap();
    stream::merge(&world.kinesis, &arn, &children[0].id, &children[1].id).await.unwrap();
    let settings = StreamSettings::new().create(9).encrypt_with("key").tags([("a", "b")]);
    settings.ensure(&world.kinesis, &arn).await.unwrap();

    let (producer, driver) = Producer::builder(&arn).build(world.kinesis.clone());
    let put = async move { producer.put(NewRecord::new("by ARN")).await };
    tokio::join!(put, driver.run()).0.unwrap();

    let by_arn =
        Consumer::builder(&arn, "group").initial(Initial::TrimHorizon).timing(common::fast());
    let by_arn = by_arn.clients(world.kinesis.clone(), world.dynamodb.clone()).await.unwrap();
    assert_eq!(by_arn.stream().as_str(), "orders");
    let record = by_arn.records().next().await.unwrap().unwrap();
    assert_eq!(record.data(), b"by ARN");
    assert!(record.ack());
    by_arn.shutdown().await.unwrap();

    // The next one is given the name and goes on from there.
    world.put(0..1).await;
    let by_name = world.consumer().await;
    let record = by_name.records().next().await.unwrap().unwrap();
    assert_eq!(record.data(), b"0000");
    by_name.shutdown().await.unwrap();
    stream::delete(&world.kinesis, &arn, false).await.unwrap();
}

#[tokio::test]
async fn what_is_no_stream_is_refused_before_a_call() {
    let world = World::start("orders", 1).await;
    let wrong = StreamRef::from("arn:aws:kinesis:us-east-1:1:stream/orders/consumer/c:1");
    let (kinesis, dynamodb) = (&world.kinesis, &world.dynamodb);
    let before = world.local.counts();
    let described = stream::describe(kinesis, &wrong).await.unwrap_err();
    let ensured = StreamSettings::new().create(1).ensure(kinesis, &wrong).await.unwrap_err();
    let started = Consumer::builder(&wrong, "group").clients(kinesis.clone(), dynamodb.clone());
    let started = started.await.unwrap_err();
    let (producer, driver) = Producer::builder(&wrong).build(kinesis.clone());
    let put = async move { producer.put(NewRecord::new("x")).await };
    let put = tokio::join!(put, driver.run()).0.unwrap_err();
    for error in [described, ensured, started, put] {
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("fan-out consumer"), "{error}");
    }
    assert_eq!(world.local.counts().kinesis, before.kinesis);

    let missing = StreamRef::from("arn:aws:kinesis:us-east-1:000000000000:stream/nowhere");
    let refused = StreamSettings::new().create(1).ensure(kinesis, &missing).await.unwrap_err();
    assert!(refused.to_string().contains("give its name"), "{refused}");
}
