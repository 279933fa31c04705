//! Who is silent, whose absence is new, which free shards nobody takes: everything that is
//! judged by this worker's own clock.

use std::collections::{BTreeMap, BTreeSet};

use super::Timing;
use crate::balance::Plan;
use crate::id::{ShardId, WorkerId};
use crate::snapshot::{Shards, Snapshot, Worker, held_by};
use crate::time::{Now, WallTime};
use crate::topology::Listing;

/// A Node consumer is silent after this long without a new date, by our own clock …
const NODE_SILENCE_MS: u64 = 60_000;
/// … and with a date older than this, which is when its own peers evict it.
const NODE_TIMEOUT_MS: i64 = 40_000;
/// A Node consumer's lease is free this long after its date: clocks differ.
pub(super) const NODE_SKEW_MS: i64 = 5_000;
/// A shard that was released for a Node consumer is left to it for this long …
const RESERVED_MS: u64 = 45_000;
/// … as is one that falls to it; and one that did not take it is left alone for this long.
const UNWILLING_MS: u64 = 300_000;
/// Two complete listings this far apart without a shard: its records have expired.
const EXPIRED_MS: u64 = 60_000;
/// An ended shard that no listing has shown for this long is forgotten. Late, since a Node
/// consumer that still holds an older list brings it back.
const FORGET_MS: u64 = 900_000;
/// A free shard that fell to somebody who did not take it in so many states is anybody's.
const PATIENCE: u32 = 3;

/// What this worker has seen of the others, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Watch {
    seen: BTreeMap<WorkerId, (WallTime, Now)>,
    /// How long workers of ours believe at the most: their silence, by what they said last.
    silences: BTreeMap<WorkerId, u64>,
    absent: BTreeMap<WorkerId, Now>,
    evicted: BTreeSet<WorkerId>,
    reserved: BTreeMap<ShardId, (WorkerId, Now)>,
    unwilling: BTreeMap<WorkerId, Now>,
    /// Since when there is something free that falls to a Node consumer.
    awaited: BTreeMap<WorkerId, Now>,
    left_free: BTreeMap<ShardId, u32>,
    /// When a tracked shard was first, and last, missing from a complete listing.
    unlisted: BTreeMap<ShardId, (Now, Now)>,
}

impl Watch {
    /// One of my own beats was acknowledged. After a gap every window starts again (P6): the
    /// first worker back after an outage of the store would otherwise evict everybody.
    pub(super) fn acknowledged(&mut self, now: &Now, in_time: bool) {
        if !in_time {
            self.seen.values_mut().for_each(|(_, since)| *since = *now);
            self.absent.values_mut().for_each(|since| *since = *now);
        }
    }

    pub(super) fn evicted(&mut self, worker: &WorkerId) {
        self.evicted.insert(worker.clone());
    }

    /// Takes note of a state, and of the shards of this worker's home in it.
    pub(super) fn saw(&mut self, now: &Now, state: &Snapshot, shards: &Shards, me: &WorkerId) {
        self.seen.retain(|id, _| state.workers.contains_key(id));
        for (id, worker) in &state.workers {
            let silence = worker.period_ms.map_or(0, Timing::silence_ms);
            self.silences.insert(id.clone(), silence);
        }
        for (id, worker) in state.workers.iter().filter(|(id, _)| *id != me) {
            let sighting = self.seen.entry(id.clone()).or_insert((worker.beat, *now));
            if sighting.0 != worker.beat {
                *sighting = (worker.beat, *now);
            }
        }
        let owners = shards.values().filter(|s| !s.ended).filter_map(|s| s.owner.as_ref());
        let users = state.slots.values().filter_map(|slot| slot.used_by.as_ref());
        let mut gone: BTreeSet<_> = owners.chain(users).collect();
        gone.retain(|id| !state.workers.contains_key(*id));
        self.absent.retain(|id, _| gone.contains(id));
        self.evicted.retain(|id| gone.contains(id));
        self.silences.retain(|id, _| gone.contains(id) || state.workers.contains_key(id));
        for id in gone {
            self.absent.entry(id.clone()).or_insert(*now);
        }
        self.saw_reservations(now, shards);
    }

    fn saw_reservations(&mut self, now: &Now, shards: &Shards) {
        let reserved = |id: &ShardId| {
            let shard = shards.get(id).filter(|shard| shard.owner.is_none());
            shard.and_then(|shard| shard.reserved.as_ref())
        };
        for (_, (worker, since)) in
            self.reserved.iter().filter(|(id, r)| reserved(id) == Some(&r.0))
        {
            if now.at_least_since(since) >= RESERVED_MS {
                self.unwilling.entry(worker.clone()).or_insert(*now);
            }
        }
        self.unwilling.retain(|_, since| now.at_least_since(since) < UNWILLING_MS);
        self.reserved.retain(|id, (worker, _)| reserved(id) == Some(worker));
        for id in shards.keys() {
            if let Some(worker) = reserved(id) {
                self.reserved.entry(id.clone()).or_insert((worker.clone(), *now));
            }
        }
    }

