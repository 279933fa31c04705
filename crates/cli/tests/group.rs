//! The commands that look at groups, run as people run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use common::{Ran, kinfolk, offline, pointed};
use kinfolk::store::dynamo::lifion::{Document, LifionStore};
use kinfolk::store::dynamo::table::{DEFAULT_TABLE, TableSettings};
use kinfolk_local::Local;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::Child;

async fn client(local: &Local) -> Client {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(local.region()))
        .endpoint_url(local.dynamodb_endpoint())
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .load()
        .await;
    Client::new(&config)
}

/// Saved items in all modes of the Node library, by their files.
fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    assert_eq!(files.len(), 14);
    files
}

fn parse(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A file of a test's own.
fn file(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn worker(local: &Local) -> Child {
    let mut command = pointed(local, &["consume", "--stream", "orders", "--group", "billing"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lists the groups until the first is as wanted.
async fn list_until(local: &Local, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        let ran = kinfolk(local, &["group", "list", "--json"], b"").await;
        let listed = serde_json::from_str::<Value>(&ran.out).unwrap_or_default();
        if let Some(first) = listed.pointer("/groups/0") {
            last = first.clone();
            if wanted(&last) {
                return last;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it did not come about: {last:#}");
}

#[tokio::test]
async fn groups_are_listed_in_numbers_and_one_that_does_not_read_hides_no_other() {
    let local = Local::builder().start().await.unwrap();
    let created = kinfolk(&local, &["stream", "create", "orders", "--shards", "3"], b"").await;
    assert_eq!(created.code, 0, "{}", created.err);
    let mut workers = [worker(&local), worker(&local)];
    let billing = list_until(&local, |billing| billing["workers_alive"] == 2).await;
    assert_eq!((&billing["stream"], &billing["shards"]), (&"orders".into(), &3.into()));
    assert!(billing["bytes"].as_u64() > Some(500), "{billing}");

    // A group that a Node consumer left, and an item that nobody could read.
    let client = client(&local).await;
    let saved = golden().into_iter().find(|path| path.ends_with(EFO_STANDALONE)).unwrap();
    let Document { group, stream, state, .. } =
        Document::read(&std::fs::read(saved).unwrap()).unwrap();
    LifionStore::new(&client, DEFAULT_TABLE, group, stream).put(&state).await.unwrap();
    let put = client.put_item().table_name(DEFAULT_TABLE);
    let put = put.item("consumerGroup", AttributeValue::S("broken".into()));
    let put = put.item("streamName", AttributeValue::S("orders".into()));
    put.item("consumers", AttributeValue::N("1".into())).send().await.unwrap();

    let ran = kinfolk(&local, &["group", "list"], b"").await;
    assert_eq!(ran.code, 1);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|row| row.split("  ").collect()).collect();
    let cells = |row: usize| -> Vec<&str> {
        rows[row].iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect()
    };
    assert_eq!(rows.len(), 4, "{}", ran.out);
    assert_eq!(cells(1)[..6], ["billing", "orders", "2", "3", "0", "-"], "{}", ran.out);
    let unreadable = "unreadable: the state item's consumers is not a map";
    assert_eq!(cells(2), ["broken", "orders", "-", "-", "-", "-", "-", unreadable]);
    let golden = ["golden-group", "golden-efo-standalone-b", "0 (+2 silent)", "0", "2", "2/2"];
    assert_eq!(cells(3)[..6], golden, "{}", ran.out);
    assert_eq!(cells(3)[7], "standalone", "{}", ran.out);
    assert!(ran.err.contains("1 of 3 states in dynamodb:lifion-kinesis-state"), "{}", ran.err);
    assert!(ran.err.contains("hint: nothing was changed: look at the item"), "{}", ran.err);

    let ran = kinfolk(&local, &["group", "list", "--json"], b"").await;
    assert_eq!(ran.code, 1);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["groups"][1]["error"], "the state item's consumers is not a map");
    assert_eq!(json["groups"][2]["workers_silent"], 2);

    // Both hand over and go; the group's place stays.
    for worker in &mut workers {
        let id = Pid::from_raw(i32::try_from(worker.id().unwrap()).unwrap()).unwrap();
        kill_process(id, Signal::TERM).unwrap();
        assert!(worker.wait().await.unwrap().success());
    }
    let left = list_until(&local, |billing| billing["workers_alive"] == 0).await;
    assert_eq!((&left["note"], &left["shards"]), (&"left behind".into(), &3.into()));
    local.shutdown().await;
}

const EFO_STANDALONE: &str = "ferrokinesis-dynoxide-efo-standalone-1-after-1000-records.json";

#[tokio::test]
async fn a_table_without_groups_and_one_that_is_not_there_are_told_apart() {
    let local = Local::builder().start().await.unwrap();
    let list = ["group", "list", "--state", "dynamodb:mine"];
    let missing = kinfolk(&local, &list, b"").await;
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    let error = "error: cannot list the groups in table mine: it does not exist";
    assert!(missing.err.starts_with(error), "{}", missing.err);
    assert!(missing.err.contains("hint: check --state, AWS_REGION"), "{}", missing.err);

    TableSettings::new().name("mine").ensure(&client(&local).await).await.unwrap();
    let empty = kinfolk(&local, &list, b"").await;
    assert_eq!((empty.code, empty.out.as_str()), (0, ""));
    assert!(empty.err.starts_with("there is no group in dynamodb:mine\n  hint: "), "{}", empty.err);
    let args = ["group", "list", "--state", "dynamodb:mine", "--json"];
    let empty = kinfolk(&local, &args, b"").await;
    assert_eq!((empty.code, empty.err.as_str()), (0, ""));
    let json: Value = serde_json::from_str(&empty.out).unwrap();
    assert_eq!(json, json!({"state": "dynamodb:mine", "groups": []}));
    local.shutdown().await;
}

/// The ids of a saved item's workers and shards, from all the places where it has some.
fn ids(item: &Value) -> Vec<String> {
    let keys = |map: &Value| -> Vec<String> {
        map.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let mut ids = keys(&item["consumers"]);
    ids.extend(keys(&item["shards"]));
    for home in ["consumers", "enhancedConsumers"] {
        let entries = item[home].as_object().unwrap();
        ids.extend(entries.values().flat_map(|entry| keys(&entry["shards"])));
    }
    ids
}

#[tokio::test]
async fn saved_items_of_all_modes_are_described_without_any_server() {
    for path in golden() {
        let name = path.to_str().unwrap();
        let ran = offline(&["group", "describe", "--item", name], b"").await;
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        let item = parse(&path)["item"].take();
        let ids = ids(&item);
        assert!(ids.len() >= 6, "{name}: {ids:?}");
        for id in &ids {
            assert!(ran.out.contains(id.as_str()), "{name}: {id} is missing in {}", ran.out);
        }
        let beats = item["consumers"].as_object().unwrap().values();
        let youngest = beats.map(|worker| worker["heartbeat"].as_str().unwrap()).max().unwrap();
        let line = format!("from a saved item: its youngest beat is of {youngest}, ");
        assert!(ran.out.contains(&line), "{name}: {}", ran.out);

        let ran = offline(&["group", "describe", "--item", name, "--json"], b"").await;
        assert_eq!(ran.code, 0, "{name}: {}", ran.err);
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&json["saved_item"], &json["youngest_beat"]), (&true.into(), &youngest.into()));
        let shared = json["shards"].as_array().unwrap().len();
        let own = json["standalone"].as_array().unwrap().len();
        assert_eq!(
            (shared == 0, own),
            if name.contains("standalone") { (true, 2) } else { (false, 0) }
        );
        let slots = json["slots"].as_array().unwrap().len();
        assert_eq!(slots, if name.contains("-efo-") { 2 } else { 0 });
    }
}

/// The output but for ages, which grow between two runs.
fn ageless(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    let mut json: Value = serde_json::from_str(&ran.out).unwrap();
    for part in ["workers", "shards"] {
        for entry in json[part].as_array_mut().unwrap() {
            entry.as_object_mut().unwrap().retain(|name, _| !name.ends_with("age_ms"));
        }
    }
    json
}

#[tokio::test]
async fn an_item_may_come_in_any_form_from_a_file_or_standard_input() {
    let saved = parse(&golden()[2]);
    let describe = ["group", "describe", "--json", "--item"];
    let path = golden()[2].to_str().unwrap().to_owned();
    let expected = ageless(&offline(&[&describe[..], &[&path]].concat(), b"").await);
    assert_eq!(expected["shards"].as_array().unwrap().len(), 6);
    for (form, text) in [
        ("plain", saved["item"].to_string()),
        ("typed", saved["rawItem"].to_string()),
        ("plain, inside", json!({"item": saved["item"]}).to_string()),
        ("as the AWS CLI prints it", json!({"Item": saved["rawItem"]}).to_string()),
    ] {
        let ran = offline(&[&describe[..], &["-"]].concat(), text.as_bytes()).await;
        assert_eq!(ageless(&ran), expected, "{form}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_item_is_named_with_what_to_do() {
    let mut broken = parse(&golden()[0])["item"].take();
    let worker = broken["consumers"].as_object().unwrap().keys().next().unwrap().clone();
    broken["consumers"][&worker]["pid"] = "s3cret".into();
    let pid = format!("the state item's consumers.{worker}.pid is not a whole number in range");
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nowhere.json");
    let again = "hint: correct it, or save the item again: aws dynamodb get-item";
    for (path, why, hint) in [
        (file("latin.json", b"{\"consumerGroup\": \"\xe9\"}"), "UTF-8", again),
        (file("text.json", "hello"), "does not read as JSON", again),
        (file("empty.json", ""), "the state is empty", again),
        (file("other.json", "{\"orders\": 1}"), "the state item has no consumerGroup", again),
        (file("broken.json", broken.to_string()), pid.as_str(), again),
        (missing.to_str().unwrap().to_owned(), "No such file", "hint: give a file that holds"),
        (env!("CARGO_TARGET_TMPDIR").to_owned(), "directory", "hint: give a file that holds"),
    ] {
        for json in [&[][..], &["--json"]] {
            let args = [&["group", "describe", "--item", &path], json].concat();
            let ran = offline(&args, b"").await;
            assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{path}: {}", ran.err);
            for text in ["error: cannot read ", &path, why, hint] {
                assert!(ran.err.contains(text), "{path}: no {text:?} in {}", ran.err);
            }
            assert!(!ran.err.contains("s3cret"), "what stands there is not quoted: {}", ran.err);
        }
    }
    let ran = offline(&["group", "describe", "--item", "-"], b"").await;
    assert!(ran.err.contains("cannot read the state in standard input"), "{}", ran.err);
}

#[tokio::test]
async fn either_a_saved_item_or_a_group_is_described() {
    let both = |more: &[&'static str]| [&["group", "describe", "--item", "x.json"], more].concat();
    for args in [
        both(&["--stream", "orders"]),
        both(&["--group", "billing"]),
        both(&["--state", "dynamodb:mine"]),
        both(&["--watch"]),
    ] {
        let ran = offline(&args, b"").await;
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains("cannot be used with"), "{args:?}: {}", ran.err);
    }
    let neither = offline(&["group", "describe", "--stream", "orders"], b"").await;
    assert_eq!(neither.code, 2);
    assert!(neither.err.contains("--group <GROUP>"), "{}", neither.err);
}
