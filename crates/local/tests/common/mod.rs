//! What the tests share: servers, and the SDK's clients for them.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kinesis::{primitives::Blob, types::StreamStatus};
use kinfolk_local::{Local, LocalBuilder};

pub(crate) type Kinesis = aws_sdk_kinesis::Client;
pub(crate) type DynamoDb = aws_sdk_dynamodb::Client;

pub(crate) async fn start(builder: LocalBuilder) -> (Local, Kinesis) {
    let local = builder.start().await.unwrap();
    let kinesis = kinesis(&local);
    (local, kinesis)
}

/// A client that never repeats a call, so that a test sees each answer.
pub(crate) fn kinesis(local: &Local) -> Kinesis {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(credentials())
        .region(aws_sdk_kinesis::config::Region::new(local.region()))
        .endpoint_url(local.kinesis_endpoint())
        .retry_config(aws_sdk_kinesis::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Kinesis::from_conf(config)
}

/// A client that never repeats a call, so that a test sees each answer.
pub(crate) fn dynamodb(local: &Local) -> DynamoDb {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(credentials())
        .region(aws_sdk_dynamodb::config::Region::new(local.region()))
        .endpoint_url(local.dynamodb_endpoint())
        .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    DynamoDb::from_conf(config)
}

fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "test")
}

/// Makes a stream, waits for it, and returns its ARN.
pub(crate) async fn stream(kinesis: &Kinesis, name: &str, shards: i32) -> String {
    kinesis.create_stream().stream_name(name).shard_count(shards).send().await.unwrap();
    active(kinesis, name).await
}

/// Waits until a stream is ACTIVE and returns its ARN.
pub(crate) async fn active(kinesis: &Kinesis, name: &str) -> String {
    loop {
        let answer = kinesis.describe_stream_summary().stream_name(name).send().await.unwrap();
        let summary = answer.stream_description_summary.unwrap();
        if summary.stream_status == StreamStatus::Active {
            return summary.stream_arn;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Puts a record and returns its sequence number.
pub(crate) async fn put(
    kinesis: &Kinesis,
    stream: &str,
    key: &str,
    data: impl Into<Vec<u8>>,
) -> String {
    let put = kinesis.put_record().stream_name(stream).partition_key(key).data(Blob::new(data));
    put.send().await.unwrap().sequence_number
}
