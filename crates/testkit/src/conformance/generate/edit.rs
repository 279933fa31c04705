//! Random edits of shards.

use kinfolk_core::change::{Change, Edit, Effect, Guard, LeaseUpdate, Progress, Update};
use kinfolk_core::id::{ShardId, WorkerId};
use kinfolk_core::sequence::{Checkpoint, SequenceNumber};
use kinfolk_core::snapshot::{Lease, Shard, Snapshot, held_by};
use kinfolk_core::time::WallTime;

use super::super::flaw::Flaw;
use super::Generator;
use super::state::shard_id;

impl Generator {
    /// Adds an edit that fits.
    pub(super) fn edit(&mut self, change: &mut Change, state: &Snapshot) {
        match self.rng.below(10) {
            0 => return self.track(change),
            1 => return self.insert(change, state),
            _ => {}
        }
        let Some((id, shard)) = self.pick(change, state, |_| true) else { return };
        let mut update = self.update(change, state);
        let guard = match (self.rng.below(4), shard.tenure(), &shard.owner) {
            (0, Some(lease), _) => {
                self.catch_up(&mut update, shard);
                Guard::Tenure(lease.clone())
            }
            (1, _, Some(owner)) => Guard::OwnedBy(owner.clone()),
            (2, _, _) if shard.ended => Guard::Ended(shard.version.clone()),
            _ => Guard::Version(shard.version.clone()),
        };
        let effect = match guard {
            Guard::Ended(_) if self.rng.chance(75) => Effect::Forget,
            _ => Effect::Set(update),
        };
        change.shards.insert(id.clone(), Edit { guard, effect });
    }

    /// Adds the edit of this flaw, if it is one of an edit.
    pub(super) fn flawed_edit(
        &mut self,
        change: &mut Change,
        state: &Snapshot,
        flaw: Option<Flaw>,
    ) {
        let any = |_: &Shard| true;
        let edit = match flaw {
            Some(Flaw::ReceiverNode) => {
                let node = self.rng.pick(state.workers.iter().filter(|(_, w)| !w.is_kinfolk()));
                node.and_then(|(id, _)| self.give(change, state, id.clone()))
            }
            Some(Flaw::ReceiverLeaving) => {
                let leaving = state.workers.iter().filter(|(_, w)| w.is_kinfolk() && w.leaving);
                let leaving = self.rng.pick(leaving.filter(|(id, _)| **id != change.worker));
                leaving.and_then(|(id, _)| self.give(change, state, id.clone()))
            }
            Some(Flaw::ReceiverGone) => {
                let nobody = self.ids.worker();
                self.give(change, state, nobody)
            }
            Some(Flaw::EntryThere) => self
                .pick(change, state, any)
                .map(|(id, _)| (id.clone(), Guard::Absent, Effect::Insert(self.new_shard()))),
            Some(Flaw::OtherVersion) => self.pick(change, state, any).map(|(id, _)| {
                let other = Guard::Version(self.ids.version());
                (id.clone(), other, Effect::Set(self.update(change, state)))
            }),
            Some(Flaw::EntryGone) => {
                let guard = Guard::Version(self.ids.version());
                Some((shard_id(99), guard, Effect::Set(self.update(change, state))))
            }
            Some(Flaw::NotEnded) => {
                self.pick(change, state, |shard| !shard.ended).map(|(id, shard)| {
                    (id.clone(), Guard::Ended(shard.version.clone()), Effect::Forget)
                })
            }
            Some(Flaw::OthersShard) => {
                let other = self.ids.worker();
                self.pick(change, state, any).map(|(id, _)| {
                    let update = Effect::Set(self.update(change, state));
                    (id.clone(), Guard::OwnedBy(other), update)
                })
            }
            Some(flaw @ (Flaw::TenureOver | Flaw::OtherTenure | Flaw::Behind)) => {
                self.flawed_tenure(change, state, flaw)
            }
            _ => None,
        };
        if let Some((id, guard, effect)) = edit {
            change.shards.insert(id, Edit { guard, effect });
        }
    }

    fn flawed_tenure(
        &mut self,
        change: &Change,
        state: &Snapshot,
        flaw: Flaw,
    ) -> Option<(ShardId, Guard, Effect)> {
        let fits = |shard: &Shard| match flaw {
            Flaw::TenureOver => shard.lease.is_some() && shard.tenure().is_none(),
            Flaw::Behind => shard.tenure().is_some() && shard.checkpoint.sequence.is_some(),
            _ => shard.tenure().is_some(),
        };
        let (id, shard) = self.pick(change, state, fits)?;
        let (mut lease, mut update) = (shard.lease.clone()?, self.update(change, state));
        self.catch_up(&mut update, shard);
        match flaw {
            Flaw::OtherTenure => lease.epoch -= 1,
            Flaw::Behind => {
                let sequence = shard.checkpoint.sequence.as_ref().and_then(|s| self.before(s));
                let checkpoint = Checkpoint { sequence, part: None };
                update.progress = Some(Progress { checkpoint, arrival: None });
            }
            _ => {}
        }
        Some((id.clone(), Guard::Tenure(lease), Effect::Set(update)))
    }

