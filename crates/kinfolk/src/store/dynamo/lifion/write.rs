//! From a change to the write that carries it out: the conditions of `Change::holds` and the
//! effects of `Change::apply`, one by one.

use std::collections::BTreeSet;

use kinfolk_core::change::{Chain, Change, Edit, Effect, Eviction, Guard, LeaseUpdate, Update};
use kinfolk_core::id::{GroupName, ShardId, StreamName, WorkerId};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::snapshot::{Lease, Snapshot};

use super::attribute as at;
use super::condition::Condition;
use super::decode::Item;
use super::encode::{self, NULL, TRUE};
use super::expression::{Expression, Finished, Path, Test};
use crate::error::{Error, ErrorKind, Result};

/// One request to DynamoDB.
#[derive(Debug)]
pub(super) enum Write {
    /// PutItem: a whole state.
    Put {
        /// What is put.
        item: Item,
        /// What it holds.
        state: Box<Snapshot>,
        /// On what condition.
        expression: Finished,
    },
    /// UpdateItem.
    Update(Finished),
}

/// The write of a change, without the conditions that a test leaves out.
pub(super) fn write(
    group: &GroupName,
    stream: &StreamName,
    change: &Change,
    left_out: &BTreeSet<Condition>,
) -> Result<Write> {
    let mut expression = Expression::new(&change.stamp, left_out);
    // A new group has nothing that the other conditions could be about.
    if !matches!(change.chain, Chain::Create { .. }) {
        require(&mut expression, change)?;
    }
    chain(&mut expression, change);
    if let Some(state) = change.fresh() {
        let item = encode::item(group, stream, &state);
        return Ok(Write::Put { item, state: Box::new(state), expression: expression.finish()? });
    }
    if let Some(eviction) = &change.evict {
        evict(&mut expression, eviction);
    }
    for (id, edit) in &change.shards {
        effect(&mut expression, id, &edit.effect, change);
    }
    Ok(Write::Update(expression.finish()?))
}

/// The writer's own entry: what it requires, and what becomes of it.
fn chain<'a>(expression: &mut Expression<'a>, change: &'a Change) {
    let me = Path::entry(at::CONSUMERS, &change.worker);
    let created_on = Path::item(at::STREAM_CREATED_ON);
    match &change.chain {
        Chain::Create { .. } => {
            expression.require(Condition::ItemAbsent, Test::Absent(Path::item(at::STREAM_NAME)));
        }
        Chain::Reset { old, .. } => {
            let old = Test::Is(created_on, encode::moment(*old));
            expression.require(Condition::OldStream, old);
        }
        Chain::Join { created_on: date, entry } => {
            let same = Test::Is(created_on, encode::moment(*date));
            expression.require(Condition::SameStream, same);
            expression.require(Condition::WorkerAbsent, Test::Absent(me));
            expression.set(me, encode::worker(entry));
        }
        Chain::Beat { prev, next, leaving } => {
            let last = Test::Is(me.leaf(at::HEARTBEAT), encode::moment(*prev));
            expression.require(Condition::Beat, last);
            expression.set(me.leaf(at::HEARTBEAT), encode::moment(*next));
            if *leaving {
                expression.set(me.leaf(at::KF_LEAVING), TRUE);
            }
        }
        Chain::Leave { prev } => {
            let last = Test::Is(me.leaf(at::HEARTBEAT), encode::moment(*prev));
            expression.require(Condition::Beat, last);
            expression.remove(me);
        }
    }
}

