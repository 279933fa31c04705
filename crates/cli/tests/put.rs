//! The commands that write, run as people run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::kinfolk;
use kinfolk_local::{Fault, FaultKind, Local};
use serde_json::Value;

#[tokio::test]
async fn lines_are_put_and_counted_whatever_fails_on_the_way() {
    let local = Local::builder().start().await.unwrap();
    for kind in [FaultKind::Throttle, FaultKind::ServerError, FaultKind::LoseRequest] {
        local.faults().add(Fault::kinesis(kind).on("PutRecords").times(1));
    }
    let lines: String =
        (0..1000).map(|n| format!("{{\"n\":{n},\"k\":\"{}\"}}\n", n % 50)).collect();
    let args = ["put", "--stream", "orders", "--create-shards", "3", "--key", "k", "--json"];
    let ran = kinfolk(&local, &args, lines.as_bytes()).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&summary["put"], &summary["failed"]), (&1000.into(), &0.into()));
    assert_eq!(summary["bytes"], lines.len() - 1000);
    assert!(summary["retried"].as_u64() > Some(0), "{summary}");

    let described = kinfolk(&local, &["stream", "describe", "orders", "--json"], b"").await;
    let described: Value = serde_json::from_str(&described.out).unwrap();
    assert_eq!(described["open_shards"], 3);
    local.shutdown().await;
}

#[tokio::test]
async fn a_line_without_its_key_is_named_and_those_before_it_are_put() {
    let local = Local::builder().start().await.unwrap();
    let created = kinfolk(&local, &["stream", "create", "orders"], b"").await;
    assert_eq!(created.code, 0, "{}", created.err);
    let input = b"{\"k\":1}\n{\"k\":2}\nnot json\n{\"k\":4}\n";
    let ran = kinfolk(&local, &["put", "--stream", "orders", "--key", "k"], input).await;
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("put 2 records (14 B) into orders"), "{}", ran.out);
    assert!(ran.err.contains("standard input, line 3: not JSON"), "{}", ran.err);
    // Without a key anything is a record, text or not.
    let ran = kinfolk(&local, &["put", "--stream", "orders"], b"\xff\x00\n\nlast").await;
    assert!(ran.out.starts_with("put 3 records (6 B)"), "{} {}", ran.out, ran.err);
    local.shutdown().await;
}

#[tokio::test]
async fn errors_say_what_to_do_and_the_code_tells_setup_from_failure() {
    let local = Local::builder().start().await.unwrap();
    let missing = kinfolk(&local, &["put", "--stream", "nowhere"], b"x\n").await;
    assert_eq!(missing.code, 2);
    assert!(
        missing.err.contains("hint: create it with `kinfolk stream create`"),
        "{}",
        missing.err
    );
    local.faults().add(Fault::kinesis(FaultKind::Denied));
    let denied = kinfolk(&local, &["stream", "describe", "orders"], b"").await;
    assert_eq!(denied.code, 2);
    assert!(denied.err.contains("access denied"), "{}", denied.err);
    assert!(denied.err.contains("hint: set AWS_PROFILE"), "{}", denied.err);
    assert_eq!(kinfolk(&local, &["put"], b"").await.code, 2);
    local.shutdown().await;
}
