//! The Node library's operations by their names, in the paths of every mode, against the local
//! DynamoDB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "a failing test says in which mode it fails")]

mod common;

use std::collections::BTreeSet;
use std::future::Future;

use common::World;
use kinfolk::ErrorKind;
use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::coordinate::Mode;
use kinfolk::core::id::{ShardId, Version};
use kinfolk::core::sequence::{Checkpoint, SequenceNumber};
use kinfolk::core::snapshot::{Arrival, Home, Snapshot};
use kinfolk::core::time::{Now, WallTime};
use kinfolk::core::topology::{HashRange, Initial, Listing, ShardInfo};
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::lifion::operations::Operations;
use kinfolk::store::dynamo::table::TableSettings;

const CREATED_ON: WallTime = WallTime(1_795_362_979_000);
const TERM_MS: u64 = 300_000;

/// A table, and workers of one mode on it.
struct Bench {
    world: World,
    mode: Mode,
    fan_out: bool,
}

/// The four modes, and the two standalone ones under a name.
fn modes() -> [(&'static str, Mode, bool); 6] {
    let unnamed = Mode::Standalone { name: None };
    let named = Mode::Standalone { name: Some("tail".into()) };
    [
        ("auto", Mode::Shared, false),
        ("standalone", unnamed.clone(), false),
        ("auto with fan-out", Mode::Shared, true),
        ("standalone with fan-out", unnamed, true),
        ("standalone under a name", named.clone(), false),
        ("standalone under a name with fan-out", named, true),
    ]
}

/// Runs a test in every mode.
async fn in_each_mode<F: Future<Output = ()>>(test: impl Fn(Bench) -> F) {
    for (name, mode, fan_out) in modes() {
        println!("{name}");
        let world = World::start("operations", 1).await;
        TableSettings::new().ensure(&world.dynamodb).await.unwrap();
        test(Bench { world, mode, fan_out }).await;
    }
}

impl Bench {
    fn store(&self) -> LifionStore {
        LifionStore::new(&self.world.dynamodb, "lifion-kinesis-state", "billing", "orders")
    }

    /// A worker that has done nothing yet.
    fn outside(&self, seed: u128) -> Operations {
        Operations::new(self.store(), self.mode.clone(), self.fan_out, seed)
            .initial(Initial::TrimHorizon)
    }

    /// A worker in the group, with a slot if its mode needs one.
    async fn worker(&self, seed: u128) -> Operations {
        let worker = self.outside(seed);
        worker.start(CREATED_ON).await.unwrap();
        worker.register_consumer().await.unwrap();
        if self.fan_out {
            let name = format!("fan-{seed}");
            let arn = format!("arn:{name}");
            assert!(worker.register_enhanced_consumer(&name.into(), &arn).await.unwrap());
            assert!(worker.get_assigned_enhanced_consumer().await.unwrap().is_some());
        }
        worker
    }

    async fn state(&self) -> Snapshot {
        self.store().look().await.unwrap().unwrap()
    }

    /// Where a worker's shards must be.
    fn home(&self, worker: &Operations, seed: u128) -> Home {
        match &self.mode {
            Mode::Shared => Home::Group,
            Mode::Standalone { name: Some(name) } => Home::Place(name.clone()),
            Mode::Standalone { name: None } if self.fan_out => {
                Home::Slot(format!("fan-{seed}").as_str().into())
            }
            Mode::Standalone { name: None } => Home::Worker(worker.worker().clone()),
        }
    }
}

fn info(number: u32, parents: &[u32], closed: bool) -> ShardInfo {
    ShardInfo {
        id: id(number),
        parent: parents.first().map(|parent| id(*parent)),
        adjacent: parents.get(1).map(|parent| id(*parent)),
        starting_sequence: format!("{}", 1_000 + number).as_str().into(),
        closed,
        hash_range: HashRange::ALL,
    }
}

fn id(number: u32) -> ShardId {
    format!("shardId-{number:012}").into()
}

#[tokio::test]
async fn start_makes_the_item_once_and_leaves_one_of_the_same_stream_alone() {
    in_each_mode(async |bench| {
        let (first, second) = (bench.outside(1), bench.outside(2));
        first.start(CREATED_ON).await.unwrap();
        let state = bench.state().await;
        assert_eq!(state.created_on, CREATED_ON);
        second.start(CREATED_ON.plus(1)).await.unwrap();
        assert_eq!(bench.state().await, state, "a date that somebody rounded is the same stream's");
        // Those that start together: one makes it.
        let later = CREATED_ON.plus(100_000_000);
        let error = second.start(later).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(first.worker().as_str()), "{error}");
        let error = second.start(CREATED_ON.plus(-100_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    })
    .await;
}

/// A clock that is ahead of this machine's.
#[derive(Debug)]
struct Ahead(i64);

impl Clock for Ahead {
    fn now(&self) -> Now {
        let now = SystemClock.now();
        Now { wall: now.wall.plus(self.0), ..now }
    }
}

#[tokio::test]
async fn start_replaces_the_state_of_an_older_stream_once_nobody_works_with_it() {
    in_each_mode(async |bench| {
        let first = bench.worker(1).await;
        first.ensure_shard_state_exists(&info(0, &[], false)).await.unwrap();
        let later = CREATED_ON.plus(100_000_000);
        let second = bench.outside(2).clock(Ahead(120_000));
        second.start(later).await.unwrap();
        let state = bench.state().await;
        assert_eq!(state.created_on, later);
        assert!(state.shards.is_empty() && state.slots.is_empty());
        // What the old worker does from now on is refused, and says so.
        let error = first.register_consumer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    })
    .await;
}

#[tokio::test]
async fn register_consumer_writes_the_entry_and_then_only_beats() {
    in_each_mode(async |bench| {
        let worker = bench.outside(1);
        worker.start(CREATED_ON).await.unwrap();
        let other = bench.outside(2);
        other.register_consumer().await.unwrap();
        let before = bench.state().await;
        let entry = &before.workers[other.worker()];
        assert_eq!(entry.standalone, bench.mode != Mode::Shared);
        // Node keeps a map here when it is standalone and reads by polling.
        let own = bench.mode == (Mode::Standalone { name: None }) && !bench.fan_out;
        assert_eq!(entry.shards.is_some(), own);
        assert!(entry.active);
        other.register_consumer().await.unwrap();
        let mut after = bench.state().await;
        let beat = after.workers.get_mut(other.worker()).unwrap();
        assert!(beat.beat > entry.beat);
        beat.beat = entry.beat;
        assert_eq!(after, before, "nothing but the heartbeat moved");
    })
    .await;
}

#[tokio::test]
async fn update_consumer_is_active_sets_the_flag_and_a_failure_is_no_error() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        worker.update_consumer_is_active(false).await;
        assert!(!bench.state().await.workers[worker.worker()].active);
        worker.update_consumer_is_active(true).await;
        assert!(bench.state().await.workers[worker.worker()].active);
        bench.outside(2).update_consumer_is_active(false).await; // it is not in the group
    })
    .await;
}

