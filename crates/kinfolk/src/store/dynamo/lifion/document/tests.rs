use std::collections::BTreeSet;
use std::path::PathBuf;

use kinfolk_core::id::{ShardId, SlotName, WorkerId};
use kinfolk_core::sequence::{Part, SequenceNumber};
use kinfolk_core::snapshot::{Arrival, Home, Lease, Shard, Slot, Worker};
use kinfolk_core::time::WallTime;

use super::*;

/// The items that the real Node library left behind, as files.
fn golden() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut all: Vec<_> = files.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect();
    all.sort();
    assert_eq!(all.len(), 14);
    all
}

/// Every leaf of an item with its path. An empty map is a leaf.
fn leaves(prefix: &str, item: &Item, into: &mut BTreeSet<(String, String)>) {
    for (name, value) in item {
        let path = format!("{prefix}{name}");
        match value {
            AttributeValue::M(inner) if !inner.is_empty() => {
                leaves(&format!("{path}/"), inner, into);
            }
            leaf => drop(into.insert((path, format!("{leaf:?}")))),
        }
    }
}

fn all_leaves(item: &Item) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    leaves("", item, &mut all);
    all
}

#[test]
fn what_the_node_library_wrote_in_any_mode_is_written_as_it_was() {
    for (file, text) in golden() {
        let before = json::read(&text).unwrap();
        let document = Document::of(&before).unwrap();
        assert_eq!(document.rest, HashMap::new(), "{file}: every attribute is known");
        assert_eq!(document.item(), before, "{file}");
        // In each home that the file's mode has.
        let homes =
            document.state.homes().filter(|home| !document.state.shards_of(home).is_empty());
        let homes: Vec<_> = homes.collect();
        assert_eq!(homes.is_empty(), file.contains("leased-before") && homes.is_empty(), "{file}");
        let expected = |home: &Home| match home {
            Home::Group => !file.contains("standalone"),
            Home::Worker(_) => file.contains("dynoxide-standalone"),
            Home::Slot(_) => file.contains("efo-standalone"),
            Home::Place(_) => false,
        };
        assert!(homes.iter().all(expected), "{file}: {homes:?}");
    }
}

/// A change of one leaf: where it is in the item, and what it does to the snapshot.
type Mutation = (String, Box<dyn Fn(&mut Snapshot)>);

/// One for every known leaf of a state.
fn mutations(state: &Snapshot) -> Vec<Mutation> {
    let mut all: Vec<Mutation> = vec![
        ("streamCreatedOn".into(), Box::new(|s| s.created_on = WallTime(1))),
        ("version".into(), Box::new(|s| s.version = "another".into())),
    ];
    if state.started_at.is_some() {
        all.push(("kf/startedAt".into(), Box::new(|s| s.started_at = Some(WallTime(1)))));
    }
    for id in state.workers.keys() {
        all.extend(of_worker(id));
    }
    for name in state.slots.keys() {
        all.extend(of_slot(name));
    }
    for home in state.homes() {
        for (id, shard) in state.shards_of(&home) {
            all.extend(of_shard(&home, id, shard));
        }
    }
    all
}

fn of_worker(id: &WorkerId) -> Vec<Mutation> {
    let leaf = |name: &str, change: fn(&mut Worker)| -> Mutation {
        let id = id.clone();
        let path = format!("consumers/{id}/{name}");
        (path, Box::new(move |s: &mut Snapshot| change(s.workers.get_mut(&id).unwrap())))
    };
    vec![
        leaf("heartbeat", |w| w.beat = WallTime(1)),
        leaf("isActive", |w| w.active = !w.active),
        leaf("isStandalone", |w| w.standalone = !w.standalone),
        leaf("appName", |w| w.about.app_name = "another".into()),
        leaf("host", |w| w.about.host = "another".into()),
        leaf("pid", |w| w.about.pid = 1),
        leaf("startedOn", |w| w.about.started_on = WallTime(1)),
        leaf("kfBeat", |w| w.period_ms = Some(1)),
        leaf("kfLeaving", |w| w.leaving = !w.leaving),
        leaf("kfName", |w| w.name = Some("another".into())),
    ]
}

fn of_slot(name: &SlotName) -> Vec<Mutation> {
    let leaf = |attribute: &str, change: fn(&mut Slot)| -> Mutation {
        let name = name.clone();
        let path = format!("enhancedConsumers/{name}/{attribute}");
        (path, Box::new(move |s: &mut Snapshot| change(s.slots.get_mut(&name).unwrap())))
    };
    vec![
        leaf("arn", |s| s.arn = "another".into()),
        leaf("isStandalone", |s| s.standalone = !s.standalone),
        leaf("isUsedBy", |s| s.used_by = Some("another".into())),
        leaf("version", |s| s.version = "another".into()),
    ]
}

