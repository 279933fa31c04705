//! What a coordinator is told, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Change, Committed, Progress};
use crate::event::Event;
use crate::id::{ShardId, SlotName, WorkerId};
use crate::reader::Position;
use crate::sequence::Part;
use crate::snapshot::Snapshot;
use crate::time::{Now, WallTime};
use crate::topology::Listing;

/// What the coordinator is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// Time passed.
    Tick,
    /// The first reading of everything: what a worker needs before it can join.
    Opened {
        /// When the stream was created, in whole milliseconds as JavaScript rounds them.
        created_on: WallTime,
        /// What Kinesis' own clock said a moment ago, if it did: a group that begins at the tip
        /// begins by that clock.
        server_time: Option<WallTime>,
        /// Its shards.
        listing: Listing,
        /// The group's state, if there is one.
        state: Option<Snapshot>,
    },
    /// A look came back.
    Looked(Option<Snapshot>),
    /// A look failed.
    LookFailed,
    /// A change was carried out or refused.
    Committed(Committed),
    /// Nobody knows what became of a change.
    CommitFailed,
    /// A complete listing came back.
    Listed(Listing),
    /// A listing failed.
    ListFailed,
    /// Nothing of a shard is in anybody's hands any more, and no more is handed out.
    Drained {
        /// The shard.
        shard: ShardId,
        /// The tenure that drained.
        epoch: u64,
        /// How far the shard is done.
        progress: Option<Progress>,
    },
    /// Every record of a closed shard is acknowledged.
    Ended {
        /// The shard.
        shard: ShardId,
        /// The tenure that read it.
        epoch: u64,
        /// How far the shard is done; `None` if it held no record.
        progress: Option<Progress>,
        /// The children that Kinesis named with the end.
        children: Vec<ShardId>,
    },
    /// Kinesis does not know a shard that this worker reads, or the consumer by which it does: list
    /// before believing it.
    Missing,
    /// The fan-out consumers that are registered.
    Registered(Registered),
    /// They could not be registered, or not listed.
    RegisterFailed,
    /// Hand everything over and leave.
    Shutdown {
        /// How long to wait for records that are being handled, in milliseconds.
        limit_ms: u64,
    },
}

/// The fan-out consumers that are registered at the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Registered {
    /// Those that are registered for this group, with their ARNs.
    pub ours: BTreeMap<SlotName, String>,
    /// All the others.
    pub others: BTreeSet<SlotName>,
}

impl Registered {
    pub(super) fn contains(&self, name: &SlotName) -> bool {
        self.ours.contains_key(name) || self.others.contains(name)
    }
}

/// What the shell is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the state; answer with [`Input::Looked`] or [`Input::LookFailed`].
    Look,
    /// List the stream's shards; answer with [`Input::Listed`] or [`Input::ListFailed`].
    List,
    /// Register the fan-out consumers that the group wants, and list all that there are; answer
    /// with [`Input::Registered`] or [`Input::RegisterFailed`].
    Register,
    /// Carry out a change; answer with [`Input::Committed`] or [`Input::CommitFailed`].
    Commit(Box<Change>),
    /// The worker's leases hold for so long after this moment, by the clock that goes fastest.
    /// Past that nothing may be handed out (P3). Takes the place of what was said before.
    Believe {
        /// When the acknowledged beat was first sent.
        since: Now,
        /// For how long, in milliseconds.
        fence_ms: u64,
    },
    /// Begin to read a shard that the write beside this takes, but hand out nothing of it: a
    /// [`Start`](Self::Start) or a [`Stop`](Self::Stop) follows. Saves the round trips between
    /// the first write and the first record.
    Prepare(Start),
    /// Read a shard and hand out its records.
    Start(Start),
    /// Hand out no more of a shard; answer with [`Input::Drained`] when nothing is out.
    Drain {
        /// The shard.
        shard: ShardId,
        /// The tenure.
        epoch: u64,
    },
    /// A drain was called off: hand out again.
    Resume {
        /// The shard.
        shard: ShardId,
        /// The tenure.
        epoch: u64,
    },
    /// The tenure is over: hand out nothing, take no more acknowledgements.
    Stop {
        /// The shard.
        shard: ShardId,
        /// The tenure.
        epoch: u64,
    },
    /// Tell whoever listens.
    Notice(Event),
    /// The worker cannot take part.
    Fail(Failure),
    /// The worker has left; nothing follows.
    Finished,
}

/// A tenure that begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    /// The shard.
    pub shard: ShardId,
    /// The fencing token of its deliveries.
    pub epoch: u64,
    /// Where to read.
    pub from: Position,
    /// What is already done of the first record.
    pub part: Option<Part>,
}

/// Why a worker cannot take part.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The state belongs to a stream that was created later than the live one.
    NewerStream {
        /// When that stream was created.
        stored: WallTime,
    },
    /// The stream was deleted and made again, but workers of the old one are alive.
    StreamRecreated {
        /// When the old stream was created.
        stored: WallTime,
        /// A worker that beat within the last minute.
        alive: WorkerId,
    },
    /// The state has no room for one more worker.
    StateFull,
    /// Every write costs as much as the state is large, and so many workers cannot all write in
    /// time.
    TooManyWorkers {
        /// How many there would be.
        workers: usize,
        /// The size of the state in bytes.
        bytes: u64,
    },
}
