//! The write that creates the group's state, or joins it.

use std::collections::BTreeMap;

use super::share::assign;
use super::{Coordinator, Effect, Failure, Mode, Phase, Settings, settings};
use crate::change::{Chain, Change, Edit, Effect as ShardEffect, Guard, SlotEdit};
use crate::id::{ShardId, Version};
use crate::snapshot::{Home, Shard, Shards, Snapshot, Worker};
use crate::time::{Now, WallTime};
use crate::topology::{Listing, ShardInfo};

/// Dates of one stream that differ by less are the same: one of the writers rounded.
const SAME_STREAM_MS: u64 = 1_000;

/// Whether a state is that of the stream that was created then.
pub fn is_of(state: &Snapshot, created_on: WallTime) -> bool {
    state.created_on.0.abs_diff(created_on.0) < SAME_STREAM_MS
}

/// Whether the state of another stream may be replaced, as of `wall`: only by that of a younger
/// stream, and only while nobody works with it. It is keyed by the stream's *name*, and a
/// development stream of the same name must not wipe production's place.
pub fn replaceable(state: &Snapshot, created_on: WallTime, wall: WallTime) -> Result<(), Failure> {
    let stored = state.created_on;
    if stored > created_on {
        return Err(Failure::NewerStream { stored });
    }
    match state.workers.iter().find(|(_, worker)| worker.may_be_alive(wall)) {
        Some((id, _)) => Err(Failure::StreamRecreated { stored, alive: id.clone() }),
        None => Ok(()),
    }
}

fn alive(state: &Snapshot, wall: WallTime) -> usize {
    state.workers.values().filter(|worker| worker.may_be_alive(wall)).count()
}

impl Coordinator {
    /// Everything was read for the first time.
    pub(super) fn opened(
        &mut self,
        now: &Now,
        created_on: WallTime,
        server_time: Option<WallTime>,
        listing: Listing,
    ) {
        self.created_on = created_on;
        let ahead = server_time.map_or(0, |theirs| now.wall.0.saturating_sub(theirs.0));
        self.ahead_ms = ahead.max(0);
        self.listed(now, listing);
        self.viewed_at = *now;
        self.phase = Phase::Outside;
    }

