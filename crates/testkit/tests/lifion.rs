//! The DynamoDB store in lifion's layout does what the definition says, and every one of its
//! conditions is needed for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use common::scripted::Script;
use kinfolk::ErrorKind;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::{Condition, LifionStore};
use kinfolk::store::dynamo::table::TableSettings;
use kinfolk_core::snapshot::Snapshot;
use kinfolk_testkit::conformance::{self, Plan, Report, Verdict};

/// Checks stores in one table, each in a group of its own, without these conditions.
async fn check(client: &Client, plan: &Plan, without: Option<Condition>) -> Verdict<Report> {
    let groups = AtomicU32::new(0);
    let make = async |state: Option<Snapshot>| {
        let number = groups.fetch_add(1, Ordering::Relaxed);
        let group = format!("group-{}-{without:?}-{number}", plan.seed);
        let store = LifionStore::new(client, "state", group, "orders");
        if let Some(state) = &state {
            store.put(state).await?;
        }
        Ok(without.into_iter().fold(store, LifionStore::leave_out))
    };
    conformance::check(make, plan).await
}

#[tokio::test]
async fn conforms() {
    let (local, client) = common::dynamodb().await;
    TableSettings::new().name("state").ensure(&client).await.unwrap();
    for seed in 0..1 {
        let report = check(&client, &Plan::new(seed), None).await;
        let report = report.unwrap_or_else(|divergence| panic!("{divergence}"));
        println!("seed {seed}: {report:?}");
        assert!(report.applied > 100 && report.refused > 100);
        assert!(report.raced > 10 && report.outraced > 10);
        assert!(report.settled > 50 && report.stale > 10);
    }
    local.shutdown().await;
}

#[tokio::test]
async fn each_condition_matters() {
    let (local, client) = common::dynamodb().await;
    TableSettings::new().name("state").ensure(&client).await.unwrap();
    for condition in Condition::ALL {
        let Err(divergence) = check(&client, &Plan::new(1), Some(*condition)).await else {
            panic!("without {condition:?} nothing is noticed");
        };
        println!("without {condition:?}: {}", divergence.brief());
    }
    local.shutdown().await;
}

#[tokio::test]
async fn each_call_is_one_attempt() {
    // The client's own settings would repeat a throttled call.
    let throttled = r#"{"__type": "com.amazonaws#ThrottlingException", "message": "slow down"}"#;
    let script = Script::new([(400, throttled.to_owned())]);
    let store = LifionStore::new(&common::scripted(&script), "state", "billing", "orders");
    let error = store.look().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(script.asked(), ["GetItem"]);
}

#[tokio::test]
async fn an_attempt_ends_at_its_limit() {
    // Connections are made, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let store = LifionStore::new(&common::at(&endpoint), "state", "billing", "orders");
    let store = store.attempt_limit(Duration::from_millis(50));
    let error = store.look().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer in time"), "{error}");
}
