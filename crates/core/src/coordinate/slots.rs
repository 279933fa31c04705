//! What happens to fan-out slots, and which one is this worker's.

use std::collections::BTreeMap;

use super::{Coordinator, Effect, Mode, Phase, Registered};
use crate::change::SlotEdit;
use crate::event::Event;
use crate::id::{SlotName, Version, WorkerId};
use crate::snapshot::{Slot, Snapshot};
use crate::time::Now;

/// How often the registered consumers are listed.
const REFRESH_MS: u64 = 300_000;
/// How soon after a failure.
const AGAIN_MS: u64 = 5_000;

/// What the worker knows of fan-out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Pool {
    registered: Option<Registered>,
    /// Slots that were there before the last listing was asked for, and are not in it. One that
    /// came later may be registered.
    gone: BTreeMap<SlotName, Version>,
    /// The slots that were there when a listing was asked for that is under way.
    asked_of: Option<BTreeMap<SlotName, Version>>,
    /// When to ask again.
    ask_at: Option<Now>,
    /// The slot that the worker uses, and whether it has said that there is none.
    slot: Option<SlotName>,
    said_idle: bool,
}

impl Pool {
    pub(super) fn registered(&mut self, now: &Now, registered: Registered) {
        self.ask_at = Some(now.plus(REFRESH_MS));
        self.gone = self.asked_of.take().unwrap_or_default();
        self.gone.retain(|name, _| !registered.contains(name));
        self.registered = Some(registered);
    }

    pub(super) fn register_failed(&mut self, now: &Now) {
        (self.asked_of, self.ask_at) = (None, Some(now.plus(AGAIN_MS)));
    }
}

impl Coordinator {
    pub(super) fn ask_to_register(&mut self, now: &Now, out: &mut Vec<Effect>) {
        let due = self.pool.ask_at.is_none_or(|at| now.mono >= at.mono);
        if self.settings.fan_out && due && self.pool.asked_of.is_none() {
            let there = self.view.iter().flat_map(|state| &state.slots);
            let there = there.map(|(name, slot)| (name.clone(), slot.version.clone()));
            self.pool.asked_of = Some(there.collect());
            out.push(Effect::Register);
        }
    }

    /// What is to be done about slots with the next write of a member, or of one that joins.
    pub(super) fn slot_edits(&self, now: &Now, state: &Snapshot) -> BTreeMap<SlotName, SlotEdit> {
        let mut edits = BTreeMap::new();
        if !self.settings.fan_out {
            return edits;
        }
        let grows = !self.is_full(now);
        edits.extend(self.unregistered(state).filter(|_| grows));
        edits.extend(self.stale(state));
        edits.extend(self.abandoned(now, state));
        if grows && self.is_idle(state) {
            edits.extend(self.free_slot(state));
        }
        edits
    }

    /// Registered consumers that have no entry yet.
    fn unregistered<'a>(
        &'a self,
        state: &'a Snapshot,
    ) -> impl Iterator<Item = (SlotName, SlotEdit)> + 'a {
        let standalone = self.settings.mode != Mode::Shared;
        let missing = self.pool.registered.iter().flat_map(|registered| &registered.ours);
        let missing = missing.filter(|(name, _)| !state.slots.contains_key(*name));
        missing
            .map(move |(name, arn)| (name.clone(), SlotEdit::Add { arn: arn.clone(), standalone }))
    }

    /// Entries of consumers that are not registered any more, and that nobody uses.
    fn stale<'a>(&'a self, state: &'a Snapshot) -> impl Iterator<Item = (SlotName, SlotEdit)> + 'a {
        let unused = state.slots.iter().filter(|(_, slot)| slot.used_by.is_none());
        unused
            .filter(|(name, slot)| self.pool.gone.get(*name) == Some(&slot.version))
            .map(|(name, slot)| (name.clone(), SlotEdit::Drop(slot.version.clone())))
    }

    /// Slots whose user is not in the group any more: freed once it has had time to notice.
    fn abandoned<'a>(
        &'a self,
        now: &'a Now,
        state: &'a Snapshot,
    ) -> impl Iterator<Item = (SlotName, SlotEdit)> + 'a {
        let (silence, unseen) = self.silences(true);
        let absent = move |user: &WorkerId| {
            !state.workers.contains_key(user)
                && self.watch.may_take_from_absent(now, user, silence, unseen)
        };
        state.slots.iter().filter_map(move |(name, slot)| {
            let user = slot.used_by.clone().filter(|user| absent(user))?;
            Some((name.clone(), SlotEdit::Free { user, seen: slot.version.clone() }))
        })
    }

    /// The first slot that nobody uses; one that serves this worker's mode before others.
    fn free_slot(&self, state: &Snapshot) -> Option<(SlotName, SlotEdit)> {
        let standalone = self.settings.mode != Mode::Shared;
        let there = |name: &SlotName, slot: &Slot| self.pool.gone.get(name) != Some(&slot.version);
        let (name, slot) = state.free_slot(standalone, there)?;
        // A standalone worker keeps its shards in the slot, unless it has a place of its own.
        let home = self.settings.mode.lives_in_slot();
        Some((name.clone(), SlotEdit::Take { seen: slot.version.clone(), home }))
    }

    /// Says aloud which slot is this worker's, once it has changed.
    pub(super) fn notice_slot(&mut self, out: &mut Vec<Effect>) {
        let Some(state) = self.view.as_ref().filter(|_| self.settings.fan_out) else { return };
        let (slot, arn) = match state.slot_of(&self.me).filter(|_| self.phase == Phase::Member) {
            Some((name, slot)) => (Some(name.clone()), slot.arn.clone()),
            None => (None, String::new()),
        };
        // It is idle only once it could have taken one of those that are registered.
        let idle = slot.is_none()
            && self.phase == Phase::Member
            && self.pool.registered.is_some()
            && self.write.is_none()
            && self.unregistered(state).next().is_none()
            && self.free_slot(state).is_none();
        if idle && !self.pool.said_idle {
            out.push(Effect::Notice(Event::NoSlotFree));
        }
        self.pool.said_idle = idle;
        if self.pool.slot == slot {
            return;
        }
        match (std::mem::replace(&mut self.pool.slot, slot.clone()), slot) {
            (_, Some(slot)) => out.push(Effect::Notice(Event::TookSlot { slot, arn })),
            (Some(slot), None) if self.phase == Phase::Member => {
                out.push(Effect::Notice(Event::LostSlot { slot }));
            }
            // It frees its slot itself when it leaves, and an evicted worker has lost more.
            (_, None) => {}
        }
    }
}
