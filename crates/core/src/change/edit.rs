//! What happens to a shard's entry.

use crate::id::{ShardId, Version, WorkerId};
use crate::sequence::Checkpoint;
use crate::snapshot::{Lease, Shard, Shards};
use crate::time::WallTime;

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
    /// When the last of it arrived, if that is known.
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

impl Edit {
    /// Whose tenure it begins.
    pub(super) fn assigned(&self) -> Option<&WorkerId> {
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
    pub(super) fn carry_out(&self, id: &ShardId, stamp: &Version, shards: &mut Shards) {
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
    /// The shard becomes free, for whoever comes.
    pub fn free() -> Self {
        Self { lease: LeaseUpdate::Free { reserved: None }, ..Self::default() }
    }

    fn carry_out(&self, shard: &mut Shard) {
        if let Some(progress) = &self.progress {
            shard.checkpoint = progress.checkpoint.clone();
            shard.arrival = progress.arrival.into();
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
