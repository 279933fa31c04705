use std::path::PathBuf;

use kinfolk_core::id::{ShardId, WorkerId};
use proptest::prelude::*;
use serde_json::Value;

use super::super::encode;
use super::*;

/// The items that the real Node library left behind, of one mode.
fn golden(mode: &str) -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let prefix = format!("ferrokinesis-dynoxide-{mode}-");
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            files.push((name, serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()));
        }
    }
    assert!(!files.is_empty(), "no golden files of mode {mode}");
    files
}

/// DynamoDB's typed JSON.
fn item(json: &Value) -> Item {
    let fields = json.as_object().unwrap().iter();
    fields.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => AttributeValue::S(value.as_str().unwrap().to_owned()),
        "N" => AttributeValue::N(value.as_str().unwrap().to_owned()),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "M" => AttributeValue::M(item(value)),
        kind => panic!("a golden item with a {kind}"),
    }
}

/// What plain JSON says, as text; null and absent are `None`.
fn plain<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str)
}

fn iso(date: WallTime) -> Option<String> {
    Some(date::write(date))
}

#[test]
fn what_the_node_library_wrote_is_read_field_by_field() {
    for (file, json) in golden("auto") {
        let (plain_item, state) = (&json["item"], snapshot(&item(&json["rawItem"])).unwrap());
        assert_eq!(iso(state.created_on).as_deref(), plain(plain_item, "streamCreatedOn"));
        assert_eq!(Some(state.version.as_str()), plain(plain_item, "version"));
        assert_eq!(state.started_at, None);
        let consumers = plain_item["consumers"].as_object().unwrap();
        assert_eq!(state.workers.len(), consumers.len(), "{file}");
        for (id, json) in consumers {
            let worker = &state.workers[&WorkerId::from(id.as_str())];
            let about = &worker.about;
            assert_eq!(iso(worker.beat).as_deref(), plain(json, "heartbeat"));
            assert_eq!(iso(about.started_on).as_deref(), plain(json, "startedOn"));
            assert_eq!(Some(about.app_name.as_str()), plain(json, "appName"));
            assert_eq!(Some(about.host.as_str()), plain(json, "host"));
            assert_eq!(Some(u64::from(about.pid)), json["pid"].as_u64());
            assert_eq!(Some(worker.active), json["isActive"].as_bool());
            assert_eq!(Some(worker.standalone), json["isStandalone"].as_bool());
            assert!(!worker.is_kinfolk() && !worker.leaving);
        }
        let shards = plain_item["shards"].as_object().unwrap();
        assert_eq!(state.shards.len(), shards.len(), "{file}");
        for (id, json) in shards {
            let shard = &state.shards[&ShardId::from(id.as_str())];
            let sequence = shard.checkpoint.sequence.as_ref();
            assert_eq!(sequence.map(|s| s.as_str()), plain(json, "checkpoint"));
            assert_eq!(shard.parent.as_ref().map(|p| p.as_str()), plain(json, "parent"));
            assert_eq!(shard.owner.as_ref().map(|o| o.as_str()), plain(json, "leaseOwner"));
            assert_eq!(shard.until.and_then(iso).as_deref(), plain(json, "leaseExpiration"));
            let arrival = plain(json, "approximateArrivalTimestamp");
            assert_eq!(shard.arrival.time().and_then(iso).as_deref(), arrival);
            assert_eq!(Some(shard.version.as_str()), plain(json, "version"));
            assert_eq!(Some(shard.ended), json["depleted"].as_bool());
            assert!(shard.lease.is_none() && shard.checkpoint.part.is_none());
        }
    }
}

#[test]
fn items_of_the_other_modes_are_read() {
    for mode in ["efo", "standalone", "efo-standalone"] {
        for (file, json) in golden(mode) {
            let state = snapshot(&item(&json["rawItem"])).unwrap();
            let slots = json["item"]["enhancedConsumers"].as_object().unwrap();
            assert_eq!(state.slots.len(), slots.len(), "{file}");
            for (name, json) in slots {
                let slot = &state.slots[name.as_str()];
                assert_eq!(Some(slot.arn.as_str()), plain(json, "arn"));
                assert_eq!(slot.used_by.as_ref().map(|id| id.as_str()), plain(json, "isUsedBy"));
                assert_eq!(Some(slot.standalone), json["isStandalone"].as_bool());
                assert_eq!(Some(slot.version.as_str()), plain(json, "version"));
            }
        }
    }
}

