//! The servers of the demo, and who talks to them.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::Credentials;
use kinfolk_local::Local;
use tokio::process::Command;

use crate::exit::Failure;

/// Kinesis and DynamoDB in this process.
pub(super) struct Servers {
    local: Local,
    config: SdkConfig,
}

impl Servers {
    pub(super) async fn start() -> Result<Self, Failure> {
        let cannot = "cannot run Kinesis and DynamoDB here";
        let local = Local::builder().start().await;
        let local = local.map_err(|error| Failure::failed(cannot).because(error))?;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(local.region()))
            .credentials_provider(Credentials::new("local", "local", None, None, "demo"))
            .load()
            .await;
        Ok(Self { local, config })
    }

    pub(super) fn kinesis(&self) -> aws_sdk_kinesis::Client {
        let config = aws_sdk_kinesis::config::Builder::from(&self.config);
        let config = config.endpoint_url(self.local.kinesis_endpoint()).build();
        aws_sdk_kinesis::Client::from_conf(config)
    }

    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config);
        let config = config.endpoint_url(self.local.dynamodb_endpoint()).build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// Makes a process talk to these servers, and to nothing of the user's own account.
    pub(super) fn point(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
        }
        command
            .env("AWS_ENDPOINT_URL_KINESIS", self.local.kinesis_endpoint())
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.local.dynamodb_endpoint())
            .env("AWS_REGION", self.local.region())
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local");
    }

    pub(super) async fn shutdown(self) {
        self.local.shutdown().await;
    }
}
