//! The write with which a worker leaves, and those before it.

use super::draft::Draft;
use super::room::takes_room;
use super::{Coordinator, Phase, Stage};
use crate::change::{Chain, Change, Says, SlotEdit};
use crate::snapshot::{Home, Snapshot};
use crate::time::Now;

impl Coordinator {
    /// Hands over everything and leaves, as soon as everything is drained.
    pub(super) fn farewell(&self, now: &Now, state: &Snapshot, due: bool) -> Option<Change> {
        let Phase::Leaving { since, limit_ms, .. } = self.phase else { return None };
        let drained = self.held.values().all(|held| match held.stage {
            Stage::Reading | Stage::Draining { .. } => false,
            Stage::Drained | Stage::Ended { .. } => true,
        });
        let past = now.at_most_since(&since) >= limit_ms;
        let waits = !drained || self.end_lacks_a_listing(now);
        if waits && !past {
            // To say that it leaves takes room, too.
            let full = self.is_full(now);
            let announced = full || state.workers.get(&self.me).is_some_and(|me| me.leaving);
            let says = if full { Says::NOTHING } else { Says::LEAVING };
            let mut draft = self.draft_of(self.beat_chain(now, says), self.home(state));
            self.add_checkpoints(&mut draft, now, state);
            return (!announced || due).then_some(draft.change);
        }
        if self.last_places.is_none() && !due {
            return None;
        }
        let mut draft = self.draft_of(self.beat_chain(now, Says::LEAVING), self.home(state));
        // The slot goes with the last write: its shards are this worker's for as long as it is.
        let slots = SlotEdit::freeing(state, &self.me);
        draft.spend(slots.iter().map(|_| self.settings.limits.slot).sum());
        // A place inside its own entry goes with the entry.
        if !matches!(draft.change.home, Home::Worker(_)) {
            self.add_farewells(&mut draft, now, state);
        }
        if !draft.full {
            draft.change.chain = Chain::Leave { prev: self.beat };
            draft.change.slots = slots;
        }
        Some(draft.change)
    }

    fn add_farewells(&self, draft: &mut Draft<'_>, now: &Now, state: &Snapshot) {
        let plan = self.plan_without(state, now, &self.me);
        self.add_ends(draft, now, state, false);
        let mut places = self.last_places.unwrap_or(0);
        for (id, held) in &self.held {
            if let Some(shard) = self.shards(state).get(id) {
                let mut update = self.hand_over(now, state, (id, held), shard, plan.takes.get(id));
                if update.progress.as_ref().is_some_and(|place| takes_room(shard, place)) {
                    update.progress = update.progress.filter(|_| places > 0);
                    places = places.saturating_sub(1);
                }
                draft.edit(id, self.guard(id, shard), update);
            }
        }
    }
}