    /// The write that makes this worker a member; none when it cannot be one.
    pub(super) fn enter(&mut self, now: &Now, out: &mut Vec<Effect>) -> Option<Change> {
        let stamp = self.ids.version();
        let Some(state) = self.state_to_join() else {
            return Some(self.create(now, stamp));
        };
        let entered = match is_of(state, self.created_on) {
            true => {
                self.crowded(alive(state, now.wall) + 1).map(|()| self.join(now, state, &stamp))
            }
            false => replaceable(state, self.created_on, now.wall)
                .map(|()| self.reset(now, state, &stamp)),
        };
        match entered {
            Ok(change) => Some(Change { stamp, ..change }),
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

    fn create(&self, now: &Now, stamp: Version) -> Change {
        let (created_on, started_at) = (self.created_on, now.wall);
        let chain = Chain::Create { created_on, started_at, entry: self.entry(now, 1) };
        let entries = self.first_entries(now, &stamp);
        let change = self.found(now, chain, entries);
        Change { stamp, ..change }
    }

    /// Whatever the old stream's shards were, the new one is read from its beginning, in every home
    /// that the old state had: its workers may come back later than this one.
    fn reset(&self, now: &Now, state: &Snapshot, stamp: &Version) -> Change {
        let (old, created_on, started_at) = (state.created_on, self.created_on, now.wall);
        let (entry, places) = (self.entry(now, 1), BTreeMap::new());
        let chain = Chain::Reset { old, created_on, started_at, entry, places };
        let entries = self.listing.iter().map(|info| (info.id.clone(), info.entry(stamp.clone())));
        let entries: Shards = entries.collect();
        let mut change = self.found(now, chain, entries.clone());
        if let Chain::Reset { places, .. } = &mut change.chain {
            if let (Home::Place(name), Some(mine)) = (&change.home, change.founds.take()) {
                places.insert(name.clone(), mine);
            }
            for name in state.places.keys() {
                places.entry(name.clone()).or_insert_with(|| entries.clone());
            }
        }
        change.home = Home::Group;
        if !state.shards.is_empty() {
            for (id, entry) in entries {
                change.shards.entry(id).or_insert(track(entry));
            }
        }
        change
    }

    /// The entries of a home that begins now.
    ///
    /// Where this worker's home is gone that it had before, they go on from what it knows: a state
    /// that was deleted under a running group is not started over, nor is a standalone worker that
    /// was evicted. A shard that it does not know is one that it meets later, as always: from its
    /// beginning.
    fn first_entries(&self, now: &Now, stamp: &Version) -> Shards {
        // By the clock of Kinesis, which refuses a time that lies in its future and stamps the
        // records; its date comes in whole seconds.
        let begin = now.wall.plus(-self.ahead_ms).plus(-1_000);
        let mut entries = match self.known.is_empty() && self.remembered.is_empty() {
            true => self.listing.first_entries(self.settings.initial, begin, stamp),
            false => self
                .listing
                .iter()
                .map(|info| (info.id.clone(), info.entry(stamp.clone())))
                .collect(),
        };
        for (id, known) in &self.known {
            let (owner, until) = (None, None);
            entries.insert(id.clone(), Shard { owner, until, ..known.clone() });
        }
        for (id, progress) in &self.remembered {
            if let Some(entry) = entries.get_mut(id)
                && entry.checkpoint < progress.checkpoint
            {
                entry.checkpoint = progress.checkpoint.clone();
                entry.arrival = progress.arrival.into();
            }
        }
        entries
    }

    /// A write that brings this worker, and its home with these entries: it holds every shard
    /// there that can be read.
    fn found(&self, now: &Now, chain: Chain, mut entries: Shards) -> Change {
        let all = entries.clone();
        for (id, shard) in &mut entries {
            if !self.settings.lives_in_slot() && !shard.ended && self.listing.ready(&all, id, shard)
            {
                let (lease, until) = self.tenure(now, id, shard, &self.me);
                (shard.owner, shard.until) = (Some(self.me.clone()), Some(until));
                shard.lease = Some(lease);
            }
        }
        let mut change = Change::new(self.me.clone(), chain, Version::new(""));
        match &self.settings.mode {
            Mode::Shared => {
                // The old stream may have had shards of the same names: nothing is required of
                // entries.
                change.shards = entries.into_iter().map(|(id, shard)| (id, track(shard))).collect();
            }
            Mode::Standalone { name: Some(name) } => {
                change.home = Home::Place(name.clone());
                change.founds = Some(entries);
            }
            // It is made once there is a slot for it.
            Mode::Standalone { name: None } if self.settings.fan_out => {}
            Mode::Standalone { name: None } => {
                change.home = Home::Worker(self.me.clone());
                if let Chain::Create { entry, .. }
                | Chain::Reset { entry, .. }
                | Chain::Join { entry, .. } = &mut change.chain
                {
                    entry.shards = Some(entries);
                }
            }
        }
        change
    }

    /// Joining; making the worker's home or tracking what it does not track yet, and taking what
    /// is free, in one write.
    fn join(&self, now: &Now, state: &Snapshot, stamp: &Version) -> Change {
        let slots = self.slot_edits(now, state);
        let mut entry = self.entry(now, alive(state, now.wall) + 1);
        entry.active |= slots.values().any(|edit| matches!(edit, SlotEdit::Take { .. }));
        let chain = Chain::Join { created_on: state.created_on, entry: entry.clone() };
        let home = self.home(state).filter(|home| state.has_home(home));
        let mut draft = self.draft_of(chain.clone(), home.clone());
        draft.add_slots(state, slots);
        if home.is_none() {
            let slots = draft.change.slots;
            let absent = draft.change.absent;
            let change = self.found(now, chain, self.first_entries(now, stamp));
            return Change { slots, absent, ..change };
        }
        let mut with_me = state.clone();
        with_me.workers.insert(self.me.clone(), entry);
        let plan = self.plan_for(&with_me, now);
        for (id, shard) in self.takes(&with_me, &plan) {
            draft.take(&with_me, id, shard, assign(self, now, id, shard));
        }
        for (id, entry) in self.untracked(now, state) {
            draft.add(&id, track(entry));
        }
        draft.change
    }

    /// Entries for shards that are to be tracked: those of a home that is empty begin where this
    /// worker is to begin, every later one at its beginning. A listing that is too old may show
    /// some that were forgotten since; a state that is full has no room for more.
    pub(super) fn untracked(&self, now: &Now, state: &Snapshot) -> Vec<(ShardId, Shard)> {
        let current = now.at_most_since(&self.listed_at) < settings::LISTING_COUNTS_MS;
        let shards = self.shards(state);
        if !current || self.is_full(now) {
            return Vec::new();
        }
        let entry = |info: &ShardInfo| {
            let first = self.beginning.get(&info.id).cloned();
            (info.id.clone(), first.unwrap_or_else(|| info.entry(Version::new(""))))
        };
        self.listing.untracked(shards).map(entry).collect()
    }

    /// Takes note of how the shards of a home begin that is there and empty: not all of them may
    /// fit the first write.
    pub(super) fn begin_home(&mut self, now: &Now) {
        let Some(state) = self.state_to_join() else { return };
        let home = self.home(state).filter(|home| state.has_home(home));
        let shards = home.map(|home| state.shards_of(&home));
        let Some(shards) = shards else { return self.beginning.clear() };
        if shards.is_empty() && self.beginning.is_empty() {
            self.beginning = self.first_entries(now, &Version::new(""));
        } else if self.listing.untracked(shards).next().is_none() {
            self.beginning.clear();
        }
    }

    fn entry(&self, now: &Now, workers: usize) -> Worker {
        let Settings { mode, about, .. } = &self.settings;
        // It takes part once it has a slot, if its shards are to be in there.
        let active = !self.settings.lives_in_slot();
        Worker { active, ..mode.entry(now.wall, self.period_for(workers), about.clone()) }
    }
}

/// The edit that makes an entry where there is none.
pub(super) fn track(entry: Shard) -> Edit {
    Edit { guard: Guard::None, effect: ShardEffect::Track(entry) }
}
