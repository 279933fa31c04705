//! What the tests share: servers, and the SDK's clients for them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test uses its own part of it, and fails by panicking"
)]

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

/// A call in CBOR, which the Rust SDK does not speak. Returns the status and the answer.
pub(crate) async fn cbor(
    local: &Local,
    operation: &str,
    request: &ciborium::Value,
) -> (u16, ciborium::Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut body = Vec::new();
    ciborium::into_writer(request, &mut body).unwrap();
    let host = local.kinesis_endpoint().replace("http://", "");
    let mut connection = tokio::net::TcpStream::connect(&host).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-amz-cbor-1.1\r\n\
         X-Amz-Target: Kinesis_20131202.{operation}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    assert!(head.contains("content-type: application/x-amz-cbor-1.1"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, ciborium::from_reader(&answer[split + 4..]).unwrap())
}

/// A field of a map.
pub(crate) fn field<'a>(value: &'a ciborium::Value, name: &str) -> &'a ciborium::Value {
    let fields = value.as_map().unwrap();
    let found = fields.iter().find(|(key, _)| key.as_text() == Some(name));
    &found.unwrap_or_else(|| panic!("no {name} in {value:?}")).1
}
