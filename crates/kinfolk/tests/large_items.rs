//! Large items in S3: from a producer to a consumer, and the bucket that they are in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, Tag, Tagging,
};
use common::World;
use kinfolk::codec::{Codec, Compression, Data, Json, LargeItems, Undecoded};
use kinfolk::producer::{NewRecord, Producer};
use kinfolk::{Delivery, ErrorKind};
use kinfolk_local::{Fault, FaultKind, Local, Server};
use serde_json::{Value, json};

/// What Node takes for the threshold of 900: so many characters stay in the record.
const THRESHOLD: usize = 900 * 1024;

async fn start() -> (World, S3) {
    let local = Local::builder().s3(true).start().await.unwrap();
    let s3 = s3(&local);
    (World::on(local, "orders", 1).await, s3)
}

fn s3(local: &Local) -> S3 {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(local.s3_endpoint().unwrap())
        .force_path_style(true)
        .region(Region::new(local.region()))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    S3::from_conf(config)
}

fn calls(world: &World, operation: &str) -> u64 {
    world.local.counts().of(Server::S3, operation)
}

async fn put(world: &World, records: Vec<NewRecord>) {
    let (producer, driver) = Producer::builder("orders").build(world.kinesis.clone());
    let work = async move {
        for record in records {
            producer.put(record.partition_key("k")).await.unwrap();
        }
    };
    tokio::join!(work, driver.run());
}

async fn next(consumer: &kinfolk::Consumer) -> Delivery {
    use futures_util::TryStreamExt;
    consumer.records().try_next().await.unwrap().unwrap()
}

fn pointer(data: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(data).ok()?.get("@S3Item").cloned()
}

#[tokio::test]
async fn a_large_item_goes_by_way_of_the_bucket_and_keeps_its_keys() {
    let (world, s3) = start().await;
    let items = LargeItems::new(s3.clone(), "orders").keep_keys(["id", "type"]);
    items.ensure_bucket(&world.kinesis).await.unwrap();
    for compression in [Compression::None, Compression::LzUtf8] {
        let codec = Codec::new().compression(compression).large_items(items.clone());
        let large = json!({ "type": "order", "id": 7, "lines": "größe ".repeat(200_000) });
        let small = json!({ "type": "order", "id": 8 });
        let text = "x".repeat(THRESHOLD + 1);
        let records = vec![
            codec.encode(&large).await.unwrap(),
            codec.encode(&small).await.unwrap(),
            codec.encode(&text).await.unwrap(),
        ];
        assert!(records.iter().all(|record| record.data.len() < 300));
        put(&world, records).await;

        let consumer = world.consumer().await;
        let delivery = next(&consumer).await;
        let decoded = codec.decode(delivery.record()).await.unwrap();
        assert_eq!(
            decoded.fields.0,
            json!({ "type": "order", "id": 7 }).as_object().unwrap().clone()
        );
        assert!(decoded.data == Data::Json(large));
        delivery.ack();
        let delivery = next(&consumer).await;
        let decoded = codec.decode(delivery.record()).await.unwrap();
        assert_eq!(decoded.data, Data::Json(small));
        assert!(decoded.fields.0.is_empty());
        delivery.ack();
        let delivery = next(&consumer).await;
        assert!(codec.decode(delivery.record()).await.unwrap().data == Data::Text(text));
        delivery.ack();
        consumer.shutdown().await.unwrap();
    }
    assert_eq!((calls(&world, "PutObject"), calls(&world, "GetObject")), (4, 4));
    world.local.shutdown().await;
}

#[tokio::test]
async fn the_threshold_counts_characters_as_javascript_does() {
    let (world, s3) = start().await;
    s3.create_bucket().bucket("orders").send().await.unwrap();
    let codec = Codec::new().large_items(LargeItems::new(s3.clone(), "orders"));
    let is_large =
        async |text: String| pointer(&codec.encode_bytes(text).await.unwrap().data).is_some();
    assert!(!is_large("x".repeat(THRESHOLD)).await);
    assert!(is_large("x".repeat(THRESHOLD + 1)).await);
    // Two bytes and one character; four bytes and two characters.
    assert!(!is_large("é".repeat(THRESHOLD)).await);
    assert!(is_large("é".repeat(THRESHOLD + 1)).await);
    assert!(!is_large("🙂".repeat(THRESHOLD / 2)).await);
    assert!(is_large("🙂".repeat(THRESHOLD / 2) + "x").await);
    // The quotes, braces and commas of JSON count.
    let item = |length: usize| json!(["x".repeat(length - 4)]);
    let record = codec.encode(&item(THRESHOLD)).await.unwrap();
    assert_eq!(record.data.len(), THRESHOLD);
    let record = codec.encode(&item(THRESHOLD + 1)).await.unwrap();
    let key = pointer(&record.data).unwrap()["key"].as_str().unwrap().to_owned();
    let object = s3.get_object().bucket("orders").key(&key).send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/json"));
    assert!(key.starts_with("orders-") && key.ends_with(".json") && key.len() == 34, "{key}");
    // Bytes that are no text.
    let bytes = vec![0xFF_u8; THRESHOLD + 1];
    let record = codec.encode_bytes(bytes.clone()).await.unwrap();
    assert!(codec.decode_bytes(&record.data).await.unwrap().data == Data::Bytes(bytes.into()));
    world.local.shutdown().await;
}

