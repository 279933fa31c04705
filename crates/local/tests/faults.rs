//! Faults: what the caller sees, and what the server did meanwhile.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test has its own time and tasks, and fails by panicking"
)]

mod common;

use std::time::{Duration, Instant};

use aws_sdk_kinesis::{
    error::{ProvideErrorMetadata, SdkError},
    types::ShardIteratorType,
};
use common::{Kinesis, put, start, stream};
use kinfolk_local::{Fault, FaultKind, Local, Server};

async fn try_put(kinesis: &Kinesis) -> Result<(), String> {
    let call = kinesis
        .put_record()
        .stream_name("s")
        .partition_key("k")
        .data(aws_sdk_kinesis::primitives::Blob::new("x"));
    match call.send().await {
        Ok(_) => Ok(()),
        Err(SdkError::DispatchFailure(_)) => Err("no answer".into()),
        Err(error) => {
            let status = error.raw_response().unwrap().status().as_u16();
            Err(format!("{status} {}", error.into_service_error().code().unwrap_or("")))
        }
    }
}

/// How many records the stream holds.
async fn records(kinesis: &Kinesis) -> usize {
    let call = kinesis.get_shard_iterator().stream_name("s").shard_id("shardId-000000000000");
    let first = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let got = kinesis.get_records().set_shard_iterator(first.shard_iterator).send().await.unwrap();
    got.records.len()
}

#[tokio::test]
async fn refusals_carry_the_services_own_codes_and_no_effect() {
    let (local, kinesis) = start(Local::builder().read_limits(false)).await;
    stream(&kinesis, "s", 1).await;
    for (kind, seen) in [
        (FaultKind::Throttle, "400 ProvisionedThroughputExceededException"),
        (FaultKind::ServerError, "500 InternalFailure"),
        (FaultKind::Unavailable, "503 ServiceUnavailable"),
        (FaultKind::Denied, "400 AccessDeniedException"),
        (FaultKind::ExpiredToken, "400 ExpiredTokenException"),
        (FaultKind::ExpiredIterator, "400 ExpiredIteratorException"),
        (FaultKind::LoseRequest, "no answer"),
    ] {
        local.faults().add(Fault::kinesis(kind).on("PutRecord").times(1));
        assert_eq!(try_put(&kinesis).await, Err(seen.to_owned()));
    }
    assert_eq!(records(&kinesis).await, 0);
    try_put(&kinesis).await.unwrap();
    assert_eq!(local.counts().of(Server::Kinesis, "PutRecord"), 8);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect() {
    let (local, kinesis) = start(Local::builder().read_limits(false)).await;
    stream(&kinesis, "s", 1).await;
    local.faults().add(Fault::kinesis(FaultKind::LoseAnswer).on("PutRecord").times(2));
    assert_eq!(try_put(&kinesis).await, Err("no answer".to_owned()));
    assert_eq!(try_put(&kinesis).await, Err("no answer".to_owned()));
    try_put(&kinesis).await.unwrap();
    assert_eq!(records(&kinesis).await, 3);
}

#[tokio::test]
async fn a_duplicate_is_carried_out_twice() {
    let (local, kinesis) = start(Local::builder().read_limits(false)).await;
    stream(&kinesis, "s", 1).await;
    local.faults().add(Fault::kinesis(FaultKind::Duplicate).times(1));
    put(&kinesis, "s", "k", "x").await;
    assert_eq!(records(&kinesis).await, 2);
}

#[tokio::test]
async fn delays_are_served_before_what_else_goes_wrong_and_end_when_removed() {
    let (local, kinesis) = start(Local::builder()).await;
    stream(&kinesis, "s", 1).await;
    let delay = local
        .faults()
        .add(Fault::kinesis(FaultKind::Delay(Duration::from_millis(500))).on("PutRecord"));
    local.faults().add(Fault::kinesis(FaultKind::Throttle).on("PutRecord").times(1));
    let began = Instant::now();
    try_put(&kinesis).await.unwrap_err();
    assert!(began.elapsed() >= Duration::from_millis(500));
    assert!(local.faults().remove(delay));
    let began = Instant::now();
    try_put(&kinesis).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_delayed_request_arrives_though_its_caller_has_given_up() {
    let (local, kinesis) = start(Local::builder().read_limits(false)).await;
    stream(&kinesis, "s", 1).await;
    let delay = FaultKind::Delay(Duration::from_millis(300));
    local.faults().add(Fault::kinesis(delay).on("PutRecord").times(1));
    let given_up = tokio::time::timeout(Duration::from_millis(100), try_put(&kinesis)).await;
    assert!(given_up.is_err());
    while records(&kinesis).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn dynamodb_fails_in_its_own_words_and_kinesis_is_untouched() {
    let (local, kinesis) = start(Local::builder()).await;
    let client = common::dynamodb(&local);
    for (kind, code) in [
        (FaultKind::Throttle, "ProvisionedThroughputExceededException"),
        (FaultKind::ServerError, "InternalServerError"),
        (FaultKind::Denied, "AccessDeniedException"),
        (FaultKind::ExpiredToken, "ExpiredTokenException"),
    ] {
        local.faults().add(Fault::dynamodb(kind));
        let error = client.list_tables().send().await.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some(code));
        kinesis.list_streams().send().await.unwrap();
        local.faults().clear();
    }
    local.faults().add(Fault::dynamodb(FaultKind::LoseAnswer).times(1));
    assert!(matches!(client.list_tables().send().await, Err(SdkError::DispatchFailure(_))));
    client.list_tables().send().await.unwrap();
    for _ in 0..20 {
        local.faults().add(Fault::dynamodb(FaultKind::Duplicate).times(1));
        client.list_tables().send().await.unwrap();
    }
}