/// An item with one worker, one slot and one shard, in which every known attribute occurs.
fn full() -> Item {
    item(&serde_json::json!({
        "consumerGroup": {"S": "billing"},
        "streamName": {"S": "orders"},
        "streamCreatedOn": {"S": "2026-11-22T15:56:19.000Z"},
        "version": {"S": "v0"},
        "kf": {"M": {"v": {"N": "1"}, "startedAt": {"S": "2026-11-22T15:56:20.000Z"}}},
        "consumers": {"M": {"me": {"M": {
            "appName": {"S": "app"},
            "heartbeat": {"S": "2026-11-22T15:56:23.072Z"},
            "host": {"S": "host"},
            "isActive": {"BOOL": true},
            "isStandalone": {"BOOL": false},
            "pid": {"N": "9005"},
            "startedOn": {"S": "2026-11-22T15:56:22.120Z"},
            "kfBeat": {"N": "2500"},
            "kfLeaving": {"BOOL": true},
            "kfName": {"S": "tail"}
        }}}},
        "enhancedConsumers": {"M": {"fan": {"M": {
            "arn": {"S": "arn:fan"},
            "isStandalone": {"BOOL": false},
            "isUsedBy": {"S": "me"},
            "version": {"S": "v1"}
        }}}},
        "shards": {"M": {"s": {"M": {
            "parent": {"S": "p"},
            "checkpoint": {"S": "10"},
            "depleted": {"BOOL": false},
            "leaseOwner": {"S": "me"},
            "leaseExpiration": {"S": "2026-11-22T16:01:27.333Z"},
            "version": {"S": "v2"},
            "approximateArrivalTimestamp": {"S": "2026-11-22T15:56:26.000Z"},
            "kfLease": {"S": "1795362983072:me"},
            "kfAdj": {"S": "q"},
            "kfFrom": {"N": "1795362983072"},
            "kfPart": {"S": "12:3"},
            "kfFor": {"S": "node"}
        }}}},
        "kfPlace:tail": {"M": {"t": {"M": {
            "parent": {"NULL": true},
            "checkpoint": {"NULL": true},
            "depleted": {"BOOL": true},
            "leaseOwner": {"NULL": true},
            "leaseExpiration": {"NULL": true},
            "version": {"S": "v3"}
        }}}}
    }))
}

#[test]
fn attributes_of_ours_are_read_and_written_back() {
    let before = full();
    let state = snapshot(&before).unwrap();
    let shard = &state.shards["s"];
    let me = WorkerId::from("me");
    assert_eq!(shard.tenure(), Some(&Lease { epoch: 1_795_362_983_072, owner: me }));
    assert_eq!(shard.checkpoint.part, Some(Part { sequence: "12".into(), sub: 3 }));
    assert!(state.workers["me"].is_kinfolk() && state.workers["me"].leaving);
    assert_eq!(encode::item(&"billing".into(), &"orders".into(), &state), before);
}

/// The paths of an item's attributes, maps included.
fn paths(prefix: &str, item: &Item) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in item {
        let path = format!("{prefix}{name}");
        if let AttributeValue::M(inner) = value {
            all.extend(paths(&format!("{path}."), inner));
        }
        all.push(path);
    }
    all
}

/// The item in which the attribute at this path is another one, or absent.
fn with(item: &Item, path: &str, value: Option<&AttributeValue>) -> Item {
    let mut item = item.clone();
    let (map, name) = match path.rsplit_once('.') {
        None => (&mut item, path),
        Some((parents, name)) => {
            let map = parents.split('.').fold(&mut item, |map, name| match map.get_mut(name) {
                Some(AttributeValue::M(inner)) => inner,
                other => panic!("{path}: {other:?}"),
            });
            (map, name)
        }
    };
    match value {
        Some(value) => map.insert(name.to_owned(), value.clone()),
        None => map.remove(name),
    };
    item
}

