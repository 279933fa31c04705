//! The commands that look at groups, run as people run them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, offline};
use serde_json::{Value, json};

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
