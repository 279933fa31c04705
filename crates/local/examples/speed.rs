//! How fast the servers are, in calls of one connection after another: `cargo run --release
//! --example speed`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measuring tool"
)]

use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_kinesis::{
    primitives::Blob,
    types::{PutRecordsRequestEntry, ShardIteratorType},
};
use kinfolk_local::Local;

#[tokio::main]
async fn main() {
    let local = Local::builder().read_limits(false).start().await.unwrap();
    kinesis(&local).await;
    dynamodb(&local).await;
    local.shutdown().await;
}

async fn kinesis(local: &Local) {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("local", "local", None, None, "speed"))
        .region(aws_sdk_kinesis::config::Region::new(local.region()))
        .endpoint_url(local.kinesis_endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_kinesis::Client::from_conf(config);
    client.create_stream().stream_name("s").shard_count(1).send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    let entry = PutRecordsRequestEntry::builder()
        .partition_key("k")
        .data(Blob::new(vec![1; 1024]))
        .build()
        .unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        let call =
            client.put_records().stream_name("s").set_records(Some(vec![entry.clone(); 500]));
        call.send().await.unwrap();
    }
    report("records put, 500 a call", 50_000, began);

    let call = client.get_shard_iterator().stream_name("s").shard_id("shardId-000000000000");
    let mut next = call
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .unwrap()
        .shard_iterator;
    let (began, mut seen) = (Instant::now(), 0);
    while seen < 50_000 {
        let page = client.get_records().set_shard_iterator(next).send().await.unwrap();
        seen += page.records.len();
        next = page.next_shard_iterator;
    }
    report("records got", 50_000, began);

    let began = Instant::now();
    for _ in 0..2000 {
        client
            .put_record()
            .stream_name("s")
            .partition_key("k")
            .data(Blob::new("x"))
            .send()
            .await
            .unwrap();
    }
    report("records put one by one", 2000, began);
}

async fn dynamodb(local: &Local) {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("local", "local", None, None, "speed"))
        .region(aws_sdk_dynamodb::config::Region::new(local.region()))
        .endpoint_url(local.dynamodb_endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let attribute =
        AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let table = client.create_table().table_name("table").billing_mode(BillingMode::PayPerRequest);
    let table =
        table.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    table.send().await.unwrap();

    let began = Instant::now();
    for n in 0..3000 {
        let call = client
            .update_item()
            .table_name("table")
            .key("id", AttributeValue::S((n % 100).to_string()));
        let call = call
            .update_expression("SET n = :n")
            .expression_attribute_values(":n", AttributeValue::N("1".into()));
        call.send().await.unwrap();
    }
    report("items updated one by one", 3000, began);
}

fn report(what: &str, number: u32, began: Instant) {
    println!("{:>10.0} a second: {what}", f64::from(number) / began.elapsed().as_secs_f64());
}
