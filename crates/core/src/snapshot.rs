//! The shared state of one group on one stream, as a worker sees it at one moment.
//!
//! The types carry what the lifion layout stores (`docs/design.md`, *The state table*); other
//! layouts store the same facts in other places.

use std::collections::BTreeMap;

use crate::id::{PlaceName, ShardId, SlotName, Version, WorkerId};
use crate::sequence::Checkpoint;
use crate::time::WallTime;

/// The entries of shards in one [`Home`].
pub type Shards = BTreeMap<ShardId, Shard>;

/// Those of a home that is not there.
pub(crate) static NO_SHARDS: Shards = BTreeMap::new();

/// Where the entries of a worker's shards live. Workers of one home share its shards; each home
/// sees every record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Home {
    /// The group's own: that of the workers that share the stream.
    #[default]
    Group,
    /// A place with a name: that of the standalone workers of this name. It outlives them.
    Place(PlaceName),
    /// The own entry of a standalone worker without a name. It goes with the worker.
    Worker(WorkerId),
    /// The entry of a fan-out slot: that of the standalone worker without a name that uses it.
    Slot(SlotName),
}

impl Home {
    /// Whether the entries are inside another entry, not in a map of the state's own.
    pub fn is_nested(&self) -> bool {
        matches!(self, Home::Worker(_) | Home::Slot(_))
    }
}

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
    pub shards: Shards,
    /// The shards of standalone workers that have a name, by that name.
    pub places: BTreeMap<PlaceName, Shards>,
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
    /// It takes part in sharing shards (one whose shards are to be in a fan-out slot does not before
    /// it has one).
    pub active: bool,
    /// It does not share the group's shards: it reads every shard.
    pub standalone: bool,
    /// The name of its place, if it is standalone and has one.
    pub name: Option<PlaceName>,
    /// Its own shards, if it is standalone and has neither a name nor a fan-out slot.
    pub shards: Option<Shards>,
    /// What it says about itself.
    pub about: About,
}

/// A worker whose date is younger than this may be alive, in milliseconds.
const ALIVE_MS: i64 = 60_000;

impl Worker {
    /// Whether it may be alive, by its own date against this clock: what dead ones left behind
    /// keeps nobody out, and nothing from being replaced.
    pub fn may_be_alive(&self, wall: WallTime) -> bool {
        self.beat > wall.plus(-ALIVE_MS)
    }

    /// Whether it is one of ours, with whom leases can be handed over directly.
    pub fn is_kinfolk(&self) -> bool {
        self.period_ms.is_some()
    }

    /// Whether it shares the group's shards with others.
    pub fn counts(&self) -> bool {
        self.active && !self.standalone && !self.leaving
    }

    /// Whether it takes part in the shards of this home, as far as it says so itself.
    pub fn counts_in(&self, id: &WorkerId, home: &Home) -> bool {
        match home {
            Home::Group => self.counts(),
            Home::Place(name) => self.active && !self.leaving && self.name.as_ref() == Some(name),
            Home::Worker(owner) => owner == id,
            Home::Slot(_) => false,
        }
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
    /// The shards of the standalone worker that uses it, and of those that did before.
    pub shards: Option<Shards>,
}

impl Slot {
    /// An entry that nobody uses.
    pub fn new(arn: impl Into<String>, standalone: bool, version: Version) -> Self {
        let shards = standalone.then(Shards::new);
        Self { arn: arn.into(), standalone, used_by: None, version, shards }
    }
}

/// When the last record that is done of a shard arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Arrival {
    /// Nobody has said anything about it yet.
    #[default]
    Unsaid,
    /// Whoever stored the checkpoint did not know.
    Unknown,
    /// Then.
    At(WallTime),
}

impl Arrival {
    /// The time, if it is known.
    pub fn time(self) -> Option<WallTime> {
        match self {
            Arrival::At(time) => Some(time),
            Arrival::Unsaid | Arrival::Unknown => None,
        }
    }
}