#[test]
fn a_broken_attribute_is_named_with_its_path() {
    let item = full();
    for path in paths("", &item) {
        if ["consumerGroup", "streamName"].contains(&path.as_str()) {
            continue;
        }
        let broken = with(&item, &path, Some(&AttributeValue::Ss(vec!["x".to_owned()])));
        let error = snapshot(&broken).expect_err(&path);
        assert_eq!(error.kind(), ErrorKind::Data);
        let named = format!("the state item's {path} is not ");
        assert!(error.to_string().starts_with(&named), "{path}: {error}");
    }
}

#[test]
fn a_text_that_means_nothing_is_named_too() {
    for (path, text) in [
        ("consumers.me.heartbeat", "yesterday"),
        ("shards.s.kfLease", "me"),
        ("shards.s.kfLease", "x:me"),
        ("shards.s.kfPart", "12"),
        ("shards.s.kfPart", "12:-1"),
    ] {
        let text = AttributeValue::S(text.to_owned());
        let error = snapshot(&with(&full(), path, Some(&text))).expect_err(path);
        assert!(error.to_string().contains(path), "{error}");
    }
    let newer = with(&full(), "kf.v", Some(&AttributeValue::N("2".to_owned())));
    assert!(snapshot(&newer).expect_err("a newer format").to_string().contains("kf.v"));
}

#[test]
fn absent_null_and_unknown_attributes_are_no_errors() {
    let item = full();
    let maps = ["consumers", "enhancedConsumers", "shards"];
    for path in paths("", &item).into_iter().filter(|path| !maps.contains(&path.as_str())) {
        snapshot(&with(&item, &path, None)).expect(&path);
        // A null where an entry should be is a broken entry.
        let entries =
            ["consumers.me", "enhancedConsumers.fan", "shards.s", "kfPlace:tail", "kfPlace:tail.t"];
        if !entries.contains(&path.as_str()) {
            snapshot(&with(&item, &path, Some(&AttributeValue::Null(true)))).expect(&path);
        }
    }
    let mut unknown = item.clone();
    for path in ["x", "kf.x", "consumers.me.x", "enhancedConsumers.fan.x", "shards.s.x"] {
        unknown = with(&unknown, path, Some(&AttributeValue::L(Vec::new())));
    }
    assert_eq!(snapshot(&unknown).unwrap(), snapshot(&item).unwrap());
}

#[test]
fn a_missing_map_is_named() {
    for map in ["consumers", "enhancedConsumers", "shards"] {
        let error = snapshot(&with(&full(), map, None)).expect_err(map);
        assert_eq!(error.to_string(), format!("the state item's {map} is not there"));
    }
}

fn any_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        ".{0,30}".prop_map(AttributeValue::S),
        "[0-9]{1,4}-[0-9]{2}-[0-9]{2}T[0-9:.]{0,12}Z?".prop_map(AttributeValue::S),
        "[-0-9.e]{0,25}".prop_map(AttributeValue::N),
        "[0-9]{0,22}:.{0,5}".prop_map(AttributeValue::S),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<bool>().prop_map(AttributeValue::Null),
        Just(AttributeValue::M(Item::new())),
        Just(AttributeValue::L(Vec::new())),
    ]
}

proptest! {
    #[test]
    fn nothing_that_stands_in_an_item_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_value()), 1..4)
    ) {
        let full = full();
        let paths = paths("", &full);
        let is_leaf = |path: &&String| !paths.iter().any(|p| p.starts_with(&format!("{path}.")));
        let leaves: Vec<String> = paths.iter().filter(is_leaf).cloned().collect();
        let item = changes.iter().fold(full, |item, (at, value)| {
            with(&item, at.get::<String>(&leaves), Some(value))
        });
        if let Err(error) = snapshot(&item) {
            prop_assert_eq!(error.kind(), ErrorKind::Data);
        }
    }
}
