//! A conditional write, as data.
//!
//! [`Change::apply`] is the one definition of what a change means. The memory store runs it as it
//! stands; every other store encodes the same conditions and effects for its database and must
//! pass the conformance suite against this definition.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ShardId, SlotName, Version, WorkerId};
use crate::sequence::Checkpoint;
use crate::snapshot::{Lease, Shard, Snapshot, Worker};
use crate::time::WallTime;

/// One atomic write of one worker: all of it happens or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The writer.
    pub worker: WorkerId,
    /// What the write requires of the writer's own entry, and makes of it.
    pub chain: Chain,
    /// A silent worker to remove.
    pub evict: Option<Eviction>,
    /// Workers that must be absent: their shards are taken.
    pub absent: BTreeSet<WorkerId>,
    /// What happens to shards.
    pub shards: BTreeMap<ShardId, Edit>,
    /// The version of every entry that the write touches. One fresh value for each write:
    /// without a new one, a Node consumer's lock, which compares nothing else, would win over a
    /// lease taken a moment before.
    pub stamp: Version,
}

/// The writer's own entry. The writes of a worker form a chain: each is conditional on the beat
/// of the one before, so that a repeated or late packet fails, and an evicted worker's too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Chain {
    /// Creates the group's state. Refused when there is one.
    Create {
        /// When the stream was created.
        created_on: WallTime,
        /// When the group is created.
        started_at: WallTime,
        /// The writer's entry.
        entry: Worker,
    },
    /// Replaces the state of a stream that was deleted and made again. Refused unless the state
    /// is still the old stream's.
    Reset {
        /// When the old stream was created.
        old: WallTime,
        /// When the stream was created.
        created_on: WallTime,
        /// When the group is created.
        started_at: WallTime,
        /// The writer's entry.
        entry: Worker,
    },
    /// Adds the writer. Refused when its id is there, or when the state is of another stream.
    Join {
        /// When the stream was created.
        created_on: WallTime,
        /// The writer's entry.
        entry: Worker,
    },
    /// A beat. Refused unless the writer's beat is `prev`.
    Beat {
        /// The writer's beat before.
        prev: WallTime,
        /// The beat of this write.
        next: WallTime,
        /// Says that the writer is leaving.
        leaving: bool,
    },
    /// Removes the writer. Refused unless its beat is `prev`.
    Leave {
        /// The writer's beat before.
        prev: WallTime,
    },
}

impl Chain {
    /// The writer's beat once the write is applied; `None` when it leaves.
    pub fn beat(&self) -> Option<WallTime> {
        match self {
            Chain::Create { entry, .. }
            | Chain::Reset { entry, .. }
            | Chain::Join { entry, .. } => Some(entry.beat),
            Chain::Beat { next, .. } => Some(*next),
            Chain::Leave { .. } => None,
        }
    }
}

/// Removes a worker whose beat stood still. Its shards are edited in the same write, each under
/// [`Guard::OwnedBy`]; its fan-out slots are freed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eviction {
    /// Who is removed.
    pub victim: WorkerId,
    /// Its beat, which must be what the writer saw: a worker that beat since then is alive.
    pub beat: WallTime,
    /// The state's version, which must be what the writer saw: Node evicts under it alone.
    pub version: Version,
    /// The fan-out slots that it uses, which become free. Each must still be in its use, at this
    /// version.
    pub slots: BTreeMap<SlotName, Version>,
}

/// What happens to one shard, and under which condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    /// The condition.
    pub guard: Guard,
    /// The effect.
    pub effect: Effect,
}

/// A condition on a shard's entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Guard {
    /// None. Only for [`Effect::Track`].
    None,
    /// There is no entry.
    Absent,
    /// The entry's version is this one.
    Version(Version),
    /// The tenure is in force, and its stored sequence number is not beyond the one to be
    /// written. For entries that somebody else keeps touching (protocol, section 2.4).
    Tenure(Lease),
    /// This worker holds the shard.
    OwnedBy(WorkerId),
    /// The entry's version is this one, and it is ended.
    Ended(Version),
}

/// What happens to a shard's entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Makes the entry if there is none; leaves it alone otherwise.
    Track(Shard),
    /// Makes the entry. Under [`Guard::Absent`].
    Insert(Shard),
    /// Changes the entry.
    Set(Update),
    /// Removes the entry.
    Forget,
}