    /// Edits every shard of a worker under the condition that it is its.
    pub(super) fn edit_all_of(&mut self, change: &mut Change, state: &Snapshot, worker: &WorkerId) {
        for (id, _) in held_by(state.shards_of(&change.home.clone()), worker) {
            let guard = Guard::OwnedBy(worker.clone());
            let effect = Effect::Set(self.update(change, state));
            change.shards.insert(id.clone(), Edit { guard, effect });
        }
    }

    pub(super) fn track(&mut self, change: &mut Change) {
        let id = shard_id(self.rng.below(12));
        let effect = Effect::Track(self.new_shard());
        change.shards.entry(id).or_insert(Edit { guard: Guard::None, effect });
    }

    fn insert(&mut self, change: &mut Change, state: &Snapshot) {
        let id = shard_id(self.rng.below(12));
        if !state.shards_of(&change.home).contains_key(&id) {
            let effect = Effect::Insert(self.new_shard());
            change.shards.entry(id).or_insert(Edit { guard: Guard::Absent, effect });
        }
    }

    /// A shard that the change does not edit yet.
    fn pick<'s>(
        &mut self,
        change: &Change,
        state: &'s Snapshot,
        fits: impl Fn(&Shard) -> bool,
    ) -> Option<(&'s ShardId, &'s Shard)> {
        let shards = state.shards_of(&change.home);
        let free = shards.iter().filter(|(id, _)| !change.shards.contains_key(*id));
        self.rng.pick(free.filter(|(_, shard)| fits(shard)))
    }

    /// A version-guarded gift to this worker.
    fn give(
        &mut self,
        change: &Change,
        state: &Snapshot,
        to: WorkerId,
    ) -> Option<(ShardId, Guard, Effect)> {
        let (id, shard) = self.pick(change, state, |_| true)?;
        let lease = LeaseUpdate::Assign { lease: self.lease(to), until: self.time() };
        let effect = Effect::Set(Update { lease, ..self.update(change, state) });
        Some((id.clone(), Guard::Version(shard.version.clone()), effect))
    }

    fn update(&mut self, change: &Change, state: &Snapshot) -> Update {
        let progress = self.rng.chance(50).then(|| Progress {
            checkpoint: self.checkpoint(),
            arrival: self.rng.maybe(|_| WallTime(1_795_362_111_111)),
        });
        let parents = self.rng.chance(15).then(|| {
            let adjacent = self.rng.maybe(|rng| shard_id(rng.below(8)));
            (shard_id(self.rng.below(8)), adjacent)
        });
        let lease = self.lease_update(change, state);
        Update { progress, lease, ended: self.rng.chance(15), parents }
    }

    fn lease_update(&mut self, change: &Change, state: &Snapshot) -> LeaseUpdate {
        match self.rng.below(5) {
            0 => LeaseUpdate::Extend { until: self.time() },
            1 => {
                let lease = self.lease(change.worker.clone());
                LeaseUpdate::Assign { lease, until: self.time() }
            }
            2 => {
                let ours = state.workers.iter().filter(|(_, w)| w.is_kinfolk() && !w.leaving);
                match self.rng.pick(ours) {
                    Some((id, _)) => {
                        let lease = self.lease(id.clone());
                        LeaseUpdate::Assign { lease, until: self.time() }
                    }
                    None => LeaseUpdate::Keep,
                }
            }
            3 => LeaseUpdate::Free {
                reserved: self.rng.maybe(|rng| rng.pick(state.workers.keys()).cloned()).flatten(),
            },
            _ => LeaseUpdate::Keep,
        }
    }

    fn lease(&mut self, owner: WorkerId) -> Lease {
        Lease { epoch: self.rng.next() >> 20, owner }
    }

    /// Lets an update's checkpoint be at or beyond the stored one, if only just.
    fn catch_up(&mut self, update: &mut Update, shard: &Shard) {
        let (Some(progress), Some(stored)) = (&mut update.progress, &shard.checkpoint.sequence)
        else {
            return;
        };
        if progress.checkpoint.sequence.as_ref().is_some_and(|new| new >= stored) {
            return;
        }
        let sequence = match self.rng.below(3) {
            0 => stored.clone(),
            // Longer, though its text comes first.
            1 => SequenceNumber::new(format!("1{}", "0".repeat(stored.as_str().len()))),
            _ => SequenceNumber::new(format!("{stored}0")),
        };
        progress.checkpoint = Checkpoint::new(Some(sequence), progress.checkpoint.part.clone());
    }

    /// A sequence number that is less: shorter though its text comes later, of the same length, or
    /// none at all.
    fn before(&mut self, stored: &SequenceNumber) -> Option<SequenceNumber> {
        let length = stored.as_str().len();
        let least = format!("1{}", "0".repeat(length - 1));
        match self.rng.below(3) {
            0 => None,
            1 if length > 1 => Some(SequenceNumber::new("9".repeat(length - 1))),
            _ if stored.as_str() > least.as_str() => Some(SequenceNumber::new(least)),
            _ => None,
        }
    }
}
