//! What the tests share: a DynamoDB of their own, and the SDK's client for it.
#![allow(dead_code, reason = "each test file uses its own part of it")]

pub(crate) mod scripted;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, Config};
use kinfolk_local::Local;

/// A server and a client for it.
pub(crate) async fn dynamodb() -> (Local, Client) {
    let local = Local::builder().start().await.unwrap();
    let client = at(&local.dynamodb_endpoint());
    (local, client)
}

/// A client for the server at this address.
pub(crate) fn at(endpoint: &str) -> Client {
    let http_client = aws_smithy_http_client::Builder::new().build_http();
    Client::from_conf(config().endpoint_url(endpoint).http_client(http_client).build())
}

/// A client that gets its answers from a script.
pub(crate) fn scripted(script: &scripted::Script) -> Client {
    let config = config().endpoint_url("http://localhost").http_client(script.http_client());
    Client::from_conf(config.build())
}

fn config() -> aws_sdk_dynamodb::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .region(Region::new("eu-west-1"))
}