fn of_shard(home: &Home, id: &ShardId, shard: &Shard) -> Vec<Mutation> {
    let map = match home {
        Home::Group => "shards".to_owned(),
        Home::Place(name) => format!("kfPlace:{name}"),
        Home::Worker(worker) => format!("consumers/{worker}/shards"),
        Home::Slot(slot) => format!("enhancedConsumers/{slot}/shards"),
    };
    let leaf = |name: &str, change: fn(&mut Shard)| -> Mutation {
        let path = format!("{map}/{id}/{name}");
        let (home, id) = (home.clone(), id.clone());
        let change = move |s: &mut Snapshot| {
            change(s.shards_of_mut(&home).unwrap().get_mut(&id).unwrap());
        };
        (path, Box::new(change))
    };
    let mut all = vec![
        leaf("parent", |s| s.parent = Some("another".into())),
        leaf("checkpoint", |s| s.checkpoint.sequence = Some(SequenceNumber::new("77"))),
        leaf("depleted", |s| s.ended = !s.ended),
        leaf("leaseOwner", |s| s.owner = Some("another".into())),
        leaf("leaseExpiration", |s| s.until = Some(WallTime(1))),
        leaf("version", |s| s.version = "another".into()),
        leaf("approximateArrivalTimestamp", |s| s.arrival = Arrival::At(WallTime(1))),
        leaf("kfLease", |s| s.lease = Some(Lease { epoch: 1, owner: "another".into() })),
        leaf("kfAdj", |s| s.adjacent = Some("another".into())),
        leaf("kfFrom", |s| s.from = Some(WallTime(1))),
        leaf("kfPart", |s| {
            s.checkpoint.part = Some(Part { sequence: SequenceNumber::new("99"), sub: 1 });
        }),
        leaf("kfFor", |s| s.reserved = Some("another".into())),
    ];
    // Said and unsaid are three: absent, null, a date.
    if shard.arrival != Arrival::Unknown {
        all.push(leaf("approximateArrivalTimestamp", |s| s.arrival = Arrival::Unknown));
    }
    if shard.arrival != Arrival::Unsaid {
        all.push(leaf("approximateArrivalTimestamp", |s| s.arrival = Arrival::Unsaid));
    }
    all
}

/// An item of ours, in which every attribute of ours occurs, in every home.
fn ours() -> Item {
    let shard = serde_json::json!({
        "parent": "p", "checkpoint": "10", "depleted": false, "leaseOwner": "me",
        "leaseExpiration": "2026-11-22T16:01:27.333Z", "version": "v2",
        "approximateArrivalTimestamp": null, "kfLease": "1795362983072:me", "kfAdj": "q",
        "kfFrom": 1795362983072i64, "kfPart": "12:3", "kfFor": "node"
    });
    let worker = serde_json::json!({
        "appName": "app", "heartbeat": "2026-11-22T15:56:23.072Z", "host": "host",
        "isActive": true, "isStandalone": true, "pid": 9005,
        "startedOn": "2026-11-22T15:56:22.120Z", "kfBeat": 2500, "kfLeaving": true,
        "kfName": "tail", "shards": { "s": shard }
    });
    let slot = serde_json::json!({
        "arn": "arn:fan", "isStandalone": true, "isUsedBy": "me", "version": "v1",
        "shards": { "s": shard }
    });
    let item = serde_json::json!({
        "consumerGroup": "billing", "streamName": "orders",
        "streamCreatedOn": "2026-11-22T15:56:19.000Z", "version": "v0",
        "kf": { "v": 1, "startedAt": "2026-11-22T15:56:20.000Z" },
        "consumers": { "me": worker }, "enhancedConsumers": { "fan": slot },
        "shards": { "s": shard }, "kfPlace:tail": { "s": shard }
    });
    json::read(item.to_string().as_bytes()).unwrap()
}

#[test]
fn each_known_leaf_changed_alone_changes_that_leaf_alone() {
    let mut items: Vec<_> =
        golden().into_iter().map(|(file, text)| (file, json::read(&text).unwrap())).collect();
    items.push(("ours".to_owned(), ours()));
    let mut changed = 0;
    for (file, item) in items {
        let document = Document::of(&item).unwrap();
        assert_eq!(document.item(), item, "{file}");
        let before = all_leaves(&item);
        let mut covered =
            BTreeSet::from(["consumerGroup", "streamName", "kf/v"].map(str::to_owned));
        for (path, change) in mutations(&document.state) {
            let mut document = document.clone();
            change(&mut document.state);
            let after = all_leaves(&document.item());
            let differ: BTreeSet<&str> =
                before.symmetric_difference(&after).map(|(path, _)| path.as_str()).collect();
            assert_eq!(differ, BTreeSet::from([path.as_str()]), "{file}");
            covered.insert(path);
            changed += 1;
        }
        for (path, value) in &before {
            // A map without entries has nothing that could be changed.
            assert!(covered.contains(path) || value == "M({})", "{file}: nothing changes {path}");
        }
    }
    println!("{changed} leaves");
}

#[test]
fn what_is_not_known_is_kept_beside_what_changes() {
    let mut item = ours();
    let unknown = AttributeValue::Ss(vec!["x".to_owned()]);
    let mut put = |path: &[&str]| {
        let map = path.iter().fold(&mut item, |map, name| match map.get_mut(*name) {
            Some(AttributeValue::M(inner)) => inner,
            other => panic!("{other:?}"),
        });
        map.insert("theirs".to_owned(), unknown.clone());
    };
    for path in [
        &[][..],
        &["kf"],
        &["consumers", "me"],
        &["consumers", "me", "shards", "s"],
        &["enhancedConsumers", "fan"],
        &["shards", "s"],
        &["kfPlace:tail", "s"],
    ] {
        put(path);
    }
    let mut document = Document::of(&item).unwrap();
    assert_eq!(document.item(), item);
    let read = Document::read(&document.write()).unwrap();
    assert_eq!(read, document);
    // It goes with the entry that it is in, and with that alone.
    document.state.shards.clear();
    let text = String::from_utf8(document.write()).unwrap();
    assert_eq!(text.matches("theirs").count(), 6);
}
