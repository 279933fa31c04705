//! What there is to say about a group.

use kinfolk_core::id::{GroupName, PlaceName, ShardId, SlotName, StreamName, WorkerId};
use kinfolk_core::reader::Position;
use kinfolk_core::sequence::Checkpoint;
use kinfolk_core::snapshot::{Home, Shard, Shards, Slot, Snapshot, Worker, held_by};
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::Listing;

/// A group on a stream at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// The stream.
    pub stream: StreamName,
    /// The group.
    pub group: GroupName,
    /// When the stream was created that the group has read.
    pub created_on: WallTime,
    /// The stream was deleted and made again since: the next worker starts over.
    pub outdated: bool,
    /// When a Kinfolk worker created the group; `None` if a Node consumer did.
    pub started_at: Option<WallTime>,
    /// Its workers, ordered by id.
    pub workers: Vec<Member>,
    /// The shards that its workers share, ordered by id.
    pub shards: Vec<ShardStatus>,
    /// The standalone workers' shards: each of these reads the whole stream.
    pub standalone: Vec<Standalone>,
    /// The registered fan-out consumers, ordered by name.
    pub slots: Vec<SlotStatus>,
    /// Shards that the stream lists and the group does not track: children of shards that are
    /// not done, mostly.
    pub untracked: Vec<ShardId>,
}

/// The shards of a standalone worker, or of those that share a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standalone {
    /// Where the shards' entries are, which says whose they are.
    pub home: Home,
    /// The shards, ordered by id.
    pub shards: Vec<ShardStatus>,
}

/// A registered fan-out consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotStatus {
    /// Its name.
    pub name: SlotName,
    /// Its ARN.
    pub arn: String,
    /// Who uses it.
    pub used_by: Option<WorkerId>,
}

/// A worker of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its id.
    pub id: WorkerId,
    /// The application's name.
    pub app: String,
    /// Its machine.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// Which library it runs.
    pub kind: Kind,
    /// When it last said that it is alive, by its own clock.
    pub beat: WallTime,
    /// How long ago that was by our clock, in milliseconds.
    pub beat_age_ms: u64,
    /// It hands over and goes.
    pub leaving: bool,
    /// It shares the stream's shards with the others. One that does not reads all of them by
    /// itself, or waits for a fan-out slot.
    pub shares: bool,
    /// It reads nothing: it waits for a fan-out slot.
    pub waits: bool,
    /// It reads every shard of the stream by itself.
    pub standalone: bool,
    /// The name of its place, if it is standalone and has one.
    pub name: Option<PlaceName>,
    /// The shards that it holds.
    pub shards: Vec<ShardId>,
}

/// Which library a worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// This one.
    Kinfolk,
    /// The Node library `lifion-kinesis`.
    Node,
}

/// A shard, as far as the group has got with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardStatus {
    /// Its id.
    pub id: ShardId,
    /// The shards that it was split or merged from.
    pub parents: Vec<ShardId>,
    /// What happens to it.
    pub state: ShardState,
    /// Who holds it.
    pub owner: Option<WorkerId>,
    /// The fencing token of its last tenure; `None` if no Kinfolk worker ever held it.
    pub epoch: Option<u64>,
    /// Up to where its records are done; `None` if none is.
    pub checkpoint: Option<Checkpoint>,
    /// For how long the last record that is done has been there, in milliseconds.
    pub checkpoint_age_ms: Option<u64>,
    /// How far the group is behind.
    pub lag: Lag,
    /// Where reading goes on; `None` where only a Node consumer's settings say it.
    pub(super) next: Option<Position>,
}

/// What happens to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShardState {
    /// Records of a parent are not done yet.
    Waiting,
    /// It can be read, and nobody holds it.
    Free,
    /// Its owner reads it.
    Reading,
    /// Its owner is not in the group any more: somebody else will take it.
    Orphaned,
    /// All its records are done.
    Ended,
    /// The stream does not list it any more: its records expired before they were read.
    Expired,
}

/// How far a group is behind on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lag {
    /// Nobody asked. A shard that has ended is not asked about.
    Unasked,
    /// The oldest record that is not done has been there for so many milliseconds; 0 if every
    /// record is done.
    Ms(u64),
    /// The shard could not be read: why.
    Unknown(String),
}

impl Description {
    /// What a state tells by itself: without the stream, a shard whose records have expired is not
    /// told from one that is free, and nothing is known of shards that the group does not track.
    pub fn of_state(
        group: &GroupName,
        stream: &StreamName,
        state: &Snapshot,
        now: WallTime,
    ) -> Self {
        Self::new((stream.clone(), group.clone()), state, None, now)
    }

