//! What a reader asks for, and what it is told.

use std::sync::Arc;

use crate::id::ShardId;
use crate::sequence::SequenceNumber;
use crate::time::WallTime;

/// Where in a shard to read from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Position {
    /// The oldest record that the stream still keeps.
    TrimHorizon,
    /// Behind the newest record: what is written from now on.
    Latest,
    /// The first record written at this time or later. Kinesis refuses a time in the future.
    At(WallTime),
    /// This record and all after it (`AT_SEQUENCE_NUMBER`).
    From(SequenceNumber),
    /// All after this record (`AFTER_SEQUENCE_NUMBER`).
    After(SequenceNumber),
}

/// A shard that goes on where the one that was read has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChildShard {
    /// The child.
    pub id: ShardId,
    /// The shards it goes on from: one after a split, two after a merge.
    pub parents: Vec<ShardId>,
}

/// What is to be done next for a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Get an iterator for this position; [`Reader::iterator`](super::Reader::iterator) takes the
    /// answer.
    GetIterator(Position),
    /// Get records; [`Reader::fetched`](super::Reader::fetched) takes the answer.
    Fetch(Fetch),
    /// Ask again in so many milliseconds; asking earlier is harmless.
    Sleep {
        /// Milliseconds, at least 1.
        ms: u64,
    },
    /// The shard has ended and every record of it was fetched (whether all are acknowledged is
    /// another matter).
    End {
        /// The shards that go on from it, as the last answer named them.
        children: Vec<ChildShard>,
    },
    /// Tell somebody: said once until a read succeeds. The reader goes on trying.
    Report(Problem),
}

/// A call of GetRecords.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetch {
    /// The iterator to read with.
    pub iterator: Arc<str>,
    /// The most records to ask for.
    pub limit: u32,
    /// Bytes to reserve of the worker's budget before the call: an estimate, an answer may hold
    /// more. When that takes time, say so with [`Reader::sent`](super::Reader::sent).
    pub reserve: u64,
}

/// A successful answer to a [`Fetch`], summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fetched {
    /// How many records came.
    pub records: u32,
    /// Their size as Kinesis counts it: data and partition keys, in bytes.
    pub bytes: u64,
    /// The last of them.
    pub last: Option<SequenceNumber>,
    /// The next iterator; absent or empty at the end of the shard.
    pub next: Option<Arc<str>>,
    /// How far the answer is behind the newest record, in milliseconds.
    pub behind_ms: Option<u64>,
    /// The shards that go on from this one, if it has ended.
    pub children: Vec<ChildShard>,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The iterator is too old.
    Expired,
    /// Too many calls, or too many bytes, for the shard.
    Throttled,
    /// There is no such stream or shard, or no such fan-out consumer.
    Missing,
    /// The credentials do not allow the call.
    Denied,
    /// Kinesis refuses the arguments, the position for example.
    Invalid,
    /// Another subscription of the same consumer to the shard is too young, or the consumer is not
    /// ready yet. Only fan-out knows it.
    InUse,
    /// No answer, or one that says to come again.
    Unavailable,
}

/// What a reader cannot solve by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// There is no such stream or shard: list the shards before believing it (protocol,
    /// section 6).
    Missing,
    /// The credentials do not allow reading.
    Denied,
    /// Kinesis refuses the position.
    Invalid,
}
