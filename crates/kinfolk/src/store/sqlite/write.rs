//! From one snapshot to the next: the rows in which they differ.

use std::collections::{BTreeMap, BTreeSet};

use kinfolk_core::id::{PlaceName, ShardId, SlotName, WorkerId};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::snapshot::{Arrival, Home, Shard, Shards, Slot, Snapshot, Worker};
use kinfolk_core::time::WallTime;
use rusqlite::{Connection, Params, Result, params};

use super::difference::Difference;
use super::key::Key;

const PUT_GROUP: &str = "INSERT INTO groups (group_name, stream, created_on, version, started_at)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET created_on = excluded.created_on,
    version = excluded.version, started_at = excluded.started_at";
const PUT_WORKER: &str = "REPLACE INTO workers (group_name, stream, worker, beat, period_ms, \
    leaving, active, standalone, place, has_shards, app_name, host, pid, started_on)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const PUT_SLOT: &str = "REPLACE INTO slots (group_name, stream, slot, arn, standalone, used_by, \
    version, has_shards) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const PUT_PLACE: &str = "REPLACE INTO places (group_name, stream, place) VALUES (?, ?, ?)";
const PUT_SHARD: &str = "REPLACE INTO shards (group_name, stream, home_kind, home, shard, parent, \
    adjacent, sequence, part_sequence, part_sub, start_at, arrival, arrived_at, ended, owner, \
    until, version, epoch, lease_owner, reserved)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const DROP_WORKER: &str = "DELETE FROM workers WHERE group_name = ? AND stream = ? AND worker = ?";
const DROP_SLOT: &str = "DELETE FROM slots WHERE group_name = ? AND stream = ? AND slot = ?";
const DROP_PLACE: &str = "DELETE FROM places WHERE group_name = ? AND stream = ? AND place = ?";
const DROP_SHARD: &str = "DELETE FROM shards WHERE group_name = ? AND stream = ?
    AND home_kind = ? AND home = ? AND shard = ?";

/// What a group that was deleted by hand may have left behind: the foreign keys are enforced by
/// our connections alone.
const LEFT_BEHIND: [&str; 4] = [
    "DELETE FROM workers WHERE group_name = ? AND stream = ?",
    "DELETE FROM slots WHERE group_name = ? AND stream = ?",
    "DELETE FROM places WHERE group_name = ? AND stream = ?",
    "DELETE FROM shards WHERE group_name = ? AND stream = ?",
];

/// Makes the rows of a group, which say `before`, say `after`. Part of a transaction.
pub(super) fn state(
    connection: &Connection,
    key: &Key,
    before: Option<&Snapshot>,
    after: &Snapshot,
) -> Result<()> {
    let rows = Rows { connection, key };
    let nothing = Snapshot {
        created_on: after.created_on,
        version: after.version.clone(),
        started_at: after.started_at,
        workers: BTreeMap::new(),
        slots: BTreeMap::new(),
        shards: BTreeMap::new(),
        places: BTreeMap::new(),
    };
    let same = before.is_some_and(|before| {
        (before.created_on, &before.version, before.started_at)
            == (after.created_on, &after.version, after.started_at)
    });
    if !same {
        rows.put_group(after)?;
    }
    if before.is_none() {
        LEFT_BEHIND.iter().try_for_each(|sql| rows.run(sql, params![key.group(), key.stream()]))?;
    }
    rows.go(before.unwrap_or(&nothing), after)
}

struct Rows<'a> {
    connection: &'a Connection,
    key: &'a Key,
}