/// Changes of an entry; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Update {
    /// How far the shard is done.
    pub progress: Option<Progress>,
    /// What happens to its lease.
    pub lease: LeaseUpdate,
    /// Every record of it is done.
    pub ended: bool,
    /// Its parents in another order, or known better: the first is the one that Node checks.
    pub parents: Option<(ShardId, Option<ShardId>)>,
}

/// How far a shard is done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Progress {
    /// Everything up to here.
    pub checkpoint: Checkpoint,
    /// When the last of it arrived.
    pub arrival: Option<WallTime>,
}

/// What happens to a shard's lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum LeaseUpdate {
    /// Nothing.
    #[default]
    Keep,
    /// Node consumers believe in the owner until then.
    Extend {
        /// The date that they read.
        until: WallTime,
    },
    /// A tenure begins: the writer's (a take), or that of a worker of ours which is present and
    /// not leaving (a give); otherwise the write is refused.
    Assign {
        /// The tenure.
        lease: Lease,
        /// The date that Node consumers read.
        until: WallTime,
    },
    /// The shard becomes free.
    Free {
        /// For this Node consumer.
        reserved: Option<WorkerId>,
    },
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// It happened; the state after it.
    Applied(Snapshot),
    /// A condition did not hold and nothing happened; the state that refused it, `None` when
    /// there is no state.
    Refused(Option<Snapshot>),
}

impl Change {
    /// A write that only moves the writer's own entry.
    pub fn new(worker: WorkerId, chain: Chain, stamp: Version) -> Self {
        Self { worker, chain, evict: None, absent: BTreeSet::new(), shards: BTreeMap::new(), stamp }
    }

    /// Carries out the change on a state.
    pub fn apply(&self, state: Option<&Snapshot>) -> Committed {
        if !self.holds(state) {
            return Committed::Refused(state.cloned());
        }
        // Without a state, `holds` has refused everything that does not bring its own.
        let Some(mut after) = self.blank().or_else(|| state.cloned()) else {
            return Committed::Refused(None);
        };
        self.carry_out(&mut after);
        Committed::Applied(after)
    }

    /// The state that a [`Chain::Create`] or a [`Chain::Reset`] writes, whatever there was before;
    /// `None` for every other change.
    pub fn fresh(&self) -> Option<Snapshot> {
        let mut state = self.blank()?;
        self.carry_out(&mut state);
        Some(state)
    }

    /// The empty state that a new group begins with.
    fn blank(&self) -> Option<Snapshot> {
        let (Chain::Create { created_on, started_at, .. }
        | Chain::Reset { created_on, started_at, .. }) = &self.chain
        else {
            return None;
        };
        Some(Snapshot {
            created_on: *created_on,
            version: self.stamp.clone(),
            started_at: Some(*started_at),
            workers: BTreeMap::new(),
            slots: BTreeMap::new(),
            shards: BTreeMap::new(),
        })
    }

    fn carry_out(&self, state: &mut Snapshot) {
        self.move_writer(state);
        self.remove_victim(state);
        for (id, edit) in &self.shards {
            edit.effect.carry_out(id, &self.stamp, &mut state.shards);
        }
    }

    /// The workers of ours that this change gives shards to.
    pub fn receivers(&self) -> BTreeSet<&WorkerId> {
        self.shards
            .values()
            .filter_map(|edit| edit.assigned())
            .filter(|owner| **owner != self.worker)
            .collect()
    }

    /// Whether an edit of this change begins a tenure of another worker.
    pub fn gives(&self, edit: &Edit) -> bool {
        edit.assigned().is_some_and(|owner| *owner != self.worker)
    }

    /// Whether every condition of the change holds.
    pub fn holds(&self, state: Option<&Snapshot>) -> bool {
        let Some(state) = state else {
            return matches!(self.chain, Chain::Create { .. });
        };
        self.chain_holds(state)
            && self.eviction_holds(state)
            && self.absent.iter().all(|worker| !state.workers.contains_key(worker))
            && self.receivers().into_iter().all(|worker| {
                state.workers.get(worker).is_some_and(|w| w.is_kinfolk() && !w.leaving)
            })
            && self.shards.iter().all(|(id, edit)| edit.holds(state.shards.get(id)))
    }

    fn chain_holds(&self, state: &Snapshot) -> bool {
        let mine = state.workers.get(&self.worker);
        match &self.chain {
            Chain::Create { .. } => false,
            Chain::Reset { old, .. } => state.created_on == *old,
            Chain::Join { created_on, .. } => state.created_on == *created_on && mine.is_none(),
            Chain::Beat { prev, .. } | Chain::Leave { prev } => {
                mine.is_some_and(|worker| worker.beat == *prev)
            }
        }
    }

