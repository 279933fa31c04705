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
    /// Slots with an ARN that the last listing has another one for: the consumer was deregistered,
    /// and registered again.
    outdated: BTreeMap<SlotName, String>,
    /// The slots that were there when a listing was asked for that is under way.
    asked_of: Option<BTreeMap<SlotName, (Version, String)>>,
    /// When to ask again.
    ask_at: Option<Now>,
    /// When the last listing came, or failed.
    listed_at: Option<Now>,
    /// The slot that the worker uses and the ARN of its consumer, and whether it has said that there
    /// is none.
    slot: Option<(SlotName, String)>,
    said_none: bool,
}

impl Pool {
    pub(super) fn registered(&mut self, now: &Now, registered: Registered) {
        (self.ask_at, self.listed_at) = (Some(now.plus(REFRESH_MS)), Some(*now));
        let there = self.asked_of.take().unwrap_or_default();
        let renamed = |name: &SlotName, arn: &String| {
            registered.ours.get(name).is_some_and(|current| current != arn)
        };
        self.outdated.clear();
        self.gone.clear();
        for (name, (version, arn)) in there {
            if renamed(&name, &arn) {
                self.outdated.insert(name, arn);
            } else if !registered.contains(&name) {
                self.gone.insert(name, version);
            }
        }
        self.registered = Some(registered);
    }

    pub(super) fn register_failed(&mut self, now: &Now) {
        (self.asked_of, self.ask_at) = (None, Some(now.plus(AGAIN_MS)));
        self.listed_at = Some(*now);
    }

    /// Kinesis does not know something that the worker reads, perhaps the consumer: its readers say
    /// so one after the other.
    pub(super) fn doubted(&mut self, now: &Now) {
        let soon = self.listed_at.map(|at| at.plus(AGAIN_MS)).filter(|at| at.mono > now.mono);
        let soon = soon.unwrap_or(*now);
        if self.ask_at.is_some_and(|at| at.mono > soon.mono) {
            self.ask_at = Some(soon);
        }
    }

    /// Whether the consumer of a slot is not registered any more.
    fn is_stale(&self, name: &SlotName, slot: &Slot) -> bool {
        self.gone.get(name) == Some(&slot.version) || self.outdated.get(name) == Some(&slot.arn)
    }
}

impl Coordinator {
    /// The ARN of the fan-out consumer that this worker reads by, if it has one.
    pub fn consumer(&self) -> Option<&str> {
        self.pool.slot.as_ref().map(|(_, arn)| arn.as_str())
    }

    pub(super) fn ask_to_register(&mut self, now: &Now, out: &mut Vec<Effect>) {
        let due = self.pool.ask_at.is_none_or(|at| now.mono >= at.mono);
        if self.settings.fan_out && due && self.pool.asked_of.is_none() {
            let there = self.view.iter().flat_map(|state| &state.slots);
            let known = |slot: &Slot| (slot.version.clone(), slot.arn.clone());
            let there = there.map(|(name, slot)| (name.clone(), known(slot)));
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
        if grows && self.needs_slot(state) {
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

    /// Entries of consumers that are not registered any more: dropped if nobody uses them, and
    /// freed by their user. One that is registered again under its name is added anew after that.
    fn stale<'a>(&'a self, state: &'a Snapshot) -> impl Iterator<Item = (SlotName, SlotEdit)> + 'a {
        let stale = state.slots.iter().filter(|(name, slot)| self.pool.is_stale(name, slot));
        stale.filter_map(|(name, slot)| {
            let seen = slot.version.clone();
            let edit = match &slot.used_by {
                None => SlotEdit::Drop(seen),
                // It would lose the place that it keeps there.
                Some(_) if self.settings.mode.lives_in_slot() => return None,
                Some(user) if *user == self.me => SlotEdit::Free { user: user.clone(), seen },
                Some(_) => return None,
            };
            Some((name.clone(), edit))
        })
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
        let there = |name: &SlotName, slot: &Slot| !self.pool.is_stale(name, slot);
        let (name, slot) = state.free_slot(standalone, there)?;
        // A standalone worker keeps its shards in the slot, unless it has a place of its own.
        let home = self.settings.mode.lives_in_slot();
        Some((name.clone(), SlotEdit::Take { seen: slot.version.clone(), home }))
    }

    /// Says aloud which slot is this worker's, once it has changed.
    pub(super) fn notice_slot(&mut self, out: &mut Vec<Effect>) {
        let Some(state) = self.view.as_ref().filter(|_| self.settings.fan_out) else { return };
        // It goes with the last write of a worker that leaves.
        let uses = matches!(self.phase, Phase::Member | Phase::Leaving { .. });
        let slot = state.slot_of(&self.me).filter(|_| uses);
        let slot = slot.map(|(name, slot)| (name.clone(), slot.arn.clone()));
        // There is none only once it could have taken one of those that are registered.
        let none = slot.is_none()
            && self.phase == Phase::Member
            && self.pool.registered.is_some()
            && self.write.is_none()
            && self.unregistered(state).next().is_none()
            && self.free_slot(state).is_none();
        if none && !self.pool.said_none {
            out.push(Effect::Notice(Event::NoSlotFree));
        }
        self.pool.said_none = none;
        if self.pool.slot == slot {
            return;
        }
        match (std::mem::replace(&mut self.pool.slot, slot.clone()), slot) {
            (_, Some((slot, arn))) => out.push(Effect::Notice(Event::TookSlot { slot, arn })),
            (Some((slot, _)), None) if self.phase == Phase::Member => {
                out.push(Effect::Notice(Event::LostSlot { slot }));
            }
            // It frees its slot itself when it leaves, and an evicted worker has lost more.
            (_, None) => {}
        }
    }
}
