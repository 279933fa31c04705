//! Clients from the AWS SDK's usual environment and profile.
//!
//! The SDK itself reads `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_KINESIS` and
//! `AWS_ENDPOINT_URL_DYNAMODB` when a client is made from the configuration loaded here.

use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, SdkConfig};

use crate::exit::Failure;

/// Region, credentials and endpoints.
///
/// Credentials are not looked up before the first call needs them.
pub(crate) async fn config() -> Result<SdkConfig, Failure> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    // Who exports credentials is hardly on EC2, where asking the metadata service for a region
    // answers; elsewhere it takes seconds to time out.
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some() {
        let environment = aws_config::environment::EnvironmentVariableRegionProvider::new();
        let profile = ProfileFileRegionProvider::new();
        loader = loader.region(RegionProviderChain::first_try(environment).or_else(profile));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(Failure::setup("no AWS region is set").hint(
            "export AWS_REGION, or choose a profile that has one with AWS_PROFILE; \
             for `kinfolk local`, export what it prints",
        ));
    }
    Ok(config)
}

/// A client of Kinesis.
pub(crate) async fn kinesis() -> Result<aws_sdk_kinesis::Client, Failure> {
    Ok(aws_sdk_kinesis::Client::new(&config().await?))
}