/// The conditions on everything but the writer's own entry.
fn require<'a>(expression: &mut Expression<'a>, change: &'a Change) -> Result<()> {
    if let Some(eviction) = &change.evict {
        if eviction.victim == change.worker {
            return Err(unfit(format!("worker {} evicts itself", change.worker)));
        }
        require_silence(expression, eviction);
    }
    for worker in &change.absent {
        let absent = Test::Absent(Path::entry(at::CONSUMERS, worker));
        expression.require(Condition::AbsentWorker, absent);
    }
    for worker in change.receivers() {
        let entry = Path::entry(at::CONSUMERS, worker);
        let ours = Test::Exists(entry.leaf(at::KF_BEAT));
        expression.require(Condition::ReceiverIsKinfolk, ours);
        let stays = Test::Absent(entry.leaf(at::KF_LEAVING));
        expression.require(Condition::ReceiverNotLeaving, stays);
    }
    change.shards.iter().try_for_each(|(id, edit)| guard(expression, id, edit))
}

fn require_silence<'a>(expression: &mut Expression<'a>, eviction: &'a Eviction) {
    let version = Test::Is(Path::item(at::VERSION), encode::text(&eviction.version));
    expression.require(Condition::ItemVersion, version);
    let beat = Path::entry(at::CONSUMERS, &eviction.victim).leaf(at::HEARTBEAT);
    let silent = Test::Is(beat, encode::moment(eviction.beat));
    expression.require(Condition::VictimBeat, silent);
    for (name, seen) in &eviction.slots {
        let slot = Path::entry(at::ENHANCED_CONSUMERS, name);
        let used = Test::Is(slot.leaf(at::IS_USED_BY), encode::text(&eviction.victim));
        expression.require(Condition::SlotUse, used);
        let version = Test::Is(slot.leaf(at::VERSION), encode::text(seen));
        expression.require(Condition::SlotVersion, version);
    }
}

fn guard<'a>(expression: &mut Expression<'a>, id: &'a ShardId, edit: &'a Edit) -> Result<()> {
    let entry = Path::entry(at::SHARDS, id);
    match (&edit.guard, &edit.effect) {
        (Guard::None, Effect::Track(_)) => {}
        (Guard::Absent, Effect::Insert(_) | Effect::Track(_)) => {
            expression.require(Condition::EntryAbsent, Test::Absent(entry));
        }
        // A leaf can only be set or removed in an entry that is there, and an entry that is there
        // is never replaced: it may hold what others keep in it.
        (Guard::None | Guard::Absent, _) | (_, Effect::Insert(_)) => {
            return Err(unfit(format!("shard {id} is edited under {:?}", edit.guard)));
        }
        (Guard::Version(seen), _) => version(expression, entry, seen.as_str()),
        (Guard::Ended(seen), _) => {
            version(expression, entry, seen.as_str());
            let ended = Test::Is(entry.leaf(at::DEPLETED), TRUE);
            expression.require(Condition::EntryEnded, ended);
        }
        (Guard::OwnedBy(worker), _) => {
            owner(expression, Condition::EntryOwner, entry, worker);
        }
        (Guard::Tenure(lease), effect) => tenure(expression, entry, lease, written(effect)),
    }
    Ok(())
}

fn version<'a>(expression: &mut Expression<'a>, entry: Path<'a>, seen: &str) {
    let same = Test::Is(entry.leaf(at::VERSION), encode::text(seen));
    expression.require(Condition::EntryVersion, same);
}

fn owner<'a>(
    expression: &mut Expression<'a>,
    kind: Condition,
    entry: Path<'a>,
    worker: &'a WorkerId,
) {
    expression.require(kind, Test::Is(entry.leaf(at::LEASE_OWNER), encode::text(worker)));
}

/// The form that a worker that keeps touching the entry cannot disturb (protocol, section 2.4).
fn tenure<'a>(
    expression: &mut Expression<'a>,
    entry: Path<'a>,
    lease: &'a Lease,
    sequence: Option<Option<&'a SequenceNumber>>,
) {
    owner(expression, Condition::TenureOwner, entry, &lease.owner);
    let mine = Test::Is(entry.leaf(at::KF_LEASE), encode::lease(lease));
    expression.require(Condition::TenureEpoch, mine);
    if let Some(sequence) = sequence {
        let forward = Test::NotBeyond(entry.leaf(at::CHECKPOINT), sequence);
        expression.require(Condition::TenureNotBeyond, forward);
    }
}

