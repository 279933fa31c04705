//! Writing to a stream: batches, retries of single records, and order kept for each key.
//!
//! ```no_run
//! # async fn demo(client: aws_sdk_kinesis::Client) -> kinfolk::Result<()> {
//! use kinfolk::producer::{NewRecord, Producer};
//!
//! let (producer, driver) = Producer::builder("orders").build(client);
//! let work = async move {
//!     let receipt = producer.put(NewRecord::new("{\"id\":1}").partition_key("customer-7")).await?;
//!     println!("stored in {} as {}", receipt.shard, receipt.sequence);
//!     kinfolk::Result::Ok(())
//! };
//! // The driver makes the calls, and ends when the last `Producer` is gone.
//! let (result, _) = tokio::join!(work, driver.run());
//! # result
//! # }
//! ```
//!
//! # Order
//! Records of one partition key are stored in the order in which they were sent, whatever fails:
//! one of them is under way at a time, the next follows when it is stored. A call of PutRecords
//! would go on after a record that failed, and AWS promises no order within it. The price falls
//! on hot keys only, which get one record in each round trip. A record that fails for good leaves
//! a gap: its followers go on.
//!
//! # Duplicates
//! A record whose answer is lost (a timeout, a broken connection, a failure of the server's) is
//! sent again, so that it may be stored twice. Should the lost request arrive late, the copy may
//! even lie behind later records of its key: Kinesis has no means against that.

mod builder;
mod driver;
mod queue;
mod record;
mod stats;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use kinfolk_core::id::{ShardId, StreamRef};
use kinfolk_core::sequence::SequenceNumber;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

pub use builder::ProducerBuilder;
pub use driver::Driver;
pub use record::{MAX_KEY_CHARS, MAX_RECORD_BYTES, NewRecord};
pub use stats::Stats;

use crate::error::{Error, ErrorKind, Result};

/// A handle for writing to one stream; clones share its queue. Its [`Driver`] does the work.
#[derive(Clone, Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    outbox: mpsc::Sender<Queued>,
}

/// Where a record was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its shard.
    pub shard: ShardId,
    /// Its sequence number, which grows with each record of a key.
    pub sequence: SequenceNumber,
}

/// A record that is queued: resolves when it is stored or has failed for good. It goes its way
/// whether this is awaited or not.
#[derive(Debug)]
#[must_use = "drop it only if `Producer::flush` is to report the failures"]
pub struct Sent {
    answer: oneshot::Receiver<Result<Receipt>>,
    stream: StreamRef,
}

/// What the handles and the driver have in common.
#[derive(Debug)]
struct Shared {
    stream: StreamRef,
    /// The bytes that may be queued or under way.
    budget: Arc<Semaphore>,
    budget_bytes: u32,
    stats: Mutex<Stats>,
    /// The first failure since the last flush.
    failure: Mutex<Option<Error>>,
}

/// A record in the queue. Its room in the budget comes back when this is dropped.
#[derive(Debug)]
struct Queued {
    record: NewRecord,
    answer: oneshot::Sender<Result<Receipt>>,
    _room: OwnedSemaphorePermit,
}

impl Producer {
    /// Settings for a producer of this stream, by name or ARN.
    pub fn builder(stream: impl Into<StreamRef>) -> ProducerBuilder {
        ProducerBuilder::new(stream.into())
    }

    /// Stores a record and tells where.
    ///
    /// # Errors
    /// As [`send`](Self::send); and when AWS refuses the record or the call for good, or went on
    /// refusing for [`give_up_after`](ProducerBuilder::give_up_after).
    pub async fn put(&self, record: NewRecord) -> Result<Receipt> {
        self.send(record).await?.await
    }

    /// Queues a record, waiting while the queue is full. Records of a key are stored in the order
    /// in which this returned.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the record or its key breaks a limit of Kinesis,
    /// [`Closed`](ErrorKind::Closed) if the driver is gone.
    pub async fn send(&self, record: NewRecord) -> Result<Sent> {
        let record = record.checked(&self.shared.stream)?;
        let bytes = record.charge().min(self.shared.budget_bytes);
        let room = self.shared.budget.clone().acquire_many_owned(bytes).await;
        let Ok(_room) = room else { return Err(self.shared.closed()) };
        let (answer, receiver) = oneshot::channel();
        let queued = Queued { record, answer, _room };
        self.outbox.send(queued).await.map_err(|_| self.shared.closed())?;
        Ok(Sent { answer: receiver, stream: self.shared.stream.clone() })
    }

    /// Waits until everything that was sent before is stored or has failed for good. What others
    /// send meanwhile waits behind this.
    ///
    /// # Errors
    /// The first failure of any record since the last flush;
    /// [`Closed`](ErrorKind::Closed) if the driver went away before the end.
    pub async fn flush(&self) -> Result<()> {
        // All room is free exactly when nothing is queued or under way.
        let all = self.shared.budget.acquire_many(self.shared.budget_bytes).await;
        match (self.shared.take_failure(), all) {
            (Some(error), _) => Err(error),
            (None, Err(_)) => Err(self.shared.closed()),
            (None, Ok(_)) => Ok(()),
        }
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Future for Sent {
    type Output = Result<Receipt>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.unwrap_or_else(|_| Err(closed(&self.stream))))
    }
}

impl Shared {
    // Whatever panicked while holding one of these locks: the numbers stay usable.
    fn count(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn stats(&self) -> Stats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_failure(&self, error: impl FnOnce() -> Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(error);
    }

    fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn closed(&self) -> Error {
        closed(&self.stream)
    }
}

fn closed(stream: &StreamRef) -> Error {
    Error::new(ErrorKind::Closed, format!("the producer of stream {stream} is shut down"))
}
