//! What is due when: the next wake-up, a look, a listing.

use super::{Coordinator, Effect, Phase, Write, settings};
use crate::id::WorkerId;
use crate::time::Now;
use crate::topology::Listing;

impl Coordinator {
    /// In how many milliseconds [`Input::Tick`](super::Input::Tick) is due at the latest. Earlier does no harm.
    pub fn wake_in(&self, now: &Now) -> u64 {
        let timing = &self.settings.timing;
        let until = |since: &Now, ms: u64| ms.saturating_sub(now.at_most_since(since));
        let write = match &self.write {
            Some(Write { again_at: Some(at), .. }) => at.mono.saturating_sub(now.mono),
            Some(_) => u64::MAX,
            None if self.again || self.stored_up_to.is_some() => 0,
            None => until(&self.sent_at, self.tempo.beat_ms.into()),
        };
        let look_ms = self.look_ms();
        let look = match self.looking {
            None if self.write.is_none() && self.phase != Phase::Outside => {
                until(&self.viewed_at, look_ms)
            }
            _ => u64::MAX,
        };
        // Nobody is judged while a write is in flight, nor by who is not a member.
        let judge = match self.phase {
            Phase::Member if self.write.is_none() => {
                let near =
                    |id: &WorkerId| self.view.as_ref().is_some_and(|state| self.is_near(state, id));
                self.watch.next_deadline(now, self.view.as_ref(), near)
            }
            _ => u64::MAX,
        };
        match self.phase {
            Phase::Opening | Phase::Over => timing.look_ms.into(),
            _ => write.min(look).min(judge).clamp(1, look_ms),
        }
    }

    pub(super) fn ask_what_is_due(&mut self, now: &Now, out: &mut Vec<Effect>) {
        let look_ms = self.look_ms();
        let idle = self.looking.is_none() && self.write.is_none();
        if idle && self.phase != Phase::Outside && now.at_most_since(&self.viewed_at) >= look_ms {
            self.looking = Some(self.acks);
            out.push(Effect::Look);
        }
        let every = if self.lists() { settings::AUDIT_MS } else { settings::REFRESH_MS };
        let audit_due = now.at_most_since(&self.listed_at) >= every;
        let rests = self
            .listing_failed
            .is_some_and(|failed| now.at_most_since(&failed) < settings::LIST_AGAIN_MS);
        if !rests && (audit_due || self.end_waits_for_a_listing(now)) {
            self.ask_for_listing(out);
        }
        self.ask_to_register(now, out);
    }

    /// Whether my beats are acknowledged in time: only then are others judged (P6).
    pub(super) fn is_healthy(&self, now: &Now) -> bool {
        let attempt_ms = self.settings.timing.attempt_ms;
        now.at_most_since(&self.acked_at) <= u64::from(self.tempo.beat_ms) + u64::from(attempt_ms)
    }

    pub(super) fn ask_for_listing(&mut self, out: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.listing_now, true) {
            out.push(Effect::List);
        }
    }

    pub(super) fn listed(&mut self, now: &Now, listing: Listing) {
        self.listing_now = false;
        self.listing_failed = None;
        self.listed_at = *now;
        if let Some(shards) = self.view.as_ref().map(|state| self.shards(state)) {
            self.watch.listed(now, &listing, shards);
        }
        self.listing = listing;
    }
}
