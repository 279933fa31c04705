//! From a change to the write that carries it out: the conditions of `Change::holds` and the
//! effects of `Change::apply`, one by one.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk_core::change::{
    Chain, Change, Edit, Effect, Eviction, Guard, LeaseUpdate, SlotEdit, Update,
};
use kinfolk_core::id::{GroupName, SlotName, StreamName, WorkerId};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::snapshot::{Home, Lease, Slot, Snapshot};

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
    check_home(change)?;
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
    for (name, edit) in &change.slots {
        slot(&mut expression, name, edit, change);
    }
    if let Some(mut entries) = change.founds.clone() {
        entries.values_mut().for_each(|shard| shard.version = change.stamp.clone());
        expression.set(Path::home(&change.home), encode::shards(&entries));
    }
    for (id, edit) in &change.shards {
        effect(&mut expression, Path::shard(&change.home, id), &edit.effect, change);
    }
    Ok(Write::Update(expression.finish()?))
}

/// An update cannot write a map as a whole and in parts.
fn check_home(change: &Change) -> Result<()> {
    let whole = match &change.home {
        Home::Group => false,
        Home::Place(_) => change.founds.is_some(),
        Home::Worker(_) => !matches!(change.chain, Chain::Beat { .. }),
        Home::Slot(name) => match change.slots.get(name) {
            Some(SlotEdit::Add { .. } | SlotEdit::Drop(_) | SlotEdit::Take { home: true, .. }) => {
                true
            }
            Some(SlotEdit::Take { home: false, .. } | SlotEdit::Free { .. }) | None => false,
        },
    };
    let founds_nothing = change.founds.is_some() && !matches!(change.home, Home::Place(_));
    if founds_nothing || (whole && !change.shards.is_empty()) {
        return Err(unfit(format!("its home {:?} is written as a whole", change.home)));
    }
    Ok(())
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
        Chain::Beat { prev, next, says } => {
            let last = Test::Is(me.leaf(at::HEARTBEAT), encode::moment(*prev));
            expression.require(Condition::Beat, last);
            expression.set(me.leaf(at::HEARTBEAT), encode::moment(*next));
            if says.leaving {
                expression.set(me.leaf(at::KF_LEAVING), TRUE);
            }
            if let Some(active) = says.active {
                expression.set(me.leaf(at::IS_ACTIVE), AttributeValue::Bool(active));
            }
            if let Some(period_ms) = says.period_ms {
                expression.set(me.leaf(at::KF_BEAT), encode::number(period_ms));
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
    for (name, edit) in &change.slots {
        require_slot(expression, Path::entry(at::ENHANCED_CONSUMERS, name), edit);
    }
    require_home(expression, change);
    change.shards.iter().try_for_each(|(id, edit)| {
        guard(expression, Path::shard(&change.home, id), edit)
            .ok_or_else(|| unfit(format!("shard {id} is edited under {:?}", edit.guard)))
    })
}

fn require_home<'a>(expression: &mut Expression<'a>, change: &'a Change) {
    let home = Path::home(&change.home);
    if matches!(change.chain, Chain::Reset { .. }) {
        return;
    }
    if change.founds.is_some() {
        expression.require(Condition::PlaceAbsent, Test::Absent(home));
    } else if change.home != Home::Group && !change.shards.is_empty() {
        expression.require(Condition::HomeThere, Test::Exists(home));
    }
}

fn require_slot<'a>(expression: &mut Expression<'a>, entry: Path<'a>, edit: &'a SlotEdit) {
    let seen = match edit {
        SlotEdit::Add { .. } => {
            return expression.require(Condition::SlotAbsent, Test::Absent(entry));
        }
        SlotEdit::Drop(seen) | SlotEdit::Take { seen, .. } => {
            let free = Test::Is(entry.leaf(at::IS_USED_BY), NULL);
            expression.require(Condition::SlotFree, free);
            seen
        }
        SlotEdit::Free { user, seen } => {
            let used = Test::Is(entry.leaf(at::IS_USED_BY), encode::text(user));
            expression.require(Condition::SlotUse, used);
            seen
        }
    };
    let version = Test::Is(entry.leaf(at::VERSION), encode::text(seen));
    expression.require(Condition::SlotVersion, version);
}

fn require_silence<'a>(expression: &mut Expression<'a>, eviction: &'a Eviction) {
    let version = Test::Is(Path::item(at::VERSION), encode::text(&eviction.version));
    expression.require(Condition::ItemVersion, version);
    let beat = Path::entry(at::CONSUMERS, &eviction.victim).leaf(at::HEARTBEAT);
    let silent = Test::Is(beat, encode::moment(eviction.beat));
    expression.require(Condition::VictimBeat, silent);
}

/// The condition on a shard's entry; `None` where the effect cannot be written under it.
fn guard<'a>(expression: &mut Expression<'a>, entry: Path<'a>, edit: &'a Edit) -> Option<()> {
    match (&edit.guard, &edit.effect) {
        (Guard::None, Effect::Track(_)) => {}
        (Guard::Absent, Effect::Insert(_) | Effect::Track(_)) => {
            expression.require(Condition::EntryAbsent, Test::Absent(entry));
        }
        // A leaf can only be set or removed in an entry that is there, and an entry that is there
        // is never replaced: it may hold what others keep in it.
        (Guard::None | Guard::Absent, _) | (_, Effect::Insert(_)) => return None,
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
    Some(())
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
}

fn slot<'a>(
    expression: &mut Expression<'a>,
    name: &'a SlotName,
    edit: &'a SlotEdit,
    change: &'a Change,
) {
    let entry = Path::entry(at::ENHANCED_CONSUMERS, name);
    let user = match edit {
        SlotEdit::Add { arn, standalone } => {
            let slot = Slot::new(arn, *standalone, change.stamp.clone());
            return expression.set(entry, encode::slot(&slot));
        }
        SlotEdit::Drop(_) => return expression.remove(entry),
        SlotEdit::Take { home, .. } => {
            if *home {
                let none = encode::shards(&Default::default());
                expression.set_if_absent(entry.leaf(at::SHARDS), none);
            }
            encode::text(&change.worker)
        }
        SlotEdit::Free { .. } => NULL,
    };
    expression.set(entry.leaf(at::IS_USED_BY), user);
    expression.set_stamp(entry.leaf(at::VERSION));
}

fn effect<'a>(
    expression: &mut Expression<'a>,
    entry: Path<'a>,
    effect: &'a Effect,
    change: &'a Change,
) {
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
