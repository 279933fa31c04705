//! What a subscriber asks for, and what it is told.

use crate::reader::exchange::{ChildShard, Fault, Position};
use crate::sequence::SequenceNumber;

/// What is to be done next for a shard that is read by fan-out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Subscribe from this position; [`Subscriber::subscribed`](super::Subscriber::subscribed) takes
    /// the answer.
    Subscribe(Position),
    /// Wait for the next event; [`Subscriber::pushed`](super::Subscriber::pushed) or
    /// [`Subscriber::lost`](super::Subscriber::lost) takes what comes.
    Listen(Listen),
    /// Ask again in so many milliseconds; asking earlier is harmless.
    Sleep {
        /// Milliseconds, at least 1.
        ms: u64,
    },
    /// The shard has ended and every record of it was delivered (whether all are acknowledged is
    /// another matter).
    End {
        /// The shards that go on from it, as the last event named them.
        children: Vec<ChildShard>,
    },
    /// Poll the shard from [`Subscriber::position`](super::Subscriber::position) on;
    /// [`Subscriber::resume`](super::Subscriber::resume) ends that.
    FallBack {
        /// Why.
        reason: FallBack,
        /// For how many milliseconds; or until there is another consumer to subscribe with.
        ms: u64,
    },
}

/// A wait for the next event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// For how many milliseconds at most, counted from when the wait begins: a handler that leaves
    /// no room for records is no silence of Kinesis.
    pub silence_ms: u64,
    /// Bytes to reserve of the worker's budget before: an estimate, an event may hold more.
    pub reserve: u64,
}

/// An event of a subscription, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pushed {
    /// How many records came.
    pub records: u32,
    /// Their size as Kinesis counts it: data and partition keys, in bytes.
    pub bytes: u64,
    /// The last of them.
    pub last: Option<SequenceNumber>,
    /// Up to where the shard was read, also where there was no record; absent or empty with the
    /// last event of a closed shard, and then only. The children alone say nothing: an event may
    /// name them while more is to come.
    pub continuation: Option<SequenceNumber>,
    /// The shards that go on from this one, if it has ended.
    pub children: Vec<ChildShard>,
}

/// Why a subscription is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// It ended without an error: one lasts five minutes.
    Ended,
    /// Nothing came for too long.
    Silent,
    /// An error came instead of an event, or half of one.
    Failed(Fault),
}

/// Why a shard that is to be read by fan-out is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FallBack {
    /// Kinesis knows no such stream, shard or consumer, and does not say which.
    Missing,
    /// Kinesis refuses to subscribe: permissions, or an argument.
    Refused,
    /// Subscriptions failed several times in a row.
    Failing,
    /// The worker has no fan-out slot any more.
    NoSlot,
}