    fn eviction_holds(&self, state: &Snapshot) -> bool {
        self.evict.as_ref().is_none_or(|eviction| {
            state.version == eviction.version
                && state.workers.get(&eviction.victim).is_some_and(|w| w.beat == eviction.beat)
                && eviction.slots.iter().all(|(name, seen)| {
                    state.slots.get(name).is_some_and(|slot| {
                        slot.used_by.as_ref() == Some(&eviction.victim) && slot.version == *seen
                    })
                })
        })
    }

    fn move_writer(&self, after: &mut Snapshot) {
        match &self.chain {
            Chain::Create { entry, .. }
            | Chain::Reset { entry, .. }
            | Chain::Join { entry, .. } => {
                after.workers.insert(self.worker.clone(), entry.clone());
            }
            Chain::Beat { next, leaving, .. } => {
                if let Some(worker) = after.workers.get_mut(&self.worker) {
                    worker.beat = *next;
                    worker.leaving |= leaving;
                }
            }
            Chain::Leave { .. } => {
                after.workers.remove(&self.worker);
            }
        }
    }

    fn remove_victim(&self, after: &mut Snapshot) {
        let Some(eviction) = &self.evict else { return };
        after.workers.remove(&eviction.victim);
        after.version = self.stamp.clone();
        for name in eviction.slots.keys() {
            if let Some(slot) = after.slots.get_mut(name) {
                slot.used_by = None;
                slot.version = self.stamp.clone();
            }
        }
    }
}

impl Edit {
    /// Whose tenure it begins.
    fn assigned(&self) -> Option<&WorkerId> {
        match &self.effect {
            Effect::Set(Update { lease: LeaseUpdate::Assign { lease, .. }, .. }) => {
                Some(&lease.owner)
            }
            _ => None,
        }
    }

    /// Whether the condition holds for the shard's entry.
    pub fn holds(&self, entry: Option<&Shard>) -> bool {
        match &self.guard {
            Guard::None => true,
            Guard::Absent => entry.is_none(),
            Guard::Version(seen) => entry.is_some_and(|shard| shard.version == *seen),
            Guard::Tenure(lease) => {
                entry.is_some_and(|shard| shard.tenure() == Some(lease) && self.goes_on_from(shard))
            }
            Guard::OwnedBy(worker) => {
                entry.is_some_and(|shard| shard.owner.as_ref() == Some(worker))
            }
            Guard::Ended(seen) => entry.is_some_and(|shard| shard.version == *seen && shard.ended),
        }
    }

    /// Whether the sequence number to be written is at or beyond the stored one.
    fn goes_on_from(&self, shard: &Shard) -> bool {
        match &self.effect {
            Effect::Set(Update { progress: Some(progress), .. }) => {
                shard.checkpoint.sequence <= progress.checkpoint.sequence
            }
            _ => true,
        }
    }
}

impl Effect {
    fn carry_out(&self, id: &ShardId, stamp: &Version, shards: &mut BTreeMap<ShardId, Shard>) {
        match self {
            Effect::Track(entry) => {
                shards
                    .entry(id.clone())
                    .or_insert_with(|| Shard { version: stamp.clone(), ..entry.clone() });
            }
            Effect::Insert(entry) => {
                shards.insert(id.clone(), Shard { version: stamp.clone(), ..entry.clone() });
            }
            Effect::Set(update) => {
                if let Some(shard) = shards.get_mut(id) {
                    update.carry_out(shard);
                    shard.version = stamp.clone();
                }
            }
            Effect::Forget => {
                shards.remove(id);
            }
        }
    }
}

impl Update {
    fn carry_out(&self, shard: &mut Shard) {
        if let Some(progress) = &self.progress {
            shard.checkpoint = progress.checkpoint.clone();
            shard.arrival = progress.arrival;
        }
        shard.ended |= self.ended;
        if let Some((parent, adjacent)) = &self.parents {
            shard.parent = Some(parent.clone());
            shard.adjacent.clone_from(adjacent);
        }
        match &self.lease {
            LeaseUpdate::Keep => {}
            LeaseUpdate::Extend { until } => shard.until = Some(*until),
            LeaseUpdate::Assign { lease, until } => {
                shard.owner = Some(lease.owner.clone());
                shard.until = Some(*until);
                shard.lease = Some(lease.clone());
                shard.reserved = None;
            }
            LeaseUpdate::Free { reserved } => {
                shard.owner = None;
                shard.until = None;
                shard.reserved.clone_from(reserved);
            }
        }
    }
}