impl From<Option<WallTime>> for Arrival {
    fn from(time: Option<WallTime>) -> Self {
        time.map_or(Arrival::Unknown, Arrival::At)
    }
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
    pub arrival: Arrival,
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
            arrival: Arrival::Unsaid,
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
    /// The entries of this home; none where there is no such home.
    pub fn shards_of(&self, home: &Home) -> &Shards {
        let shards = match home {
            Home::Group => Some(&self.shards),
            Home::Place(name) => self.places.get(name),
            Home::Worker(id) => self.workers.get(id).and_then(|worker| worker.shards.as_ref()),
            Home::Slot(name) => self.slots.get(name).and_then(|slot| slot.shards.as_ref()),
        };
        shards.unwrap_or(&NO_SHARDS)
    }

    /// The entries of this home, to be changed; `None` where there is no such home.
    pub fn shards_of_mut(&mut self, home: &Home) -> Option<&mut Shards> {
        match home {
            Home::Group => Some(&mut self.shards),
            Home::Place(name) => self.places.get_mut(name),
            Home::Worker(id) => self.workers.get_mut(id).and_then(|worker| worker.shards.as_mut()),
            Home::Slot(name) => self.slots.get_mut(name).and_then(|slot| slot.shards.as_mut()),
        }
    }

    /// Whether there is such a home.
    pub fn has_home(&self, home: &Home) -> bool {
        match home {
            Home::Group => true,
            Home::Place(name) => self.places.contains_key(name),
            Home::Worker(id) => self.workers.get(id).is_some_and(|worker| worker.shards.is_some()),
            Home::Slot(name) => self.slots.get(name).is_some_and(|slot| slot.shards.is_some()),
        }
    }

    /// Every home that there is.
    pub fn homes(&self) -> impl Iterator<Item = Home> + '_ {
        let workers = self.workers.iter().filter(|(_, worker)| worker.shards.is_some());
        let slots = self.slots.iter().filter(|(_, slot)| slot.shards.is_some());
        std::iter::once(Home::Group)
            .chain(self.places.keys().cloned().map(Home::Place))
            .chain(workers.map(|(id, _)| Home::Worker(id.clone())))
            .chain(slots.map(|(name, _)| Home::Slot(name.clone())))
    }

    /// The home of a worker; `None` for a standalone one that waits for its fan-out slot, and for
    /// one that is not there.
    pub fn home_of(&self, id: &WorkerId) -> Option<Home> {
        let worker = self.workers.get(id)?;
        if !worker.standalone {
            return Some(Home::Group);
        }
        if let Some(name) = &worker.name {
            return Some(Home::Place(name.clone()));
        }
        if worker.shards.is_some() {
            return Some(Home::Worker(id.clone()));
        }
        self.slot_of(id).map(|(name, _)| Home::Slot(name.clone()))
    }

    /// The first fan-out slot that nobody uses: of those that serve this mode before the others.
    pub fn free_slot(
        &self,
        standalone: bool,
        usable: impl Fn(&SlotName, &Slot) -> bool,
    ) -> Option<(&SlotName, &Slot)> {
        let free = || {
            let free = self.slots.iter().filter(|(_, slot)| slot.used_by.is_none());
            free.filter(|(name, slot)| usable(name, slot))
        };
        free().find(|(_, slot)| slot.standalone == standalone).or_else(|| free().next())
    }

    /// The fan-out slot that a worker uses.
    pub fn slot_of(&self, worker: &WorkerId) -> Option<(&SlotName, &Slot)> {
        self.slots.iter().find(|(_, slot)| slot.used_by.as_ref() == Some(worker))
    }
}

/// The shards that a worker is said to hold, of these.
pub fn held_by<'a>(
    shards: &'a Shards,
    worker: &'a WorkerId,
) -> impl Iterator<Item = (&'a ShardId, &'a Shard)> {
    shards.iter().filter(move |(_, shard)| shard.owner.as_ref() == Some(worker))
}
