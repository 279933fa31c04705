//! Any state at all.

use std::collections::BTreeMap;

use kinfolk_core::id::{SlotName, Version};
use kinfolk_core::sequence::{Checkpoint, Part, SequenceNumber};
use kinfolk_core::snapshot::{About, Arrival, Lease, Shards, Slot};
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

use super::*;

/// Few names, so that two states have some in common; among them what needs care in SQL.
fn name() -> impl Strategy<Value = String> {
    let odd = ["", "a", "b", "é ☃", "it's", "\"x\"", "%_?", "nul \0 inside", "null"];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(str::to_owned), "[a-c]{1,2}"]
}

fn id<T: From<String> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    name().prop_map(T::from)
}

fn time() -> impl Strategy<Value = WallTime> {
    prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), any::<i64>()].prop_map(WallTime)
}

/// What fits a column: SQLite's integers have a sign.
fn number() -> impl Strategy<Value = u64> {
    0..=i64::MAX.cast_unsigned()
}

fn checkpoint() -> impl Strategy<Value = Checkpoint> {
    let sequence = || "[1-9][0-9]{0,60}".prop_map(SequenceNumber::new);
    let part = (sequence(), number()).prop_map(|(sequence, sub)| Part { sequence, sub });
    (option::of(sequence()), option::of(part)).prop_map(|(s, part)| Checkpoint::new(s, part))
}

fn arrival() -> impl Strategy<Value = Arrival> {
    prop_oneof![Just(Arrival::Unsaid), Just(Arrival::Unknown), time().prop_map(Arrival::At)]
}

fn shard() -> impl Strategy<Value = Shard> {
    let lease = (number(), id()).prop_map(|(epoch, owner)| Lease { epoch, owner });
    let family = (option::of(id()), option::of(id()), id::<Version>());
    let place = (checkpoint(), option::of(time()), arrival(), any::<bool>());
    let held = (option::of(id()), option::of(time()), option::of(lease), option::of(id()));
    (family, place, held).prop_map(|((parent, adjacent, version), place, held)| {
        let (checkpoint, from, arrival, ended) = place;
        let (owner, until, lease, reserved) = held;
        let fresh = Shard::new(parent, adjacent, version);
        Shard { checkpoint, from, arrival, ended, owner, until, lease, reserved, ..fresh }
    })
}

fn shards() -> impl Strategy<Value = Shards> {
    btree_map(id(), shard(), 0..4)
}

fn worker() -> impl Strategy<Value = Worker> {
    let about = (name(), name(), any::<u32>(), time());
    let flags = any::<[bool; 3]>();
    let more = (option::of(any::<u32>()), option::of(id()), option::of(shards()));
    (time(), flags, more, about).prop_map(|(beat, [leaving, active, standalone], more, about)| {
        let (period_ms, name, shards) = more;
        let (app_name, host, pid, started_on) = about;
        let about = About { app_name, host, pid, started_on };
        Worker { beat, period_ms, leaving, active, standalone, name, shards, about }
    })
}

fn slot() -> impl Strategy<Value = Slot> {
    let parts = (name(), any::<bool>(), option::of(id()), id(), option::of(shards()));
    parts.prop_map(|(arn, standalone, used_by, version, shards)| Slot {
        arn,
        standalone,
        used_by,
        version,
        shards,
    })
}

/// A state in which every kind of entry occurs, in every condition.
pub(super) fn state() -> impl Strategy<Value = Snapshot> {
    let workers = btree_map(id::<WorkerId>(), worker(), 0..4);
    let slots = btree_map(id::<SlotName>(), slot(), 0..4);
    let places = btree_map(id(), shards(), 0..4);
    let top = (time(), id::<Version>(), option::of(time()));
    (top, workers, slots, shards(), places).prop_map(|(top, workers, slots, shards, places)| {
        let (created_on, version, started_at) = top;
        Snapshot { created_on, version, started_at, workers, slots, shards, places }
    })
}

/// A state with many shards of which nothing is done.
pub(super) fn large(shards: usize) -> Snapshot {
    let entry = |n| (ShardId::from(format!("shardId-{n:012}")), Shard::new(None, None, "v".into()));
    Snapshot {
        created_on: WallTime(1),
        version: "v".into(),
        started_at: Some(WallTime(2)),
        workers: BTreeMap::new(),
        slots: BTreeMap::new(),
        shards: (0..shards).map(entry).collect(),
        places: BTreeMap::new(),
    }
}