    /// `live` is the stream as it is: its shards, and when it was created.
    pub(super) fn new(
        (stream, group): (StreamName, GroupName),
        state: &Snapshot,
        live: Option<(&Listing, WallTime)>,
        now: WallTime,
    ) -> Self {
        let seen = Seen { state, listing: live.map(|(listing, _)| listing), now };
        let slot = |(name, slot): (&SlotName, &Slot)| SlotStatus {
            name: name.clone(),
            arn: slot.arn.clone(),
            used_by: slot.used_by.clone(),
        };
        let homes = state.homes().filter(|home| *home != Home::Group);
        let untracked = live.iter().flat_map(|(listing, _)| listing.untracked(&state.shards));
        // Nobody misses the shards of a group whose workers are all standalone.
        let shares = !state.shards.is_empty() || state.workers.values().any(|w| !w.standalone);
        Self {
            stream,
            group,
            created_on: state.created_on,
            outdated: live.is_some_and(|(_, created_on)| state.created_on != created_on),
            started_at: state.started_at,
            workers: state.workers.iter().map(|(id, w)| Member::new(id, w, state, now)).collect(),
            shards: seen.shards(&state.shards),
            standalone: homes
                .map(|home| Standalone { shards: seen.shards(state.shards_of(&home)), home })
                .collect(),
            slots: state.slots.iter().map(slot).collect(),
            untracked: untracked.filter(|_| shares).map(|info| info.id.clone()).collect(),
        }
    }

    /// All shards, of the group and of its standalone workers.
    pub(super) fn all_shards(&mut self) -> impl Iterator<Item = &mut ShardStatus> {
        let standalone = self.standalone.iter_mut().flat_map(|standalone| &mut standalone.shards);
        self.shards.iter_mut().chain(standalone)
    }
}

/// What is looked at.
struct Seen<'a> {
    state: &'a Snapshot,
    listing: Option<&'a Listing>,
    now: WallTime,
}

impl Seen<'_> {
    fn shards(&self, shards: &Shards) -> Vec<ShardStatus> {
        shards.iter().map(|(id, shard)| ShardStatus::new(id, shard, shards, self)).collect()
    }
}

impl Member {
    fn new(id: &WorkerId, worker: &Worker, state: &Snapshot, now: WallTime) -> Self {
        Self {
            id: id.clone(),
            app: worker.about.app_name.clone(),
            host: worker.about.host.clone(),
            pid: worker.about.pid,
            kind: if worker.is_kinfolk() { Kind::Kinfolk } else { Kind::Node },
            beat: worker.beat,
            beat_age_ms: age_ms(worker.beat, now),
            leaving: worker.leaving,
            shares: worker.counts(),
            waits: !worker.active && !worker.leaving,
            standalone: worker.standalone,
            name: worker.name.clone(),
            shards: state.home_of(id).map_or_else(Vec::new, |home| {
                held_by(state.shards_of(&home), id).map(|(id, _)| id.clone()).collect()
            }),
        }
    }
}

impl ShardStatus {
    fn new(id: &ShardId, shard: &Shard, shards: &Shards, seen: &Seen<'_>) -> Self {
        let info = seen.listing.and_then(|listing| listing.get(id));
        // An entry that is to be read from its beginning says so with the number before it.
        let beginning = info.map(|info| &info.starting_sequence);
        let begun = shard.checkpoint.part.is_some()
            || shard.checkpoint.sequence.as_ref().is_some_and(|done| Some(done) != beginning);
        let parents = shard
            .parents()
            .chain(info.into_iter().flat_map(|info| info.parent.iter().chain(&info.adjacent)));
        let mut parents: Vec<ShardId> = parents.cloned().collect();
        parents.sort();
        parents.dedup();
        Self {
            id: id.clone(),
            parents,
            state: ShardState::of(id, shard, shards, seen),
            owner: shard.owner.clone(),
            epoch: shard.lease.as_ref().map(|lease| lease.epoch),
            checkpoint: begun.then(|| shard.checkpoint.clone()),
            checkpoint_age_ms: shard.arrival.time().map(|at| age_ms(at, seen.now)),
            lag: Lag::Unasked,
            next: match (&shard.checkpoint.sequence, shard.from) {
                (Some(sequence), _) => Some(Position::After(sequence.clone())),
                (None, Some(time)) => Some(Position::At(time)),
                (None, None) => seen.state.started_at.map(|_| Position::TrimHorizon),
            },
        }
    }
}

impl ShardState {
    fn of(id: &ShardId, shard: &Shard, shards: &Shards, seen: &Seen<'_>) -> Self {
        let unknown = Listing::default();
        let listing = seen.listing.unwrap_or(&unknown);
        match &shard.owner {
            _ if shard.ended => Self::Ended,
            Some(owner) if seen.state.workers.contains_key(owner) => Self::Reading,
            Some(_) => Self::Orphaned,
            None if seen.listing.is_some() && listing.get(id).is_none() => Self::Expired,
            None if listing.ready(shards, id, shard) => Self::Free,
            None => Self::Waiting,
        }
    }
}

/// Milliseconds from a date until now; 0 if the date is ahead of our clock.
pub(super) fn age_ms(date: WallTime, now: WallTime) -> u64 {
    u64::try_from(now.0.saturating_sub(date.0)).unwrap_or(0)
}
