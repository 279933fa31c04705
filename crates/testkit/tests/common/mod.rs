//! What the tests share: a DynamoDB of their own, and the SDK's client for it.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{Client, Config};
use kinfolk_local::Local;

/// A server and a client for it.
pub(crate) async fn dynamodb() -> (Local, Client) {
    let local = Local::builder().start().await.unwrap();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .region(Region::new(local.region()))
        .endpoint_url(local.dynamodb_endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(config);
    (local, client)
}