#[tokio::test]
async fn clear_old_consumers_removes_the_silent_with_what_they_held_and_nobody_else() {
    in_each_mode(async |bench| {
        let (old, young) = (bench.worker(1).await, bench.worker(2).await);
        old.ensure_shard_state_exists(&info(0, &[], false)).await.unwrap();
        let (entry, _) = old.get_shard_and_stream_state(&info(0, &[], false)).await.unwrap();
        assert!(old.lock_shard_lease(&id(0), TERM_MS, &entry.version).await.unwrap());
        assert_eq!(young.clear_old_consumers(60_000).await.unwrap(), []);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        young.register_consumer().await.unwrap();
        let version = bench.state().await.version;
        let removed = young.clear_old_consumers(200).await.unwrap();
        assert_eq!(removed, [old.worker().clone()]);
        let state = bench.state().await;
        assert!(!state.workers.contains_key(old.worker()));
        assert!(state.workers.contains_key(young.worker()));
        assert_ne!(state.version, version, "the item's version is renewed");
        assert!(state.slots.values().all(|slot| slot.used_by.as_ref() != Some(old.worker())));
        let homes = [Home::Group, Home::Place("tail".into())];
        for shard in homes.iter().flat_map(|home| state.shards_of(home).values()) {
            assert_eq!(shard.owner, None, "its leases are free with it");
        }
        let error = old.register_consumer().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "an id lives once");
    })
    .await;
}

