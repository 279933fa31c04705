//! Clients of the local servers.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_kinesis::Client as Kinesis;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use kinfolk_local::Local;

/// A client of the local Kinesis.
pub(crate) fn kinesis(local: &Local) -> Kinesis {
    Kinesis::from_conf(
        aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(local.kinesis_endpoint())
            .region(Region::new(local.region()))
            .credentials_provider(credentials())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    )
}

/// A client of the local DynamoDB.
pub(crate) fn dynamodb(local: &Local) -> DynamoDb {
    DynamoDb::from_conf(
        aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(local.dynamodb_endpoint())
            .region(Region::new(local.region()))
            .credentials_provider(credentials())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build(),
    )
}

/// The servers take any.
fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "local")
}
