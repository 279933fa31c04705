//! The next write of a member: everything that is due, as far as one write holds it.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::enter::track;
use super::share::assign;
use super::{Coordinator, Held, Phase, Stage, settings};
use crate::balance::Plan;
use crate::change::{
    Chain, Change, Edit, Effect as ShardEffect, Eviction, Guard, LeaseUpdate, Progress, Says,
    SlotEdit, Update,
};
use crate::id::{ShardId, SlotName, Version, WorkerId};
use crate::limits::Limits;
use crate::snapshot::{Home, Shard, Snapshot, held_by};
use crate::time::Now;

/// How often an entry may spoil a write before it is written in the form that others cannot
/// disturb (protocol, section 2.4).
const CONTESTED: u32 = 2;
/// After so many refusals in a row of writes that held something, the next is the bare beat.
pub(super) const BARE_BEAT: u32 = 2;
/// How far the wall clock may be set back before the worker leaves and joins under another id:
/// a beat that lies in the future would keep a dead worker alive for Node consumers.
const SET_BACK_MS: i64 = 1_000;

/// A write that is being filled.
pub(super) struct Draft<'a> {
    limits: &'a Limits,
    room: u32,
    pub(super) change: Change,
    /// Something did not fit.
    pub(super) full: bool,
}

impl Draft<'_> {
    /// Adds an edit if there is room, and if the shard is not in the write yet.
    pub(super) fn add(&mut self, shard: &ShardId, edit: Edit) -> bool {
        let cost = self.limits.cost(&edit, &self.change);
        !self.change.shards.contains_key(shard) && self.spend(cost) && {
            self.change.shards.insert(shard.clone(), edit);
            true
        }
    }

    /// Adds all of these edits or none of them, in the place of what the write holds of their
    /// shards.
    pub(super) fn add_together(&mut self, edits: BTreeMap<ShardId, Edit>) {
        let cost = |edit: &Edit| self.limits.cost(edit, &self.change);
        let replaced = edits.keys().filter_map(|id| self.change.shards.get(id)).map(cost);
        let freed = replaced.fold(self.room, u32::saturating_add);
        let needed = edits.values().map(cost).fold(0, u32::saturating_add);
        match freed.checked_sub(needed) {
            Some(left) => {
                self.room = left;
                self.change.shards.extend(edits);
            }
            None => self.full = true,
        }
    }

    pub(super) fn edit(&mut self, shard: &ShardId, guard: Guard, update: Update) -> bool {
        self.add(shard, Edit { guard, effect: ShardEffect::Set(update) })
    }

    /// Takes a shard. Taking from an owner that is absent requires that it still is.
    pub(super) fn take(&mut self, state: &Snapshot, id: &ShardId, shard: &Shard, update: Update) {
        let known = |owner: &&WorkerId| {
            **owner == self.change.worker
                || state.workers.contains_key(*owner)
                || self.change.absent.contains(*owner)
        };
        let absent = shard.owner.as_ref().filter(|owner| !known(owner)).cloned();
        if absent.is_some() && !self.spend(self.limits.absent) {
            return;
        }
        if self.edit(id, Guard::Version(shard.version.clone()), update) {
            self.change.absent.extend(absent);
        }
    }

    /// Adds what happens to slots, as far as there is room. A slot that is freed because its user
    /// is absent is freed only if the user still is.
    pub(super) fn add_slots(&mut self, state: &Snapshot, edits: BTreeMap<SlotName, SlotEdit>) {
        for (name, edit) in edits {
            let absent = match &edit {
                SlotEdit::Free { user, .. } if !state.workers.contains_key(user) => Some(user),
                _ => None,
            };
            if !self.spend(self.limits.slot + absent.map_or(0, |_| self.limits.absent)) {
                return;
            }
            self.change.absent.extend(absent.cloned());
            self.change.slots.insert(name, edit);
        }
    }

    pub(super) fn spend(&mut self, cost: u32) -> bool {
        match self.room.checked_sub(cost) {
            Some(left) => self.room = left,
            None => self.full = true,
        }
        !self.full
    }

    fn is_empty(&self) -> bool {
        self.change.shards.is_empty() && self.change.slots.is_empty() && self.change.evict.is_none()
    }
}

