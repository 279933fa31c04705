//! Both servers run together, and end together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use kinfolk_local::{Local, Server};

#[tokio::test]
async fn starts_counts_and_ends() {
    let (local, kinesis) = common::start(Local::builder()).await;
    common::stream(&kinesis, "orders", 2).await;
    common::put(&kinesis, "orders", "a", "hello").await;
    assert_eq!(local.counts().of(Server::Kinesis, "PutRecord"), 1);
    local.shutdown().await;
    assert!(kinesis.list_streams().send().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn dropping_the_servers_ends_open_connections_too() {
    let (local, kinesis) = common::start(Local::builder()).await;
    kinesis.list_streams().send().await.unwrap();
    drop(local);
    assert!(kinesis.list_streams().send().await.is_err());
}