#[tokio::test]
async fn a_pointer_is_followed_only_where_that_is_allowed() {
    let (world, s3) = start().await;
    for bucket in ["orders", "foreign"] {
        s3.create_bucket().bucket(bucket).send().await.unwrap();
        let body = ByteStream::from_static(b"{\"n\":1}");
        s3.put_object().bucket(bucket).key("k").body(body).send().await.unwrap();
    }
    let foreign = br#"{"@S3Item":{"bucket":"foreign","eTag":"","key":"k"},"a":1}"#;
    let items = LargeItems::new(s3, "orders");

    let plain = Codec::new().decode_bytes(foreign).await.unwrap();
    assert_eq!(plain.data, Data::Json(serde_json::from_slice(foreign).unwrap()));

    let codec = Codec::new().large_items(items.clone());
    let refused = codec.decode_bytes(foreign).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Data);
    assert!(refused.to_string().contains("LargeItems::allow_bucket"), "{refused}");
    assert_eq!(calls(&world, "GetObject"), 0, "nothing was asked for");
    assert_eq!(refused.into_raw().data, plain.data);

    let allowed = Codec::new().large_items(items.allow_bucket("foreign"));
    let decoded = allowed.decode_bytes(foreign).await.unwrap();
    assert_eq!(decoded.fields.0, json!({ "a": 1 }).as_object().unwrap().clone());
    // Without a content type, as Node writes it.
    assert_eq!(decoded.data, Data::Json(json!({ "n": 1 })));

    let never = allowed.json(Json::Never).decode_bytes(foreign).await.unwrap();
    assert!(matches!(never.data, Data::Text(_)));
    world.local.shutdown().await;
}

#[tokio::test]
async fn an_item_that_is_gone_is_a_data_error_and_its_record_comes_again() {
    let (world, s3) = start().await;
    s3.create_bucket().bucket("orders").send().await.unwrap();
    let codec = Codec::new().large_items(LargeItems::new(s3.clone(), "orders"));
    let gone = r#"{"@S3Item":{"bucket":"orders","eTag":"","key":"gone"}}"#;
    put(&world, vec![NewRecord::new(gone)]).await;
    let consumer = world.consumer().await;
    for _ in 0..2 {
        let delivery = next(&consumer).await;
        let undecoded = codec.decode(delivery.record()).await.unwrap_err();
        assert_eq!(undecoded.kind(), ErrorKind::Data);
        let report = undecoded.error().report().to_string();
        assert!(report.starts_with("cannot decode record 4"), "{report}");
        assert!(report.contains("NoSuchKey"), "{report}");
    }
    // As the Node library delivers it.
    let delivery = next(&consumer).await;
    let raw = codec.decode(delivery.record()).await.unwrap_or_else(Undecoded::into_raw);
    assert_eq!(raw.data, Data::Json(serde_json::from_str(gone).unwrap()));
    delivery.ack();
    consumer.shutdown().await.unwrap();

    // A store that fails is another matter: it passes.
    world.local.faults().add(Fault::s3(FaultKind::ServerError));
    let undecoded = codec.decode_bytes(gone.as_bytes()).await.unwrap_err();
    assert_eq!(undecoded.kind(), ErrorKind::Unavailable);
    world.local.faults().clear();
    world.local.faults().add(Fault::s3(FaultKind::Denied));
    let undecoded = codec.decode_bytes(gone.as_bytes()).await.unwrap_err();
    assert_eq!(undecoded.kind(), ErrorKind::Denied);
    world.local.shutdown().await;
}

