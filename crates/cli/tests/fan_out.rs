//! The commands about fan-out consumers, run as people run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::{kinesis, kinfolk, pointed};
use kinfolk_local::Local;
use serde_json::Value;
use tokio::process::Child;

const GROUP: [&str; 4] = ["--stream", "orders", "--group", "billing"];

fn worker(local: &Local) -> Child {
    let mut command = pointed(local, &[&["consume"], &GROUP[..], &["--fan-out", "2"]].concat());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn list(local: &Local) -> Vec<Value> {
    let ran = kinfolk(local, &["fan-out", "list", "orders", "--json"], b"").await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    listed["consumers"].as_array().unwrap().clone()
}

/// Lists until as many are used as wanted, of so many.
async fn until_used(local: &Local, used: usize, of: usize) -> Vec<Value> {
    for _ in 0..150 {
        let all = list(local).await;
        let count = all.iter().filter(|one| one["in_use"] == true).count();
        if (count, all.len()) == (used, of) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not come about: {:#?}", list(local).await);
}

fn name(consumer: &Value) -> &str {
    consumer["name"].as_str().unwrap()
}

#[tokio::test]
async fn consumers_are_listed_with_their_users_and_only_orphans_go_unless_forced() {
    let local = Local::builder().start().await.unwrap();
    let deregister = async |args: &[&str]| {
        kinfolk(&local, &[&["fan-out", "deregister", "orders"], args].concat(), b"").await
    };
    let created = kinfolk(&local, &["stream", "create", "orders"], b"").await;
    assert_eq!(created.code, 0, "{}", created.err);
    // Somebody else's, and without any state yet.
    let client = kinesis(&local).await;
    let summary = client.describe_stream_summary().stream_name("orders").send().await.unwrap();
    let arn = summary.stream_description_summary.unwrap().stream_arn;
    client.register_stream_consumer().stream_arn(&arn).consumer_name("x").send().await.unwrap();
    assert_eq!(name(&list(&local).await[0]), "x");
    let unknown = deregister(&["--orphans"]).await;
    assert_ne!(unknown.code, 0, "without a state nobody knows what is used: {}", unknown.out);

    let mut worker = worker(&local);
    let all = until_used(&local, 1, 3).await;
    let used = all.iter().find(|one| one["in_use"] == true).unwrap();
    let idle = all.iter().find(|one| one["kinfolk"] == true && one["in_use"] == false).unwrap();
    assert_eq!(
        (&used["slots"][0]["group"], &used["status"]),
        (&"billing".into(), &"active".into())
    );
    let shown = kinfolk(&local, &["fan-out", "list", "orders"], b"").await;
    assert!(shown.out.contains(used["slots"][0]["used_by"].as_str().unwrap()), "{}", shown.out);

    // What is in use, or somebody else's, stays unless it is forced.
    for (kept, why) in [(name(used), "in use by worker"), ("x", "did not register it")] {
        let refused = deregister(&[kept, "--yes"]).await;
        assert_eq!(refused.code, 1, "{}", refused.out);
        assert!(refused.err.contains(why), "{}", refused.err);
    }
    let missing = deregister(&["nobody", "--yes"]).await;
    assert_eq!(missing.code, 2);
    // The idle one goes, and only with --yes.
    let told = deregister(&["--orphans"]).await;
    assert!(told.out.starts_with(&format!("would deregister {}: no worker", name(idle))));
    assert!(told.err.contains("--yes"), "{}", told.err);
    assert_eq!(list(&local).await.len(), 3);
    let other = deregister(&["--orphans", "--group", "other", "--yes"]).await;
    assert!(other.err.contains("no orphan"), "{}", other.err);
    let done = deregister(&["--orphans", "--group", "billing", "--yes"]).await;
    assert!(done.out.starts_with(&format!("deregistered {}", name(idle))), "{}", done.out);
    let left: Vec<_> = list(&local).await.iter().map(|one| name(one).to_owned()).collect();
    assert_eq!(left, [name(used), "x"]);

    worker.kill().await.unwrap();
    let forced = deregister(&[name(used), "x", "--force", "--yes"]).await;
    assert_eq!(forced.code, 0, "{}", forced.err);
    assert_eq!(list(&local).await, Vec::<Value>::new());
}
