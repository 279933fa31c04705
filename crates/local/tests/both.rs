//! Both servers run together, and end together.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test has its own tasks, and fails by panicking"
)]

mod common;

use kinfolk_local::{Fault, FaultKind, Local, Server};

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

/// What SubscribeToShard is spoken over elsewhere.
#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let (local, _) = common::start(Local::builder()).await;
    let address = local.kinesis_endpoint().replace("http://", "");
    let stream = TokioIo::new(tokio::net::TcpStream::connect(&address).await.unwrap());
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let call = |operation: &str| {
        let request = hyper::Request::post(local.kinesis_endpoint());
        let request = request.header("x-amz-target", format!("Kinesis_20131202.{operation}"));
        request
            .header("content-type", "application/x-amz-json-1.1")
            .body(String::from("{}"))
            .unwrap()
    };
    assert_eq!(client.send_request(call("ListStreams")).await.unwrap().status(), 200);
    local.faults().add(Fault::kinesis(FaultKind::LoseAnswer).times(1));
    client.send_request(call("ListStreams")).await.unwrap_err();
    assert_eq!(
        client.send_request(call("ListStreams")).await.unwrap().status(),
        200,
        "only that call was lost"
    );
    local.shutdown().await;
    tokio::time::timeout(std::time::Duration::from_secs(1), connection)
        .await
        .unwrap()
        .unwrap()
        .ok();
}