/// The sequence number that an effect writes, if it writes a checkpoint.
fn written(effect: &Effect) -> Option<Option<&SequenceNumber>> {
    match effect {
        Effect::Set(Update { progress: Some(progress), .. }) => {
            Some(progress.checkpoint.sequence.as_ref())
        }
        _ => None,
    }
}

fn evict<'a>(expression: &mut Expression<'a>, eviction: &'a Eviction) {
    expression.remove(Path::entry(at::CONSUMERS, &eviction.victim));
    expression.set_stamp(Path::item(at::VERSION));
    for name in eviction.slots.keys() {
        let slot = Path::entry(at::ENHANCED_CONSUMERS, name);
        expression.set(slot.leaf(at::IS_USED_BY), NULL);
        expression.set_stamp(slot.leaf(at::VERSION));
    }
}

fn effect<'a>(
    expression: &mut Expression<'a>,
    id: &'a ShardId,
    effect: &'a Effect,
    change: &'a Change,
) {
    let entry = Path::entry(at::SHARDS, id);
    match effect {
        Effect::Track(shard) => {
            expression.set_if_absent(entry, encode::shard(shard, &change.stamp));
        }
        Effect::Insert(shard) => expression.set(entry, encode::shard(shard, &change.stamp)),
        Effect::Set(change) => update(expression, entry, change),
        Effect::Forget => expression.remove(entry),
    }
}

fn update<'a>(expression: &mut Expression<'a>, entry: Path<'a>, update: &'a Update) {
    if let Some(progress) = &update.progress {
        let checkpoint = &progress.checkpoint;
        let sequence = checkpoint.sequence.as_ref().map(SequenceNumber::as_str);
        expression.set(entry.leaf(at::CHECKPOINT), encode::text_or_null(sequence));
        expression.set(entry.leaf(at::ARRIVAL), encode::moment_or_null(progress.arrival));
        let part = checkpoint.part.as_ref().map(encode::part);
        expression.set_or_remove(entry.leaf(at::KF_PART), part);
    }
    if update.ended {
        expression.set(entry.leaf(at::DEPLETED), TRUE);
    }
    if let Some((parent, adjacent)) = &update.parents {
        expression.set(entry.leaf(at::PARENT), encode::text(parent));
        let adjacent = adjacent.as_ref().map(encode::text);
        expression.set_or_remove(entry.leaf(at::KF_ADJ), adjacent);
    }
    lease(expression, entry, &update.lease);
    expression.set_stamp(entry.leaf(at::VERSION));
}

fn lease<'a>(expression: &mut Expression<'a>, entry: Path<'a>, update: &'a LeaseUpdate) {
    match update {
        LeaseUpdate::Keep => {}
        LeaseUpdate::Extend { until } => {
            expression.set(entry.leaf(at::LEASE_EXPIRATION), encode::moment(*until));
        }
        LeaseUpdate::Assign { lease, until } => {
            expression.set(entry.leaf(at::LEASE_OWNER), encode::text(&lease.owner));
            expression.set(entry.leaf(at::LEASE_EXPIRATION), encode::moment(*until));
            expression.set(entry.leaf(at::KF_LEASE), encode::lease(lease));
            expression.remove(entry.leaf(at::KF_FOR));
        }
        LeaseUpdate::Free { reserved } => {
            expression.set(entry.leaf(at::LEASE_OWNER), NULL);
            expression.set(entry.leaf(at::LEASE_EXPIRATION), NULL);
            let reserved = reserved.as_ref().map(encode::text);
            expression.set_or_remove(entry.leaf(at::KF_FOR), reserved);
        }
    }
}

/// A change that no coordinator should make.
fn unfit(what: String) -> Error {
    Error::new(ErrorKind::Internal, format!("a change that cannot be written: {what}"))
}
