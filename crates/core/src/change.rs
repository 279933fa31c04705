//! A conditional write, as data.
//!
//! [`Change::apply`] is the one definition of what a change means. The memory store runs it as it
//! stands; every other store encodes the same conditions and effects for its database and must
//! pass the conformance suite against this definition.

mod chain;
mod edit;
mod slot;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ShardId, SlotName, Version, WorkerId};
use crate::snapshot::{Home, Shards, Snapshot};
use crate::time::WallTime;

pub use chain::{Chain, Says};
pub use edit::{Edit, Effect, Guard, LeaseUpdate, Progress, Update};
pub use slot::SlotEdit;

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
    /// What happens to fan-out slots.
    pub slots: BTreeMap<SlotName, SlotEdit>,
    /// Where the shards are that are edited. It must be there.
    pub home: Home,
    /// Makes the home, a [`Home::Place`], with these entries. Refused when it is there.
    pub founds: Option<Shards>,
    /// What happens to shards.
    pub shards: BTreeMap<ShardId, Edit>,
    /// The version of every entry that the write touches. One fresh value for each write:
    /// without a new one, a Node consumer's lock, which compares nothing else, would win over a
    /// lease taken a moment before.
    pub stamp: Version,
}

/// Removes a worker whose beat stood still. Its shards are edited in the same write, each under
/// [`Guard::OwnedBy`], and its fan-out slot is freed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eviction {
    /// Who is removed.
    pub victim: WorkerId,
    /// Its beat, which must be what the writer saw: a worker that beat since then is alive.
    pub beat: WallTime,
    /// The state's version, which must be what the writer saw: Node evicts under it alone.
    pub version: Version,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// It happened; the state after it.
    Applied(Snapshot),
    /// A condition did not hold and nothing happened; the state that refused it, `None` when
    /// there is no state.
    Refused(Option<Snapshot>),
    /// The state would be larger than the store can hold, and nothing happened. Says nothing of
    /// the conditions.
    TooLarge,
}

impl Change {
    /// A write that only moves the writer's own entry.
    pub fn new(worker: WorkerId, chain: Chain, stamp: Version) -> Self {
        Self {
            worker,
            chain,
            evict: None,
            absent: BTreeSet::new(),
            slots: BTreeMap::new(),
            home: Home::Group,
            founds: None,
            shards: BTreeMap::new(),
            stamp,
        }
    }

    /// Carries out the change on a state.
    pub fn apply(&self, state: Option<&Snapshot>) -> Committed {
        if !self.holds(state) {
            return Committed::Refused(state.cloned());
        }
        // Without a state, `holds` has refused everything that does not bring its own.
        let Some(mut after) = self.chain.blank(&self.stamp).or_else(|| state.cloned()) else {
            return Committed::Refused(None);
        };
        self.carry_out(&mut after);
        Committed::Applied(after)
    }

    /// The state that a [`Chain::Create`] or a [`Chain::Reset`] writes, whatever there was before;
    /// `None` for every other change.
    pub fn fresh(&self) -> Option<Snapshot> {
        let mut state = self.chain.blank(&self.stamp)?;
        self.carry_out(&mut state);
        Some(state)
    }

    fn carry_out(&self, state: &mut Snapshot) {
        if let Some(eviction) = &self.evict {
            state.workers.remove(&eviction.victim);
            state.version = self.stamp.clone();
        }
        self.chain.carry_out(&self.worker, state);
        for (name, edit) in &self.slots {
            edit.carry_out(name, &self.worker, &self.stamp, &mut state.slots);
        }
        if let (Home::Place(name), Some(entries)) = (&self.home, &self.founds) {
            let mut entries = entries.clone();
            entries.values_mut().for_each(|shard| shard.version = self.stamp.clone());
            state.places.insert(name.clone(), entries);
        }
        if let Some(shards) = state.shards_of_mut(&self.home) {
            for (id, edit) in &self.shards {
                edit.effect.carry_out(id, &self.stamp, shards);
            }
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
        self.chain.holds(&self.worker, state)
            && self.eviction_holds(state)
            && self.absent.iter().all(|worker| !state.workers.contains_key(worker))
            && self.slots.iter().all(|(name, edit)| edit.holds(state.slots.get(name)))
            && self.receivers().into_iter().all(|worker| {
                state.workers.get(worker).is_some_and(|w| w.is_kinfolk() && !w.leaving)
            })
            && self.home_holds(state)
            && self.shards.iter().all(|(id, edit)| edit.holds(state.shards_of(&self.home).get(id)))
    }

    fn home_holds(&self, state: &Snapshot) -> bool {
        match &self.founds {
            // A whole new state has no homes but those that it brings.
            _ if matches!(self.chain, Chain::Reset { .. }) => true,
            Some(_) => !state.has_home(&self.home),
            None => self.shards.is_empty() || state.has_home(&self.home),
        }
    }

    fn eviction_holds(&self, state: &Snapshot) -> bool {
        self.evict.as_ref().is_none_or(|eviction| {
            state.version == eviction.version
                && state.workers.get(&eviction.victim).is_some_and(|w| w.beat == eviction.beat)
        })
    }
}