#[tokio::test]
async fn clear_old_consumers_frees_the_slots_of_unknown_workers() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        worker.register_enhanced_consumer(&"lost".into(), "arn:lost").await.unwrap();
        let mut state = bench.state().await;
        state.slots.get_mut("lost").unwrap().used_by = Some("gone".into());
        bench.store().put(&state).await.unwrap();
        worker.clear_old_consumers(60_000).await.unwrap();
        let slots = worker.get_enhanced_consumers().await.unwrap();
        assert_eq!(slots["lost"].used_by, None);
        assert_ne!(slots["lost"].version, state.slots["lost"].version);
    })
    .await;
}

#[tokio::test]
async fn shard_entries_are_made_once_where_the_mode_keeps_them() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        let home = bench.home(&worker, 1);
        let (found, shards) = worker.get_shards_data().await.unwrap();
        assert_eq!((found, shards.len()), (home.clone(), 0));
        worker.ensure_shard_state_exists(&info(0, &[], false)).await.unwrap();
        worker.ensure_shard_state_exists(&info(1, &[0], false)).await.unwrap();
        let state = bench.state().await;
        let shards = state.shards_of(&home).clone();
        assert_eq!(shards.keys().cloned().collect::<Vec<_>>(), [id(0), id(1)]);
        assert_eq!(shards[&id(1)].parent, Some(id(0)));
        assert_eq!(shards[&id(0)].checkpoint.sequence, None, "the first begins where it was told");
        // Every later one begins at its beginning: without a checkpoint Node would start at the tip.
        assert_eq!(shards[&id(1)].checkpoint, Checkpoint::at("1001"));
        worker.ensure_shard_state_exists(&info(0, &[], true)).await.unwrap();
        assert_eq!(bench.state().await.shards_of(&home), &shards, "one that is there stays");
        // A missing entry is made first.
        let (entry, state) = worker.get_shard_and_stream_state(&info(2, &[], false)).await.unwrap();
        assert_eq!(state.shards_of(&home)[&id(2)], entry);
        for other in state.homes().filter(|other| *other != home) {
            assert!(state.shards_of(&other).is_empty(), "{other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn leases_are_locked_and_released_under_the_version_that_was_seen() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        let shard = info(0, &[], false);
        let (entry, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        assert!(worker.get_owned_shards().await.unwrap().is_empty());
        let stale = Version::new("another");
        assert!(!worker.lock_shard_lease(&id(0), TERM_MS, &stale).await.unwrap());
        assert!(worker.lock_shard_lease(&id(0), TERM_MS, &entry.version).await.unwrap());
        assert!(!worker.lock_shard_lease(&id(0), TERM_MS, &entry.version).await.unwrap());
        let owned = worker.get_owned_shards().await.unwrap();
        let held = &owned[&id(0)];
        assert_eq!(held.owner.as_ref(), Some(worker.worker()));
        assert_ne!(held.version, entry.version);
        let left = held.until.unwrap().0 - SystemClock.now().wall.0;
        assert!((290_000..=300_000).contains(&left), "{left} ms");
        assert!(held.tenure().is_some(), "a tenure of ours has an epoch");
        // Over or done is not owned.
        assert_eq!(worker.release_shard_lease(&id(0), &stale).await.unwrap(), None);
        let released = worker.release_shard_lease(&id(0), &held.version).await.unwrap();
        let (entry, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        assert_eq!((entry.owner, entry.until, Some(entry.version.clone())), (None, None, released));
        assert!(worker.lock_shard_lease(&id(0), 0, &entry.version).await.unwrap());
        assert!(worker.get_owned_shards().await.unwrap().is_empty(), "its date is over");
    })
    .await;
}

#[tokio::test]
async fn a_checkpoint_is_stored_by_its_holder_and_never_moves_back() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        let shard = info(0, &[], false);
        let (entry, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        let at = |sequence: &str| SequenceNumber::new(sequence);
        let store = async |sequence: &str, arrival| {
            worker.store_shard_checkpoint(&id(0), &at(sequence), arrival).await
        };
        let error = store("5", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LeaseLost, "it does not hold the shard");
        assert!(worker.lock_shard_lease(&id(0), TERM_MS, &entry.version).await.unwrap());
        let error = store("", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("needs a sequence number"), "{error}");
        store("99", Some(WallTime(1_795_362_986_000))).await.unwrap();
        let (stored, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        assert_eq!(stored.checkpoint, Checkpoint::at("99"));
        assert_eq!(stored.arrival, Arrival::At(WallTime(1_795_362_986_000)));
        store("100", None).await.unwrap();
        let (stored, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        assert_eq!(
            (stored.checkpoint.clone(), stored.arrival),
            (Checkpoint::at("100"), Arrival::Unknown)
        );
        let error = store("99", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LeaseLost);
        let (after, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
        assert_eq!(after, stored, "100 is beyond 99, longer as it is");
    })
    .await;
}

#[tokio::test]
async fn a_depleted_shard_makes_its_children_readable_from_their_beginning() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        let split = [info(0, &[], true), info(1, &[0], false), info(2, &[0], false)];
        let (entry, _) = worker.get_shard_and_stream_state(&split[0]).await.unwrap();
        assert!(worker.lock_shard_lease(&id(0), TERM_MS, &entry.version).await.unwrap());
        let listing: Listing = split.iter().cloned().collect();
        worker.mark_shard_as_depleted(&listing, &id(0)).await.unwrap();
        let (_, shards) = worker.get_shards_data().await.unwrap();
        assert!(shards[&id(0)].ended && shards[&id(0)].owner.is_none());
        for child in [1, 2] {
            assert_eq!(shards[&id(child)].parent, Some(id(0)));
            // Even though nothing of the parent was ever checkpointed: Node would lose what is
            // there already.
            let beginning = Checkpoint::at(format!("{}", 1_000 + child).as_str());
            assert_eq!(shards[&id(child)].checkpoint, beginning);
        }
        assert!(worker.get_owned_shards().await.unwrap().is_empty(), "what is done is not owned");
        // Again: a child with a place is never rewound.
        let version = shards[&id(1)].version.clone();
        assert!(worker.lock_shard_lease(&id(1), TERM_MS, &version).await.unwrap());
        let done = SequenceNumber::new("5000");
        worker.store_shard_checkpoint(&id(1), &done, None).await.unwrap();
        worker.mark_shard_as_depleted(&listing, &id(0)).await.unwrap();
        let (_, shards) = worker.get_shards_data().await.unwrap();
        assert_eq!(shards[&id(1)].checkpoint, Checkpoint::at("5000"));
    })
    .await;
}