    /// Counts how often a free shard fell to another worker and stayed free, and takes note of Node
    /// consumers that do not come: one may beat for ever and take nothing.
    pub(super) fn left_free(
        &mut self,
        now: &Now,
        plan: &Plan,
        me: &WorkerId,
        is_node: impl Fn(&WorkerId) -> bool,
    ) {
        self.awaited.retain(|id, _| plan.takes.values().any(|worker| worker == id));
        for worker in plan.takes.values().filter(|worker| is_node(worker)) {
            let since = self.awaited.entry(worker.clone()).or_insert(*now);
            if now.at_least_since(since) >= RESERVED_MS {
                self.unwilling.entry(worker.clone()).or_insert(*now);
            }
        }
        self.left_free.retain(|shard, _| plan.takes.contains_key(shard));
        for (shard, worker) in &plan.takes {
            if worker != me {
                *self.left_free.entry(shard.clone()).or_default() += 1;
            }
        }
    }

    pub(super) fn is_left_free(&self, shard: &ShardId) -> bool {
        self.left_free.get(shard).is_some_and(|looks| *looks >= PATIENCE)
    }

    /// Whether a shard is kept for a Node consumer.
    pub(super) fn is_kept(&self, now: &Now, shard: &ShardId, state: &Snapshot) -> bool {
        self.reserved.get(shard).is_some_and(|(worker, since)| {
            state.workers.contains_key(worker) && now.at_least_since(since) < RESERVED_MS
        })
    }

    pub(super) fn unwilling(&self) -> impl Iterator<Item = &WorkerId> {
        self.unwilling.keys()
    }

    /// Whether the shards of an absent owner are free. Somebody else's eviction may have been
    /// wrong (Node judges by wall clocks): its victim needs time to notice and stop.
    ///
    /// `silence` is what this worker takes for that by itself; `unseen` what it takes if it never saw
    /// how often the owner beats.
    pub(super) fn may_take_from_absent(
        &self,
        now: &Now,
        owner: &WorkerId,
        silence: u64,
        unseen: u64,
    ) -> bool {
        let silence = self.silences.get(owner).map_or(unseen, |theirs| silence.max(*theirs));
        self.evicted.contains(owner)
            || self.absent.get(owner).is_some_and(|since| now.at_least_since(since) >= silence)
    }

    /// A worker that has been silent for long enough to be evicted. Those that are not `near`,
    /// whose shards are in another home, have others to do that first.
    pub(super) fn silent<'a>(
        &self,
        now: &Now,
        state: &'a Snapshot,
        strict: bool,
        near: impl Fn(&WorkerId) -> bool,
    ) -> Option<(&'a WorkerId, &'a Worker)> {
        state.workers.iter().find(|(id, worker)| {
            self.seen.get(*id).is_some_and(|(beat, since)| {
                let quiet = now.at_least_since(since);
                *beat == worker.beat
                    && match worker.period_ms {
                        Some(period) => quiet >= patience(period, near(id)),
                        None => {
                            quiet >= NODE_SILENCE_MS
                                && worker.beat.plus(NODE_TIMEOUT_MS) < now.wall
                                && (!strict || self.dates_are_over(now, state, id))
                        }
                    }
            })
        })
    }

    fn dates_are_over(&self, now: &Now, state: &Snapshot, owner: &WorkerId) -> bool {
        let home = state.home_of(owner).unwrap_or_default();
        held_by(state.shards_of(&home), owner)
            .filter(|(_, shard)| !shard.ended)
            .all(|(_, shard)| shard.until.is_none_or(|until| until.plus(NODE_SKEW_MS) < now.wall))
    }

    /// In how many milliseconds somebody of ours may have become silent.
    pub(super) fn next_deadline(
        &self,
        now: &Now,
        state: Option<&Snapshot>,
        near: impl Fn(&WorkerId) -> bool,
    ) -> u64 {
        let period =
            |id: &WorkerId| state.and_then(|s| s.workers.get(id)).and_then(|w| w.period_ms);
        self.seen
            .iter()
            .filter_map(|(id, (_, since))| Some((patience(period(id)?, near(id)), since)))
            .map(|(silence, since)| silence.saturating_sub(now.at_least_since(since)))
            .min()
            .unwrap_or(u64::MAX)
    }

    pub(super) fn listed(&mut self, now: &Now, listing: &Listing, shards: &Shards) {
        let missing = |id: &ShardId| shards.contains_key(id) && listing.get(id).is_none();
        self.unlisted.retain(|id, _| missing(id));
        for id in shards.keys().filter(|id| missing(id)) {
            self.unlisted.entry(id.clone()).or_insert((*now, *now)).1 = *now;
        }
    }

    /// Whether the last complete listing did not show a tracked shard.
    pub(super) fn is_unlisted(&self, shard: &ShardId) -> bool {
        self.unlisted.contains_key(shard)
    }

    /// Whether a shard's records have expired before they were read.
    pub(super) fn has_expired(&self, shard: &ShardId) -> bool {
        self.unlisted_for(shard) >= EXPIRED_MS
    }

    /// Whether the stream has not listed a shard for so long that its entry can go.
    pub(super) fn is_forgettable(&self, shard: &ShardId) -> bool {
        self.unlisted_for(shard) >= FORGET_MS
    }

    fn unlisted_for(&self, shard: &ShardId) -> u64 {
        self.unlisted.get(shard).map_or(0, |(first, last)| last.at_least_since(first))
    }
}

/// After how long without a beat a worker of ours is silent, in milliseconds.
fn patience(period_ms: u32, near: bool) -> u64 {
    let silence = Timing::silence_ms(period_ms);
    if near { silence } else { silence.max(NODE_SILENCE_MS) }
}
