//! What a full state still takes, and how its workers go on.

use super::draft::BARE_BEAT;
use super::{Coordinator, Effect, Failure, Phase};
use crate::change::{Chain, Change, Effect as ShardEffect, LeaseUpdate, Progress, Update};
use crate::event::Event;
use crate::id::ShardId;
use crate::sequence::SequenceNumber;
use crate::snapshot::{Arrival, Shard};
use crate::time::Now;

/// For how many periods nothing is tried that takes room.
const REST: u64 = 8;

impl Coordinator {
    /// What is new must wait. The next write of a member is a bare beat: whatever the size of the
    /// state, it proves that it is alive. One that leaves leaves with fewer places.
    pub(super) fn too_large(&mut self, now: &Now, change: &Change, out: &mut Vec<Effect>) {
        if !matches!(change.chain, Chain::Beat { .. } | Chain::Leave { .. }) {
            self.drop_unstarted(out);
            self.phase = Phase::Over;
            out.push(Effect::Fail(Failure::StateFull));
            return;
        }
        if self.full_at.is_none() {
            out.push(Effect::Notice(Event::StateFull));
        }
        let (was_full, bare) = (self.is_full(now), change.shards.is_empty());
        self.full_at = Some(*now);
        self.refusals = BARE_BEAT;
        // What takes no room and does not fit would not the next moment, either.
        self.again = match self.phase {
            Phase::Leaving { .. } if hands_over(change) => {
                let fewer = self.places_that_take_room(change) / 2;
                let spare = self.last_places.filter(|places| *places > 0);
                self.last_places = spare.map(|places| places.min(fewer));
                self.last_places.is_some()
            }
            Phase::Leaving { .. } => !was_full,
            _ => !bare || !change.slots.is_empty(),
        };
    }

    /// Whether what is new must wait, because the state has no room for it.
    pub(super) fn is_full(&self, now: &Now) -> bool {
        let rest = u64::from(self.tempo.beat_ms) * REST;
        self.full_at.is_some_and(|at| now.at_most_since(&at) < rest)
    }

    /// While the state is full, a place is stored only in the room of the one before.
    pub(super) fn if_it_fits(&self, now: &Now, shard: &Shard, place: &Progress) -> bool {
        !self.is_full(now) || !takes_room(shard, place)
    }

    fn places_that_take_room(&self, change: &Change) -> usize {
        let Some(state) = &self.view else { return 0 };
        let shards = state.shards_of(&change.home);
        let places = updates(change).filter_map(|(id, update)| {
            let (shard, place) = (shards.get(id)?, update.progress.as_ref()?);
            takes_room(shard, place).then_some(())
        });
        places.count()
    }
}

/// Whether an entry grows when this place is stored in it.
pub(super) fn takes_room(shard: &Shard, place: &Progress) -> bool {
    let digits = |sequence: &Option<SequenceNumber>| {
        sequence.as_ref().map_or(0, |sequence| sequence.as_str().len())
    };
    let (stored, new) = (&shard.checkpoint, &place.checkpoint);
    let arrival = match shard.arrival {
        Arrival::Unsaid => true,
        Arrival::Unknown => place.arrival.is_some(),
        Arrival::At(_) => false,
    };
    arrival
        || digits(&stored.sequence) < digits(&new.sequence)
        || (stored.part.is_none() && new.part.is_some())
}

/// Whether it is a write with which a worker leaves, or the first of several.
fn hands_over(change: &Change) -> bool {
    let lets_go = |lease: &LeaseUpdate| {
        matches!(lease, LeaseUpdate::Assign { .. } | LeaseUpdate::Free { .. })
    };
    matches!(change.chain, Chain::Leave { .. })
        || updates(change).any(|(_, update)| lets_go(&update.lease))
}

fn updates(change: &Change) -> impl Iterator<Item = (&ShardId, &Update)> {
    change.shards.iter().filter_map(|(id, edit)| match &edit.effect {
        ShardEffect::Set(update) => Some((id, update)),
        _ => None,
    })
}
