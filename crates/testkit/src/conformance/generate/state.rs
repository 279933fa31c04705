//! States to begin with: what workers of ours and Node consumers may have left behind.

use kinfolk_core::id::{ShardId, WorkerId};
use kinfolk_core::sequence::{Checkpoint, Part};
use kinfolk_core::snapshot::{Arrival, Lease, Shard, Shards, Slot, Snapshot};
use kinfolk_core::time::WallTime;

use super::Generator;

impl Generator {
    /// A state in which every kind of entry occurs.
    pub(in super::super) fn state(&mut self) -> Snapshot {
        let mut state = Snapshot {
            created_on: self.time(),
            version: self.ids.version(),
            started_at: self.rng.maybe(|_| WallTime(1_795_000_000_123)),
            workers: (0..6).map(|_| (self.ids.worker(), self.worker())).collect(),
            slots: Default::default(),
            shards: Default::default(),
            places: Default::default(),
        };
        // One of each kind that the flaws need.
        for (worker, kind) in state.workers.values_mut().zip(0..) {
            match kind {
                0 | 1 => (worker.period_ms, worker.leaving) = (Some(2_500), false),
                2 => (worker.period_ms, worker.leaving) = (Some(2_500), true),
                3 => (worker.period_ms, worker.leaving) = (None, false),
                _ => {}
            }
        }
        let workers: Vec<WorkerId> = state.workers.keys().cloned().collect();
        for name in ["fan-a", "fan-b", "fan-c", "fan-d"] {
            let used_by = self.rng.maybe(|rng| rng.pick(&workers).cloned()).flatten();
            let (arn, version) = (format!("arn:aws:kinesis:::{name}"), self.ids.version());
            let shards = self.rng.chance(25).then(|| self.shards(&workers, 3));
            let slot = Slot { arn, standalone: self.rng.chance(10), used_by, version, shards };
            state.slots.insert(name.into(), slot);
        }
        for worker in state.workers.values_mut().skip(4) {
            worker.shards = Some(self.shards(&workers, 3));
        }
        state.shards = self.shards(&workers, 8);
        state.places = ["a", "a place: é"].map(|n| (n.into(), self.shards(&workers, 4))).into();
        state
    }

    /// Entries of the first shards.
    fn shards(&mut self, workers: &[WorkerId], count: usize) -> Shards {
        (0..count).map(|number| (shard_id(number), self.shard(workers))).collect()
    }

    /// An entry in any condition.
    fn shard(&mut self, workers: &[WorkerId]) -> Shard {
        let mut shard = self.new_shard();
        shard.ended = self.rng.chance(25);
        let arrivals =
            [Arrival::Unsaid, Arrival::Unknown, Arrival::At(WallTime(1_795_362_000_000))];
        shard.arrival = self.rng.pick(arrivals).unwrap_or_default();
        shard.lease = self.rng.pick(workers).filter(|_| self.rng.chance(75)).map(|owner| Lease {
            epoch: 10 + u64::try_from(self.rng.below(10)).unwrap_or_default(),
            owner: owner.clone(),
        });
        shard.owner = match (&shard.lease, self.rng.below(4)) {
            (_, 0) => None,
            (_, 1) | (None, _) => self.rng.pick(workers).cloned(),
            (Some(lease), _) => Some(lease.owner.clone()),
        };
        shard.until = shard.owner.as_ref().map(|_| WallTime(1_795_363_000_000));
        shard.reserved = self.rng.pick(workers).filter(|_| self.rng.chance(25)).cloned();
        shard
    }

    /// An entry as a change may make it.
    pub(super) fn new_shard(&mut self) -> Shard {
        let parent = self.rng.maybe(|rng| shard_id(rng.below(8)));
        let adjacent = parent.is_some().then(|| self.rng.maybe(|rng| shard_id(rng.below(8))));
        let from = self.rng.maybe(|_| WallTime(1_795_000_000_000));
        Shard {
            checkpoint: self.checkpoint(),
            from,
            ..Shard::new(parent, adjacent.flatten(), self.ids.version())
        }
    }

    /// Nothing done, whole records, or a part of one beyond them.
    pub(super) fn checkpoint(&mut self) -> Checkpoint {
        let sequence = self.rng.chance(75).then(|| self.sequence());
        let part = self.rng.chance(33).then(|| Part { sequence: self.sequence(), sub: 3 });
        Checkpoint::new(sequence, part)
    }
}

/// The shards of a state have the first numbers.
pub(super) fn shard_id(number: usize) -> ShardId {
    ShardId::from(format!("shardId-{number:012}"))
}