impl Rows<'_> {
    fn go(&self, before: &Snapshot, after: &Snapshot) -> Result<()> {
        let workers = Difference::of(&before.workers, &after.workers, |a, b| bare(a) == bare(b));
        workers.go(|id| self.drop_row(DROP_WORKER, id.as_str()), |id, w| self.put_worker(id, w))?;
        let same = |a: &Slot, b: &Slot| bare_slot(a) == bare_slot(b);
        let slots = Difference::of(&before.slots, &after.slots, same);
        slots
            .go(|name| self.drop_row(DROP_SLOT, name.as_str()), |name, s| self.put_slot(name, s))?;
        let places = Difference::of(&before.places, &after.places, |_, _| true);
        places
            .go(|name| self.drop_row(DROP_PLACE, name.as_str()), |name, _| self.put_place(name))?;
        let homes: BTreeSet<Home> = before.homes().chain(after.homes()).collect();
        homes.iter().try_for_each(|home| {
            let (before, after) = (before.shards_of(home), after.shards_of(home));
            let shards = Difference::of(before, after, |a, b| a == b);
            shards.go(|id| self.drop_shard(home, id), |id, shard| self.put_shard(home, id, shard))
        })
    }

    fn put_group(&self, state: &Snapshot) -> Result<()> {
        let (group, stream) = (self.key.group(), self.key.stream());
        let started_at = state.started_at.map(ms);
        let version = state.version.as_str();
        self.run(PUT_GROUP, params![group, stream, ms(state.created_on), version, started_at])
    }

    fn put_worker(&self, id: &WorkerId, worker: &Worker) -> Result<()> {
        self.run(
            PUT_WORKER,
            params![
                self.key.group(),
                self.key.stream(),
                id.as_str(),
                ms(worker.beat),
                worker.period_ms,
                worker.leaving,
                worker.active,
                worker.standalone,
                worker.name.as_ref().map(PlaceName::as_str),
                worker.shards.is_some(),
                worker.about.app_name,
                worker.about.host,
                worker.about.pid,
                ms(worker.about.started_on),
            ],
        )
    }

    fn put_slot(&self, name: &SlotName, slot: &Slot) -> Result<()> {
        self.run(
            PUT_SLOT,
            params![
                self.key.group(),
                self.key.stream(),
                name.as_str(),
                slot.arn,
                slot.standalone,
                slot.used_by.as_ref().map(WorkerId::as_str),
                slot.version.as_str(),
                slot.shards.is_some(),
            ],
        )
    }

    fn put_place(&self, name: &PlaceName) -> Result<()> {
        self.run(PUT_PLACE, params![self.key.group(), self.key.stream(), name.as_str()])
    }

    fn put_shard(&self, home: &Home, id: &ShardId, shard: &Shard) -> Result<()> {
        let (home_kind, home) = of_home(home);
        let (sequence, part) = (shard.checkpoint.sequence.as_ref(), shard.checkpoint.part.as_ref());
        let arrival = match shard.arrival {
            Arrival::Unsaid => "unsaid",
            Arrival::Unknown => "unknown",
            Arrival::At(_) => "at",
        };
        self.run(
            PUT_SHARD,
            params![
                self.key.group(),
                self.key.stream(),
                home_kind,
                home,
                id.as_str(),
                shard.parent.as_ref().map(ShardId::as_str),
                shard.adjacent.as_ref().map(ShardId::as_str),
                sequence.map(SequenceNumber::as_str),
                part.map(|part| part.sequence.as_str()),
                part.map(|part| part.sub),
                shard.from.map(ms),
                arrival,
                shard.arrival.time().map(ms),
                shard.ended,
                shard.owner.as_ref().map(WorkerId::as_str),
                shard.until.map(ms),
                shard.version.as_str(),
                shard.lease.as_ref().map(|lease| lease.epoch),
                shard.lease.as_ref().map(|lease| lease.owner.as_str()),
                shard.reserved.as_ref().map(WorkerId::as_str),
            ],
        )
    }

    fn drop_row(&self, sql: &str, id: &str) -> Result<()> {
        self.run(sql, params![self.key.group(), self.key.stream(), id])
    }

    fn drop_shard(&self, home: &Home, id: &ShardId) -> Result<()> {
        let (kind, home) = of_home(home);
        self.run(DROP_SHARD, params![self.key.group(), self.key.stream(), kind, home, id.as_str()])
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute(params).map(drop)
    }
}

/// An entry as its own row has it: its shards are rows of their own.
fn bare(worker: &Worker) -> Worker {
    Worker { shards: worker.shards.as_ref().map(|_| Shards::new()), ..worker.clone() }
}

fn bare_slot(slot: &Slot) -> Slot {
    Slot { shards: slot.shards.as_ref().map(|_| Shards::new()), ..slot.clone() }
}

/// A home's columns.
fn of_home(home: &Home) -> (&'static str, &str) {
    match home {
        Home::Group => ("group", ""),
        Home::Place(name) => ("place", name.as_str()),
        Home::Worker(id) => ("worker", id.as_str()),
        Home::Slot(name) => ("slot", name.as_str()),
    }
}

fn ms(time: WallTime) -> i64 {
    time.0
}
