//! Where records come from.

mod kinesis;
mod subscription;

use std::fmt::Debug;
use std::sync::Arc;

use kinfolk_core::coordinate::Registered;
use kinfolk_core::id::{GroupName, ShardId};
use kinfolk_core::reader::{ChildShard, Fault, Position};
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::Listing;

pub use kinesis::KinesisSource;
pub use subscription::{Subscription, SubscriptionEvent};

use crate::error::{Error, ErrorKind, Result};
use crate::record::Page;
use crate::store::BoxFuture;

/// A stream, as a consumer needs it.
///
/// A read is one call without retries: repeating and spacing reads is decided in the core. What is
/// asked rarely, what the stream is and which shards it has, may be repeated by the source. All
/// futures may be dropped at any time.
pub trait Source: Debug + Send + Sync + 'static {
    /// What the stream is.
    fn describe(&self) -> BoxFuture<'_, Result<Description>>;

    /// All its shards, every page.
    fn list(&self) -> BoxFuture<'_, Result<Listing>>;

    /// An iterator for a position in a shard.
    fn iterator<'a>(
        &'a self,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Arc<str>, ReadError>>;

    /// At most `limit` records from an iterator on.
    fn fetch<'a>(
        &'a self,
        shard: &'a ShardId,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer, ReadError>>;

    /// Registers fan-out consumers for a group until it has as many as wanted, and lists all that
    /// there are. A source without fan-out, which is the default, refuses.
    fn register<'a>(
        &'a self,
        group: &'a GroupName,
        wanted: u32,
    ) -> BoxFuture<'a, Result<Registered>> {
        let message = format!(
            "the source has no fan-out, but group {group} is to have {wanted} consumers for it"
        );
        Box::pin(async { Err(Error::new(ErrorKind::Config, message)) })
    }

    /// Subscribes a registered consumer, by its ARN, to a shard. A source without fan-out, which is
    /// the default, refuses; the shard is then polled.
    fn subscribe<'a>(
        &'a self,
        consumer: &'a str,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Subscription, ReadError>> {
        let _ = position;
        let message = format!("the source has no fan-out, but {consumer} is to read shard {shard}");
        let error = Error::new(ErrorKind::Config, message);
        Box::pin(async { Err(ReadError { fault: Fault::Invalid, error }) })
    }
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// When it was created: the seconds that Kinesis says, in whole milliseconds as
    /// JavaScript makes them, since the state table is shared with Node.
    pub created_on: WallTime,
    /// What the service's own clock said with the answer, to a second, if it did.
    pub server_time: Option<WallTime>,
}

impl Description {
    /// A stream that was created then.
    pub fn new(created_on: WallTime) -> Self {
        Self { created_on, server_time: None }
    }
}

/// What a fetch brought.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The records.
    pub page: Page,
    /// Where to go on; `None` at the end of a closed shard.
    pub next: Option<Arc<str>>,
    /// How far this is behind the tip, in milliseconds.
    pub behind_ms: Option<u64>,
    /// At the end of a closed shard, its children.
    pub children: Vec<ChildShard>,
}

/// A read that failed: what the reader makes of it, and what to tell people.
#[derive(Debug)]
pub struct ReadError {
    /// For the reader.
    pub fault: Fault,
    /// For people.
    pub error: Error,
}
