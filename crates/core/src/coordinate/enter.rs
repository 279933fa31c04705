//! The write that creates the group's state, or joins it.

use std::collections::BTreeMap;

use super::share::assign;
use super::{Coordinator, Effect, Failure, Phase, settings};
use crate::change::{Chain, Change, Edit, Effect as ShardEffect, Guard};
use crate::id::{ShardId, Version};
use crate::snapshot::{Shard, Snapshot, Worker};
use crate::time::Now;
use crate::topology::ShardInfo;

/// Dates of one stream that differ by less are the same: one of the writers rounded.
const SAME_STREAM_MS: u64 = 1_000;
/// A worker whose date is younger than this may be alive; its group's state is not replaced.
const ALIVE_MS: i64 = 60_000;

impl Coordinator {
    /// The write that makes this worker a member; none when it cannot be one.
    pub(super) fn enter(&mut self, now: &Now, out: &mut Vec<Effect>) -> Option<Change> {
        let stamp = self.ids.version();
        let Some(state) = self.state_to_join() else {
            return Some(self.create(now, stamp));
        };
        let stored = state.created_on;
        if stored.0.abs_diff(self.created_on.0) < SAME_STREAM_MS {
            return Some(self.join(now, state, stamp));
        }
        match self.replaceable(now, state) {
            Ok(()) => {
                let (created_on, started_at) = (self.created_on, now.wall);
                let entry = self.entry(now);
                let chain = Chain::Reset { old: stored, created_on, started_at, entry };
                // Whatever the old stream's shards were, the new one is read from its beginning.
                let entries = self.listing.iter().map(|i| (i.id.clone(), i.entry(stamp.clone())));
                Some(self.found(now, chain, entries.collect(), stamp))
            }
            Err(failure) => {
                self.phase = Phase::Over;
                out.push(Effect::Fail(failure));
                None
            }
        }
    }

    /// The group's state, as far as this worker knows.
    pub(super) fn state_to_join(&self) -> Option<&Snapshot> {
        self.view.as_ref().filter(|_| !self.missing)
    }

    /// A group's state is replaced only by that of a younger stream, and only while nobody works
    /// with it: it is keyed by the stream's *name*, and a development stream of the same name
    /// must not wipe production's place.
    fn replaceable(&self, now: &Now, state: &Snapshot) -> Result<(), Failure> {
        let stored = state.created_on;
        if stored > self.created_on {
            return Err(Failure::NewerStream { stored });
        }
        let alive = |worker: &Worker| worker.beat > now.wall.plus(-ALIVE_MS);
        match state.workers.iter().find(|(_, worker)| alive(worker)) {
            Some((id, _)) => Err(Failure::StreamRecreated { stored, alive: id.clone() }),
            None => Ok(()),
        }
    }

    fn create(&self, now: &Now, stamp: Version) -> Change {
        let (created_on, started_at) = (self.created_on, now.wall);
        let chain = Chain::Create { created_on, started_at, entry: self.entry(now) };
        // By the clock of Kinesis, which refuses a time that lies in its future and stamps the
        // records; its date comes in whole seconds.
        let begin = started_at.plus(-self.ahead_ms).plus(-1_000);
        let mut entries = self.listing.first_entries(self.settings.initial, begin, &stamp);
        self.heal(&mut entries);
        self.found(now, chain, entries, stamp)
    }

    /// Somebody deleted the state under a running group: what this worker knows of everybody's
    /// place goes into the next one, so that it is not started over.
    fn heal(&self, entries: &mut BTreeMap<ShardId, Shard>) {
        for (id, known) in self.view.iter().flat_map(|view| &view.shards) {
            let (owner, until) = (None, None);
            entries.insert(id.clone(), Shard { owner, until, ..known.clone() });
        }
        for (id, progress) in &self.remembered {
            if let Some(entry) = entries.get_mut(id)
                && entry.checkpoint < progress.checkpoint
            {
                entry.checkpoint = progress.checkpoint.clone();
                entry.arrival = progress.arrival;
            }
        }
    }

    /// A whole state with this worker in it, who holds every shard that can be read.
    fn found(
        &self,
        now: &Now,
        chain: Chain,
        mut entries: BTreeMap<ShardId, Shard>,
        stamp: Version,
    ) -> Change {
        let state = Snapshot {
            created_on: self.created_on,
            version: stamp.clone(),
            started_at: Some(now.wall),
            workers: BTreeMap::new(),
            slots: BTreeMap::new(),
            shards: entries.clone(),
        };
        for (id, shard) in &mut entries {
            if !shard.ended && self.listing.ready(&state, id, shard) {
                let (lease, until) = self.tenure(now, shard, &self.me);
                (shard.owner, shard.until) = (Some(self.me.clone()), Some(until));
                shard.lease = Some(lease);
            }
        }
        let mut change = Change::new(self.me.clone(), chain, stamp);
        // The old stream may have had shards of the same names: nothing is required of entries.
        let track = |entry| Edit { guard: Guard::None, effect: ShardEffect::Track(entry) };
        change.shards = entries.into_iter().map(|(id, entry)| (id, track(entry))).collect();
        change
    }

    /// Joining, tracking what the group does not track yet, and taking what is free, in one write.
    fn join(&self, now: &Now, state: &Snapshot, stamp: Version) -> Change {
        let entry = self.entry(now);
        let mut with_me = state.clone();
        with_me.workers.insert(self.me.clone(), entry.clone());
        let plan = self.plan_for(&with_me, now);
        let chain = Chain::Join { created_on: state.created_on, entry };
        let mut draft = self.draft_of(chain);
        for (id, shard) in self.takes(&with_me, &plan) {
            draft.take(&with_me, id, shard, assign(self, now, shard));
        }
        for info in self.untracked(now, state) {
            let track = ShardEffect::Track(info.entry(stamp.clone()));
            draft.add(&info.id, Edit { guard: Guard::None, effect: track });
        }
        Change { stamp, ..draft.change }
    }

    /// Shards to be tracked. A listing that is too old may show some that were forgotten since.
    pub(super) fn untracked<'a>(
        &'a self,
        now: &Now,
        state: &'a Snapshot,
    ) -> impl Iterator<Item = &'a ShardInfo> {
        let current = now.at_most_since(&self.listed_at) < settings::LISTING_COUNTS_MS;
        self.listing.untracked(state).filter(move |_| current)
    }

    fn entry(&self, now: &Now) -> Worker {
        Worker {
            beat: now.wall,
            period_ms: Some(self.settings.timing.beat_ms),
            leaving: false,
            active: true,
            standalone: false,
            about: self.settings.about.clone(),
        }
    }
}