#[tokio::test]
async fn a_merged_childs_parent_is_kept_one_that_is_still_open() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        let merged = [info(0, &[], true), info(1, &[], true), info(2, &[0, 1], false)];
        for shard in &merged[..2] {
            worker.ensure_shard_state_exists(shard).await.unwrap();
        }
        let listing: Listing = merged.iter().cloned().collect();
        worker.mark_shard_as_depleted(&listing, &id(0)).await.unwrap();
        let (_, shards) = worker.get_shards_data().await.unwrap();
        assert_eq!(shards[&id(2)].parent, Some(id(1)), "Node checks the stored parent alone");
        assert_eq!(shards[&id(2)].adjacent, Some(id(0)));
        worker.mark_shard_as_depleted(&listing, &id(1)).await.unwrap();
        let (_, shards) = worker.get_shards_data().await.unwrap();
        assert!(listing.ready(&shards, &id(2), &shards[&id(2)]));
    })
    .await;
}

#[tokio::test]
async fn fan_out_consumers_are_added_taken_waited_for_and_dropped() {
    in_each_mode(async |bench| {
        let first = bench.outside(1);
        first.start(CREATED_ON).await.unwrap();
        let second = bench.outside(2);
        second.register_consumer().await.unwrap();
        assert_eq!(first.get_assigned_enhanced_consumer().await.unwrap(), None);
        assert!(!bench.state().await.workers[first.worker()].active, "none is free: it is idle");
        assert!(first.register_enhanced_consumer(&"fan".into(), "arn:fan").await.unwrap());
        assert!(!second.register_enhanced_consumer(&"fan".into(), "arn:other").await.unwrap());
        let slots = second.get_enhanced_consumers().await.unwrap();
        let slot = &slots["fan"];
        let standalone = bench.mode != Mode::Shared;
        assert_eq!((slot.arn.as_str(), slot.standalone), ("arn:fan", standalone));
        assert_eq!(slot.shards.is_some(), standalone, "as Node makes them");
        let arn = Some("arn:fan".to_owned());
        assert_eq!(first.get_assigned_enhanced_consumer().await.unwrap(), arn);
        assert!(bench.state().await.workers[first.worker()].active);
        assert_eq!(first.get_assigned_enhanced_consumer().await.unwrap(), arn, "it keeps its own");
        assert_eq!(second.get_assigned_enhanced_consumer().await.unwrap(), None);
        assert!(!bench.state().await.workers[second.worker()].active);
        assert!(!second.deregister_enhanced_consumer(&"fan".into()).await.unwrap(), "it is in use");
        // Its user goes: it is free, and the other one takes it, with what it holds.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        second.register_consumer().await.unwrap();
        assert_eq!(second.clear_old_consumers(200).await.unwrap(), [first.worker().clone()]);
        assert_eq!(second.get_assigned_enhanced_consumer().await.unwrap(), arn);
        let unused = "unused".into();
        assert!(second.register_enhanced_consumer(&unused, "arn:unused").await.unwrap());
        assert!(second.deregister_enhanced_consumer(&unused).await.unwrap());
        assert!(!second.deregister_enhanced_consumer(&unused).await.unwrap(), "it is gone");
    })
    .await;
}

