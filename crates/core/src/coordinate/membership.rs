//! In which home a worker is, with whom it shares the shards there, and whether it takes part.

use super::Coordinator;
use crate::id::WorkerId;
use crate::snapshot::{Home, NO_SHARDS, Shards, Snapshot, Worker};

impl Coordinator {
    /// Where this worker's shards are, as its mode has it; `None` for a standalone worker without
    /// a name that waits for a fan-out slot.
    pub(super) fn home(&self, state: &Snapshot) -> Option<Home> {
        self.settings.mode.home(self.settings.fan_out, &self.me, state)
    }

    /// The shards of this worker's home.
    pub(super) fn shards<'a>(&self, state: &'a Snapshot) -> &'a Shards {
        self.home(state).map_or(&NO_SHARDS, |home| state.shards_of(&home))
    }

    /// Whether it is to read by fan-out and has no slot for it.
    pub(super) fn needs_slot(&self, state: &Snapshot) -> bool {
        self.settings.fan_out && state.slot_of(&self.me).is_none()
    }

    /// Whether it takes no part before it has a slot: its shards are to be in there. Everybody else
    /// polls until there is one.
    pub(super) fn is_idle(&self, state: &Snapshot) -> bool {
        self.settings.lives_in_slot() && self.needs_slot(state)
    }

    /// Whether a worker shares the shards of this worker's home.
    pub(super) fn takes_part(
        &self,
        state: &Snapshot,
        home: &Home,
        id: &WorkerId,
        worker: &Worker,
    ) -> bool {
        match *id == self.me {
            true => !worker.leaving && !self.is_idle(state),
            false => worker.counts_in(id, home),
        }
    }

    /// The first worker of ours in a home looks after what is nobody's business there.
    pub(super) fn audits(&self) -> bool {
        let Some(state) = &self.view else { return false };
        let Some(home) = self.home(state) else { return false };
        let mut ours = state.workers.iter().filter(|(id, worker)| {
            worker.is_kinfolk() && self.takes_part(state, &home, id, worker)
        });
        ours.next().is_some_and(|(id, _)| *id == self.me)
    }

    /// Whether this worker lists the stream's shards from time to time: the first in order does,
    /// and whoever holds one that a listing did not show.
    pub(super) fn lists(&self) -> bool {
        self.audits() || self.held.keys().any(|shard| self.watch.is_unlisted(shard))
    }

    /// Whether this worker judges another as soon as anybody does: its mates, and those that have
    /// none who would.
    pub(super) fn is_near(&self, state: &Snapshot, id: &WorkerId) -> bool {
        match state.home_of(id) {
            Some(Home::Group | Home::Place(_)) => self.is_mate(state, id),
            Some(Home::Worker(_) | Home::Slot(_)) | None => true,
        }
    }

    /// Whether a worker is in this worker's home, or was when it last said so.
    pub(super) fn is_mate(&self, state: &Snapshot, id: &WorkerId) -> bool {
        let home = self.home(state);
        home.is_some() && state.home_of(id) == home
    }
}
