//! The shared state of one group on one stream, as a worker sees it at one moment.
//!
//! The types carry what the lifion layout stores (`docs/design.md`, *The state table*); other
//! layouts store the same facts in other places.

use std::collections::BTreeMap;

use crate::id::{ShardId, SlotName, Version, WorkerId};
use crate::sequence::Checkpoint;
use crate::time::WallTime;

/// Everything that a group shares about a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// When the stream was created. Another value than the live stream's means that the stream
    /// was deleted and made again.
    pub created_on: WallTime,
    /// Changes with every eviction.
    pub version: Version,
    /// When a Kinfolk worker created the group; `None` for a group that a Node consumer created.
    pub started_at: Option<WallTime>,
    /// The workers that are alive as far as the state knows.
    pub workers: BTreeMap<WorkerId, Worker>,
    /// The registered fan-out consumers.
    pub slots: BTreeMap<SlotName, Slot>,
    /// The shards that the group tracks.
    pub shards: BTreeMap<ShardId, Shard>,
}

/// A worker's entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// Its last proof of life, by its own wall clock. Only its *change* says anything.
    pub beat: WallTime,
    /// How often it beats, in milliseconds; `None` for a Node consumer, which does not say.
    pub period_ms: Option<u32>,
    /// It hands over and goes: it takes nothing and is given nothing.
    pub leaving: bool,
    /// It takes part in sharing shards (a Node consumer without a fan-out slot does not).
    pub active: bool,
    /// It reads every shard by itself.
    pub standalone: bool,
    /// What it says about itself.
    pub about: About,
}

impl Worker {
    /// Whether it is one of ours, with whom leases can be handed over directly.
    pub fn is_kinfolk(&self) -> bool {
        self.period_ms.is_some()
    }

    /// Whether it shares the stream's shards with others.
    pub fn counts(&self) -> bool {
        self.active && !self.standalone && !self.leaving
    }
}

/// What a worker says about itself, for people to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct About {
    /// The application's name.
    pub app_name: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When the process started.
    pub started_on: WallTime,
}

/// A registered fan-out consumer, which one worker at a time can use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Its ARN.
    pub arn: String,
    /// Whether it serves standalone workers.
    pub standalone: bool,
    /// Who uses it.
    pub used_by: Option<WorkerId>,
    /// What writes compare.
    pub version: Version,
}

/// A tenure: who holds a shard, and its fencing token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lease {
    /// Grows with each tenure of the shard (protocol rule P10).
    pub epoch: u64,
    /// Who holds it.
    pub owner: WorkerId,
}

/// A shard's entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    /// The parent that Node consumers check: one that is still open, where there is one.
    pub parent: Option<ShardId>,
    /// The second parent of a merge.
    pub adjacent: Option<ShardId>,
    /// How far its records are done.
    pub checkpoint: Checkpoint,
    /// Where to start while nothing is done.
    pub from: Option<WallTime>,
    /// When the last record that is done arrived.
    pub arrival: Option<WallTime>,
    /// Every record of it is done.
    pub ended: bool,
    /// Who holds it, of whichever kind.
    pub owner: Option<WorkerId>,
    /// Until when Node consumers believe in the owner.
    pub until: Option<WallTime>,
    /// What writes compare.
    pub version: Version,
    /// The last tenure of one of ours.
    pub lease: Option<Lease>,
    /// The Node consumer that it was released for.
    pub reserved: Option<WorkerId>,
}

impl Shard {
    /// An entry that nobody holds and of which nothing is done.
    pub fn new(parent: Option<ShardId>, adjacent: Option<ShardId>, version: Version) -> Self {
        Self {
            parent,
            adjacent,
            checkpoint: Checkpoint { sequence: None, part: None },
            from: None,
            arrival: None,
            ended: false,
            owner: None,
            until: None,
            version,
            lease: None,
            reserved: None,
        }
    }

    /// The tenure in force, if one of ours holds the shard.
    pub fn tenure(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| self.owner.as_ref() == Some(&lease.owner))
    }

    /// The parents that the entry knows of.
    pub fn parents(&self) -> impl Iterator<Item = &ShardId> {
        self.parent.iter().chain(&self.adjacent)
    }

    /// The epoch of the next tenure: above the last one, and at least the wall clock, so that it
    /// keeps growing when somebody wiped the state (protocol rule P10).
    pub fn next_epoch(&self, wall: WallTime) -> u64 {
        let last = self.lease.as_ref().map_or(0, |lease| lease.epoch);
        last.saturating_add(1).max(u64::try_from(wall.0).unwrap_or(0))
    }
}

impl Snapshot {
    /// The shards that this worker holds, by a tenure of ours.
    pub fn held_by<'a>(
        &'a self,
        worker: &'a WorkerId,
    ) -> impl Iterator<Item = (&'a ShardId, &'a Shard)> {
        self.shards.iter().filter(move |(_, shard)| shard.owner.as_ref() == Some(worker))
    }
}