#[tokio::test]
async fn a_standalone_worker_without_its_slot_gets_an_error_and_not_a_panic() {
    in_each_mode(async |bench| {
        let worker = bench.outside(1);
        worker.start(CREATED_ON).await.unwrap();
        let shards = worker.get_shards_data().await;
        match bench.fan_out && bench.mode == (Mode::Standalone { name: None }) {
            true => {
                let error = shards.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(error.to_string().contains("no fan-out slot"), "{error}");
            }
            false => assert!(shards.unwrap().1.is_empty()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_an_error_once_and_the_worker_goes_on() {
    in_each_mode(async |bench| {
        let lose = |operation: &str| {
            let fault = kinfolk_local::Fault::dynamodb(kinfolk_local::FaultKind::LoseAnswer);
            bench.world.local.faults().add(fault.on(operation).times(1));
        };
        let worker = bench.outside(1);
        lose("PutItem");
        worker.start(CREATED_ON).await.unwrap_err();
        worker.start(CREATED_ON).await.unwrap();
        worker.register_consumer().await.unwrap();
        let other = bench.outside(2);
        lose("UpdateItem");
        other.register_consumer().await.unwrap_err();
        other.register_consumer().await.unwrap();
        lose("UpdateItem");
        other.register_consumer().await.unwrap_err();
        other.register_consumer().await.unwrap();
        assert!(other.register_enhanced_consumer(&"fan".into(), "arn:fan").await.unwrap());
        assert_eq!(bench.state().await.workers.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_worker_with_more_shards_than_one_write_holds_is_cleared_with_all_of_them() {
    let world = World::start("operations", 1).await;
    TableSettings::new().ensure(&world.dynamodb).await.unwrap();
    let bench = Bench { world, mode: Mode::Shared, fan_out: false };
    let (old, young) = (bench.worker(1).await, bench.worker(2).await);
    let mut state = bench.state().await;
    for number in 0..180 {
        let mut shard = kinfolk::core::snapshot::Shard::new(None, None, "v".into());
        shard.owner = Some(old.worker().clone());
        state.shards.insert(id(number), shard);
    }
    bench.store().put(&state).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    young.register_consumer().await.unwrap();
    assert_eq!(young.clear_old_consumers(200).await.unwrap(), [old.worker().clone()]);
    let state = bench.state().await;
    let held = state.shards.values().filter(|shard| shard.owner.is_some()).count();
    assert_eq!(held, 0, "all of them are free");
}

#[tokio::test]
async fn an_outage_is_an_error_that_says_what_was_attempted() {
    in_each_mode(async |bench| {
        let worker = bench.worker(1).await;
        bench
            .world
            .local
            .faults()
            .add(kinfolk_local::Fault::dynamodb(kinfolk_local::FaultKind::Denied));
        let error = worker.get_owned_shards().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let said = error.to_string();
        for part in ["read the state", "group billing", "stream orders", "table lifion"] {
            assert!(said.contains(part), "{said}");
        }
    })
    .await;
}

/// The attributes of an item with their types; ids of every kind are one.
fn shape(item: &serde_json::Value) -> BTreeSet<(String, String)> {
    fn walk(path: &str, value: &serde_json::Value, into: &mut BTreeSet<(String, String)>) {
        let (kind, inner) = value.as_object().unwrap().iter().next().unwrap();
        if kind != "M" {
            into.insert((path.to_owned(), kind.clone()));
            return;
        }
        let maps = ["consumers", "enhancedConsumers", "shards"];
        let of_ids = maps.iter().any(|map| path.ends_with(map));
        for (name, value) in inner.as_object().unwrap() {
            if !name.starts_with("kf") {
                let name = if of_ids { "*" } else { name };
                walk(&format!("{path}/{name}"), value, into);
            }
        }
        if inner.as_object().unwrap().is_empty() {
            into.insert((path.to_owned(), kind.clone()));
        }
    }
    let mut all = BTreeSet::new();
    walk("", &serde_json::json!({ "M": item }), &mut all);
    all
}

#[tokio::test]
async fn the_same_history_writes_items_of_the_same_shape_as_the_node_librarys() {
    let histories = [
        ("auto", Mode::Shared, false, 4),
        ("standalone", Mode::Standalone { name: None }, false, 4),
        ("efo", Mode::Shared, true, 4),
        ("efo-standalone", Mode::Standalone { name: None }, true, 2),
    ];
    let steps = ["leased-before-records", "after-1000-records", "after-split", "after-stop"];
    for (name, mode, fan_out, length) in histories {
        let world = World::start("operations", 1).await;
        TableSettings::new().ensure(&world.dynamodb).await.unwrap();
        let bench = Bench { world, mode, fan_out };
        let workers = [bench.worker(1).await, bench.worker(2).await];
        for (step, what) in steps.iter().enumerate().take(length) {
            play(&bench, &workers, step).await;
            let file = format!(
                "{}/../../testdata/golden/ferrokinesis-dynoxide-{name}-{step}-{what}.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let golden: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let ours = bench.store().export().await.unwrap().unwrap();
            let ours: serde_json::Value = serde_json::from_slice(&ours).unwrap();
            let (ours, node) = (shape(&ours["Item"]), shape(&golden["rawItem"]));
            let paths = |shape: &BTreeSet<(String, String)>| -> BTreeSet<String> {
                shape.iter().map(|(path, _)| path.clone()).collect()
            };
            assert_eq!(paths(&ours), paths(&node), "{file}");
            for (path, kind) in &ours {
                // What may be null in Node's items may be so at another moment.
                let same = node.contains(&(path.clone(), kind.clone()));
                assert!(same || kind == "NULL" || nullable(path), "{file}: {path} is a {kind}");
            }
        }
    }
}

fn nullable(path: &str) -> bool {
    let leaves = [
        "parent",
        "checkpoint",
        "leaseOwner",
        "leaseExpiration",
        "isUsedBy",
        "approximateArrivalTimestamp",
    ];
    leaves.iter().any(|leaf| path.ends_with(leaf))
}

/// What the golden items' histories do at a step: lease, checkpoint, split, stop.
async fn play(bench: &Bench, workers: &[Operations; 2], step: usize) {
    let split = [info(0, &[], true), info(4, &[0], false), info(5, &[0], false)];
    let listing: Listing =
        split.iter().cloned().chain((1..4).map(|n| info(n, &[], false))).collect();
    for (turn, worker) in workers.iter().enumerate() {
        let shares = bench.mode == Mode::Shared;
        let mine = |number: u32| !shares || number as usize % 2 == turn;
        match step {
            0 => {
                for number in (0..4).filter(|number| mine(*number)) {
                    let shard = info(number, &[], false);
                    let (entry, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
                    let number = id(number);
                    let locked = worker.lock_shard_lease(&number, TERM_MS, &entry.version);
                    assert!(locked.await.unwrap());
                }
            }
            1 => {
                for number in (0..4).filter(|number| mine(*number)) {
                    let done = SequenceNumber::new("9000");
                    let arrival = (!bench.fan_out).then_some(WallTime(1_795_362_986_000));
                    worker.store_shard_checkpoint(&id(number), &done, arrival).await.unwrap();
                }
            }
            2 if mine(0) => {
                worker.mark_shard_as_depleted(&listing, &id(0)).await.unwrap();
                for number in [4, 5] {
                    let shard = info(number, &[0], false);
                    let (entry, _) = worker.get_shard_and_stream_state(&shard).await.unwrap();
                    let number = id(number);
                    let locked = worker.lock_shard_lease(&number, TERM_MS, &entry.version);
                    assert!(locked.await.unwrap());
                    let done = SequenceNumber::new("9500");
                    let arrival = Some(WallTime(1_795_362_987_000));
                    worker.store_shard_checkpoint(&number, &done, arrival).await.unwrap();
                }
            }
            _ => {}
        }
    }
}