impl Coordinator {
    pub(super) fn draft_of(&self, chain: Chain, home: Option<Home>) -> Draft<'_> {
        // The stamp is drawn when the write is sent.
        let mut change = Change::new(self.me.clone(), chain, Version::new(""));
        change.home = home.unwrap_or_default();
        let limits = &self.settings.limits;
        Draft { limits, room: limits.room, change, full: false }
    }

    /// The next write, if one is due.
    pub(super) fn draft(&mut self, now: &Now, plan: &Plan) -> Option<Change> {
        let state = self.view.as_ref()?;
        let period = u64::from(self.tempo.beat_ms);
        let waits = self.again || self.stored_up_to.is_some();
        let due = waits || now.at_most_since(&self.sent_at) >= period;
        let change = match self.phase {
            Phase::Leaving { .. } => self.farewell(now, state, due),
            // Refused twice with something in it: first the bare beat, then the rest. A shard
            // must never sink the worker's proof of life.
            _ if self.refusals >= BARE_BEAT => {
                Some(self.draft_of(self.beat_chain(now, Says::NOTHING), None).change)
            }
            _ => self.eviction(now, state).or_else(|| self.housekeeping(now, state, plan, due)),
        };
        self.refusals = self.refusals.min(BARE_BEAT - 1);
        if let Some(change) = &change {
            self.stored_up_to = self.stored_up_to_by(now, change);
        }
        change.map(|change| Change { stamp: self.ids.version(), ..change })
    }

    pub(super) fn beat_chain(&self, now: &Now, says: Says) -> Chain {
        let prev = self.beat;
        Chain::Beat { prev, next: now.wall.max(prev.plus(1)), says }
    }

    /// What a beat has to say that the state does not show.
    fn says(&self, state: &Snapshot, slots: &BTreeMap<SlotName, SlotEdit>) -> Says {
        let takes = slots.values().any(|edit| matches!(edit, SlotEdit::Take { .. }));
        let active = takes || !self.is_idle(state);
        let stored = state.workers.get(&self.me).is_none_or(|me| me.active);
        Says {
            leaving: false,
            active: (active != stored).then_some(active),
            period_ms: self.next_period(state),
        }
    }

    fn housekeeping(&self, now: &Now, state: &Snapshot, plan: &Plan, due: bool) -> Option<Change> {
        let slots = self.slot_edits(now, state);
        let says = self.says(state, &slots);
        // A home inside a slot is there with the next write.
        let mut draft = self.draft_of(self.beat_chain(now, says), self.home(state));
        draft.add_slots(state, slots);
        if self.home(state).is_some() {
            self.add_ends(&mut draft, now, state, true);
            self.add_gives(&mut draft, now, state, &plan.gives);
            let grows = !self.is_full(now);
            for (id, shard) in self.takes(state, plan).filter(|_| grows) {
                draft.take(state, id, shard, assign(self, now, id, shard));
            }
            for (id, entry) in self.untracked(now, state) {
                draft.add(&id, track(entry));
            }
            self.add_forgets(&mut draft, state);
        }
        if draft.is_empty() && says == Says::NOTHING && !due {
            return None;
        }
        self.add_checkpoints(&mut draft, now, state);
        Some(draft.change)
    }

    /// A silent worker is removed first, and its leases are free only with that (P2). My share
    /// of them becomes mine in the same write.
    fn eviction(&self, now: &Now, state: &Snapshot) -> Option<Change> {
        if !self.is_healthy(now) {
            return None;
        }
        let strict = self.settings.strict_node_leases;
        let near = |id: &WorkerId| self.is_near(state, id);
        let silent = self.watch.silent(now, state, strict, near);
        let (victim, worker) = silent.filter(|(id, _)| **id != self.me)?;
        let plan = self.plan_without(state, now, victim);
        let home = state.home_of(victim).filter(|home| !home.is_nested());
        let mut draft = self.draft_of(self.beat_chain(now, Says::NOTHING), home.clone());
        draft.add_slots(state, SlotEdit::freeing(state, victim));
        draft.change.evict = Some(Eviction {
            victim: victim.clone(),
            beat: worker.beat,
            version: state.version.clone(),
        });
        // What is inside its own entry goes with that; what is in its slot waits for the next user.
        let Some(shards) = home.map(|home| state.shards_of(&home)) else {
            return Some(draft.change);
        };
        let takes = self.is_mate(state, victim) && !self.is_full(now);
        for (id, shard) in held_by(shards, victim).filter(|(_, shard)| !shard.ended) {
            let update = match plan.takes.get(id) {
                // A tenure takes more room than a free shard, where there was none of ours.
                Some(worker) if *worker == self.me && takes => assign(self, now, id, shard),
                _ => Update::free(),
            };
            draft.edit(id, Guard::OwnedBy(victim.clone()), update);
        }
        Some(draft.change)
    }

    fn add_gives(
        &self,
        draft: &mut Draft<'_>,
        now: &Now,
        state: &Snapshot,
        targets: &BTreeMap<ShardId, WorkerId>,
    ) {
        let idle = self.is_idle(state);
        for (id, held) in self.held.iter().filter(|(_, held)| held.stage == Stage::Drained) {
            let (Some(shard), to) = (self.shards(state).get(id), targets.get(id)) else { continue };
            if to.is_some() || idle {
                let mut update = self.hand_over(now, state, (id, held), shard, to);
                update.progress = update.progress.filter(|p| self.if_it_fits(now, shard, p));
                draft.edit(id, self.guard(id, shard), update);
            }
        }
    }

    /// The update that gives a shard to one of ours, keeps it for a Node consumer, or frees it.
    pub(super) fn hand_over(
        &self,
        now: &Now,
        state: &Snapshot,
        (id, held): (&ShardId, &Held),
        shard: &Shard,
        to: Option<&WorkerId>,
    ) -> Update {
        let progress = held.beyond(shard);
        let ours = |worker: &&WorkerId| {
            state.workers.get(*worker).is_some_and(|w| w.is_kinfolk() && !w.leaving)
        };
        let lease = match to.filter(ours) {
            Some(to) => {
                let (lease, until) = self.tenure(now, id, shard, to);
                LeaseUpdate::Assign { lease, until }
            }
            None => LeaseUpdate::Free { reserved: to.cloned() },
        };
        Update { progress, lease, ..Update::default() }
    }

    /// How far my shards are done, wherever that is more than what is stored.
    ///
    /// Places that did not fit the last write are the first of this one: otherwise the first
    /// shards in order would be stored again and again, and the last ones never.
    pub(super) fn add_checkpoints(&self, draft: &mut Draft<'_>, now: &Now, state: &Snapshot) {
        for (id, held) in self.held_after(self.stored_up_to.as_ref()) {
            if let Some((guard, update)) = self.to_store(now, state, id, held) {
                draft.edit(id, guard, update);
            }
        }
    }

    /// What is to be stored of a shard of mine, if anything is.
    fn to_store(
        &self,
        now: &Now,
        state: &Snapshot,
        id: &ShardId,
        held: &Held,
    ) -> Option<(Guard, Update)> {
        let shard = self.shards(state).get(id)?;
        let progress = held.beyond(shard).filter(|place| self.if_it_fits(now, shard, place));
        let soon = now.wall.plus(settings::RENEW_BELOW_MS);
        let lease = match shard.until.is_none_or(|until| until < soon) {
            true => LeaseUpdate::Extend { until: now.wall.plus(settings::TERM_MS) },
            false => LeaseUpdate::Keep,
        };
        (progress.is_some() || lease != LeaseUpdate::Keep)
            .then(|| (self.guard(id, shard), Update { progress, lease, ..Update::default() }))
    }

    fn held_after(&self, shard: Option<&ShardId>) -> impl Iterator<Item = (&ShardId, &Held)> {
        let from = shard.map_or(Bound::Unbounded, Bound::Excluded);
        self.held.range::<ShardId, _>((from, Bound::Unbounded))
    }

    /// The last shard whose place a write holds, if places after it did not fit.
    fn stored_up_to_by(&self, now: &Now, change: &Change) -> Option<ShardId> {
        let state = self.view.as_ref()?;
        let last = change.shards.keys().rfind(|id| self.held.contains_key(*id))?;
        let mut later = self.held_after(Some(last));
        later.any(|(id, held)| self.to_store(now, state, id, held).is_some()).then(|| last.clone())
    }

    /// What a write requires of an entry of mine.
    pub(super) fn guard(&self, id: &ShardId, shard: &Shard) -> Guard {
        let contested = self.contested.get(id).is_some_and(|times| *times >= CONTESTED);
        match shard.tenure() {
            Some(lease) if contested => Guard::Tenure(lease.clone()),
            _ => Guard::Version(shard.version.clone()),
        }
    }

    /// Ends shards whose records expired before they were read, each by its owner, and those that
    /// nobody holds by the first worker in order; that one also forgets what is long over.
    fn add_forgets(&self, draft: &mut Draft<'_>, state: &Snapshot) {
        let audits = self.audits();
        let shards = self.shards(state);
        for (id, shard) in shards.iter().filter(|(id, _)| self.watch.has_expired(id)) {
            let version = shard.version.clone();
            let begun = |child: &Shard| child.ended || child.checkpoint.sequence.is_some();
            let mut children = shards.values().filter(|c| c.parents().any(|p| p == id));
            if !shard.ended && (self.held.contains_key(id) || audits && shard.owner.is_none()) {
                draft.edit(id, Guard::Version(version), Update { ended: true, ..Update::free() });
            } else if audits && shard.ended && self.watch.is_forgettable(id) && children.all(begun)
            {
                draft.add(id, Edit { guard: Guard::Ended(version), effect: ShardEffect::Forget });
            }
        }
    }

    /// The wall clock was set back: the worker leaves and joins under another id.
    pub(super) fn notice_clock_set_back(&mut self, now: &Now) {
        if self.phase == Phase::Member && now.wall < self.beat.plus(-SET_BACK_MS) {
            let limit_ms = self.settings.timing.drain_ms.into();
            self.phase = Phase::Leaving { since: *now, limit_ms, comes_back: true };
        }
    }
}

impl Held {
    /// What is done here beyond what is stored.
    pub(super) fn beyond(&self, shard: &Shard) -> Option<Progress> {
        self.progress.clone().filter(|progress| progress.checkpoint > shard.checkpoint)
    }
}
