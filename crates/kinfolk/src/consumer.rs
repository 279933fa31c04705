//! A worker of a consumer group.

mod builder;
mod records;
mod shards;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use kinfolk_core::id::{GroupName, StreamName, StreamRef};
use tokio::sync::{Mutex, mpsc};

pub use builder::Builder;
pub use records::Records;
pub use shards::Shards;

use crate::delivery::Batch;
use crate::drive::Command;
use crate::error::Result;
use crate::event::{Announcer, Events};
use crate::hub::Hub;
use crate::lease::Lease;
use crate::processor::{self, Processor};
use crate::store::{StateStore, Usage};
use crate::supervise::{Task, Tasks};

/// How many records a [`Processor`] is handed at a time, at most.
const PROCESSOR_BATCH: usize = 10_000;

/// A worker of a consumer group: it shares a stream's shards with the group's other workers, hands
/// out their records, and stores how far they are done.
///
/// Take records with [`records`](Self::records), by shard with [`shards`](Self::shards), or let a
/// [`Processor`] handle them with [`run`](Self::run). End it with [`shutdown`](Self::shutdown),
/// which hands everything over at once. Dropping it stops without a word: its shards are read
/// again by others once it has been silent for as long as a crashed worker.
#[derive(Debug)]
pub struct Consumer {
    stream: StreamName,
    group: GroupName,
    hub: Arc<Hub>,
    announcer: Announcer,
    /// What happened before anybody listened, for the first who does.
    first_events: std::sync::Mutex<Option<Events>>,
    store: Arc<dyn StateStore>,
    commands: mpsc::Sender<Command>,
    driver: Mutex<Task<Result<()>>>,
    shutdown_limit: Duration,
}

impl Consumer {
    /// A consumer of `stream`, by name or ARN, for `group`, to be set up and started.
    pub fn builder(stream: impl Into<StreamRef>, group: impl Into<GroupName>) -> Builder {
        Builder::new(stream.into(), group.into())
    }

    /// The stream's name.
    pub fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// The group.
    pub fn group(&self) -> &GroupName {
        &self.group
    }

    /// The records of all shards that this worker holds, in order for each shard. The stream ends
    /// when the consumer does; its last item is the error, if there was one.
    ///
    /// Several may be taken: each record comes out of one of them.
    pub fn records(&self) -> Records {
        Records::new(self.hub.clone())
    }

    /// The next records of any shard, at most `most` and all of one page; `None` when the
    /// consumer is over. Cancel safe.
    pub async fn next_batch(&self, most: usize) -> Option<Batch> {
        self.hub.next_batch(most.max(1)).await
    }

    /// The leases that this worker comes to hold, each once, for handlers that take shards one by
    /// one. The stream ends when the consumer does.
    pub fn shards(&self) -> Shards {
        Shards::new(self.hub.clone())
    }

    /// Handles every lease with a processor of its own until the consumer is over.
    ///
    /// # Errors
    /// The error that ended the consumer; `Internal` if a processor panicked, and the consumer
    /// should then be shut down.
    pub async fn run<P: Processor>(&self, mut processor: impl FnMut(&Lease) -> P) -> Result<()> {
        let mut tasks = Tasks::default();
        let mut leases = self.shards();
        loop {
            tokio::select! {
                biased;
                ended = tasks.next() => ended?,
                lease = leases.next() => match lease {
                    Some(lease) => {
                        let processor = processor(&lease);
                        tasks.spawn(processor::run(processor, lease, PROCESSOR_BATCH));
                    }
                    None => break,
                },
            }
        }
        tasks.join().await;
        self.hub.failure().map_or(Ok(()), Err)
    }

    /// What happens to this consumer: to whoever asks first, since its start; to others from now
    /// on.
    pub fn events(&self) -> Events {
        // Nothing under this lock can panic half way.
        let first = self.first_events.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| self.announcer.listen())
    }

    /// What keeping the state has cost this worker so far: calls, DynamoDB's read and write units,
    /// and the size of the state.
    pub fn usage(&self) -> Usage {
        self.store.usage()
    }

    /// Stops fetching, waits for what is being handled, stores the place, hands the shards over
    /// and leaves the group. Waits for handlers up to the builder's `shutdown_limit`; what is not
    /// acknowledged by then is handled again by others.
    ///
    /// # Errors
    /// The error that ended the consumer, if one did.
    pub async fn shutdown(&self) -> Result<()> {
        let limit_ms = u64::try_from(self.shutdown_limit.as_millis()).unwrap_or(u64::MAX);
        // A driver that is gone has nothing to hand over any more.
        let _ = self.commands.send(Command::Shutdown { limit_ms }).await;
        self.driver.lock().await.join().await.unwrap_or(Ok(()))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Whoever still holds records is told; nothing is written.
        self.hub.finish(None);
    }
}