#[tokio::test]
async fn what_is_fetched_is_limited() {
    let (world, s3) = start().await;
    s3.create_bucket().bucket("orders").send().await.unwrap();
    let codec = Codec::new().large_items(LargeItems::new(s3, "orders").threshold_kb(1));
    let record = codec.encode_bytes("x".repeat(5_000)).await.unwrap();
    assert!(codec.clone().max_bytes(5_000).decode_bytes(&record.data).await.is_ok());
    let undecoded = codec.max_bytes(4_999).decode_bytes(&record.data).await.unwrap_err();
    assert_eq!(undecoded.kind(), ErrorKind::Data);
    assert!(undecoded.to_string().contains("4999 bytes that are allowed"), "{undecoded}");
    world.local.shutdown().await;
}

#[tokio::test]
async fn the_bucket_is_made_tagged_and_ruled_once() {
    let (world, s3) = start().await;
    let items = LargeItems::new(s3.clone(), "orders").tags([("team", "billing")]);
    let writes = || {
        ["CreateBucket", "PutBucketTagging", "PutBucketLifecycleConfiguration"]
            .map(|write| calls(&world, write))
    };
    for _ in 0..2 {
        items.ensure_bucket(&world.kinesis).await.unwrap();
        assert_eq!(writes(), [1, 1, 1]);
    }
    let rules = rules(&s3).await;
    let [rule] = &rules[..] else { panic!("{rules:?}") };
    assert_eq!(rule.id(), Some("kinfolk-large-items-orders"));
    assert_eq!(rule.filter().unwrap().prefix(), Some("orders-"));
    assert_eq!(rule.expiration().unwrap().days(), Some(2), "a day more than the records stay");
    world.local.shutdown().await;
}

#[tokio::test]
async fn what_a_bucket_has_stays() {
    let (world, s3) = start().await;
    s3.create_bucket().bucket("orders").send().await.unwrap();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let tags = [tag("team", "old"), tag("cost", "7")];
    let tagging = Tagging::builder().set_tag_set(Some(tags.into())).build().unwrap();
    s3.put_bucket_tagging().bucket("orders").tagging(tagging).send().await.unwrap();
    let node = rule("lifion-kinesis-ttl-rule", "orders--", 1);
    set_rules(&s3, vec![node.clone()]).await;

    let items = LargeItems::new(s3.clone(), "orders").tags([("team", "billing")]);
    items.ensure_bucket(&world.kinesis).await.unwrap();
    assert_eq!(calls(&world, "CreateBucket"), 1);
    let answer = s3.get_bucket_tagging().bucket("orders").send().await.unwrap();
    let mut tags: Vec<_> = answer.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    tags.sort_unstable();
    assert_eq!(tags, [("cost", "7"), ("team", "billing")]);
    let found = rules(&s3).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], node);

    // Ours was made when the records stayed for a shorter time.
    set_rules(&s3, vec![rule("kinfolk-large-items-orders", "orders-", 0), node]).await;
    items.ensure_bucket(&world.kinesis).await.unwrap();
    let days: Vec<_> =
        rules(&s3).await.iter().map(|rule| rule.expiration().unwrap().days()).collect();
    assert_eq!(days, [Some(1), Some(2)]);
    world.local.shutdown().await;
}

#[tokio::test]
async fn items_that_would_go_before_their_records_are_refused() {
    let (world, s3) = start().await;
    let items = LargeItems::new(s3.clone(), "orders");
    let early = items.clone().expire_after_days(0);
    let error = early.ensure_bucket(&world.kinesis).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(calls(&world, "CreateBucket"), 0);

    s3.create_bucket().bucket("orders").send().await.unwrap();
    for prefix in ["", "ord", "orders-"] {
        set_rules(&s3, vec![rule("other", prefix, 0)]).await;
        let error = items.ensure_bucket(&world.kinesis).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().starts_with("rule other of bucket orders deletes"), "{error}");
    }
    for harmless in [rule("other", "invoices-", 0), rule("other", "", 1)] {
        set_rules(&s3, vec![harmless]).await;
        items.ensure_bucket(&world.kinesis).await.unwrap();
    }
    world.local.shutdown().await;
}

fn rule(id: &str, prefix: &str, days: i32) -> LifecycleRule {
    LifecycleRule::builder()
        .id(id)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
        .expiration(LifecycleExpiration::builder().days(days).build())
        .build()
        .unwrap()
}

async fn rules(s3: &S3) -> Vec<LifecycleRule> {
    let call = s3.get_bucket_lifecycle_configuration().bucket("orders");
    call.send().await.unwrap().rules.unwrap_or_default()
}

async fn set_rules(s3: &S3, rules: Vec<LifecycleRule>) {
    let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
    let call = s3.put_bucket_lifecycle_configuration().bucket("orders");
    call.lifecycle_configuration(rules).send().await.unwrap();
}
