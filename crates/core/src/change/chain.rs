//! The writer's own entry.

use std::collections::BTreeMap;

use crate::id::{PlaceName, Version, WorkerId};
use crate::snapshot::{Shards, Snapshot, Worker};
use crate::time::WallTime;

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
        /// The places that the old state had, and the writer's: each begins with the new stream.
        places: BTreeMap<PlaceName, Shards>,
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
        /// What the writer says of itself with it.
        says: Says,
    },
    /// Removes the writer. Refused unless its beat is `prev`.
    Leave {
        /// The writer's beat before.
        prev: WallTime,
    },
}

/// What a worker says of itself with a beat; what is not named stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Says {
    /// It is leaving.
    pub leaving: bool,
    /// Whether it takes part in sharing shards.
    pub active: Option<bool>,
    /// How often it beats from now on, in milliseconds.
    pub period_ms: Option<u32>,
}

impl Says {
    /// A beat that says nothing else.
    pub const NOTHING: Says = Says { leaving: false, active: None, period_ms: None };
    /// That it is leaving.
    pub const LEAVING: Says = Says { leaving: true, active: None, period_ms: None };
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

    /// The empty state that a new group begins with.
    pub(super) fn blank(&self, version: &Version) -> Option<Snapshot> {
        let (Chain::Create { created_on, started_at, .. }
        | Chain::Reset { created_on, started_at, .. }) = self
        else {
            return None;
        };
        let mut places = match self {
            Chain::Reset { places, .. } => places.clone(),
            _ => BTreeMap::new(),
        };
        let entries = places.values_mut().flat_map(BTreeMap::values_mut);
        entries.for_each(|shard| shard.version = version.clone());
        Some(Snapshot {
            created_on: *created_on,
            version: version.clone(),
            started_at: Some(*started_at),
            workers: Default::default(),
            slots: Default::default(),
            shards: Default::default(),
            places,
        })
    }

    pub(super) fn holds(&self, writer: &WorkerId, state: &Snapshot) -> bool {
        let mine = state.workers.get(writer);
        match self {
            Chain::Create { .. } => false,
            Chain::Reset { old, .. } => state.created_on == *old,
            Chain::Join { created_on, .. } => state.created_on == *created_on && mine.is_none(),
            Chain::Beat { prev, .. } | Chain::Leave { prev } => {
                mine.is_some_and(|worker| worker.beat == *prev)
            }
        }
    }

    pub(super) fn carry_out(&self, writer: &WorkerId, state: &mut Snapshot) {
        match self {
            Chain::Create { entry, .. }
            | Chain::Reset { entry, .. }
            | Chain::Join { entry, .. } => {
                state.workers.insert(writer.clone(), entry.clone());
            }
            Chain::Beat { next, says, .. } => {
                if let Some(worker) = state.workers.get_mut(writer) {
                    worker.beat = *next;
                    worker.leaving |= says.leaving;
                    worker.active = says.active.unwrap_or(worker.active);
                    worker.period_ms = says.period_ms.or(worker.period_ms);
                }
            }
            Chain::Leave { .. } => {
                state.workers.remove(writer);
            }
        }
    }
}
