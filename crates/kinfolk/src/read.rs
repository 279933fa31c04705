//! The task that reads one shard: it carries out what the core's readers ask for.

mod poll;
mod subscribe;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::reader::{
    ChildShard, FallBack, Loss, Pace, Position, Problem, Reader, Subscriber,
};
use kinfolk_core::sequence::SequenceNumber;
use tokio::sync::watch;

use crate::aggregate::Deaggregate;
use crate::budget::{Budget, Hold};
use crate::clock::Clock;
use crate::error::Error;
use crate::record::{Page, Refused};
use crate::source::Source;
use crate::tenure::Tenure;
use subscribe::Told;

/// What reading a shard needs.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Budget,
    pub(crate) pace: Pace,
    pub(crate) deaggregate: Deaggregate,
    /// The ARN of the fan-out consumer to read by. Without one, shards are polled.
    pub(crate) consumer: watch::Receiver<Option<Arc<str>>>,
}

/// What a reader task tells its worker.
pub(crate) trait Listener: Send + Sync {
    /// The reader cannot solve this by itself; it goes on trying.
    fn problem(&self, tenure: &Tenure, problem: Problem, error: Option<Error>);
    /// An answer or an event came: how far the shard is behind the tip.
    fn fetched(&self, tenure: &Tenure, records: u32, bytes: u64, behind_ms: Option<u64>);
    /// Aggregates of an answer could not be opened: they are handed out as they came.
    fn refused(&self, tenure: &Tenure, refused: Refused);
    /// The shard is subscribed to, for the how manieth time.
    fn subscribed(&self, tenure: &Tenure, times: u32);
    /// A subscription is over.
    fn unsubscribed(&self, tenure: &Tenure, loss: Loss, error: Option<Error>);
    /// A shard that is to be read by fan-out is polled.
    fn fell_back(&self, tenure: &Tenure, reason: FallBack, error: Option<Error>);
}

/// Reads a shard until it ends, or its tenure does.
pub(crate) async fn read(
    reading: Reading,
    tenure: Arc<Tenure>,
    from: Position,
    listener: Arc<dyn Listener>,
) {
    let over = tenure.clone();
    let read = async {
        let children = reading.run(&tenure, from, listener.as_ref()).await;
        tenure.end(children.into_iter().map(|child| child.id).collect());
    };
    tokio::select! {
        biased;
        () = over.closed() => {}
        () = read => {}
    }
}

impl Reading {
    /// Reads to the end of the shard, by whichever consumer there is. Either way of reading may be
    /// broken off at any time: its reader says where the other goes on.
    async fn run(
        &self,
        tenure: &Tenure,
        from: Position,
        listener: &dyn Listener,
    ) -> Vec<ChildShard> {
        let mut consumer = self.consumer.clone();
        let mut subscriber = Subscriber::new(&tenure.shard, from);
        let mut by = None;
        loop {
            let arn = consumer.borrow_and_update().clone();
            if arn != by {
                subscriber.switch();
                if arn.is_none() {
                    listener.fell_back(tenure, FallBack::NoSlot, None);
                }
                by = arn;
            }
            let told = match &by {
                None => Told::FellBack { ms: u64::MAX },
                Some(arn) => tokio::select! {
                    biased;
                    () = changed(&mut consumer) => continue,
                    told = self.subscribe(&mut subscriber, arn, tenure, listener) => told,
                },
            };
            let ms = match told {
                Told::Ended(children) => return children,
                Told::FellBack { ms } => ms,
            };
            let mut reader =
                Reader::new(&tenure.shard, subscriber.position().clone(), self.pace.clone());
            tokio::select! {
                biased;
                () = changed(&mut consumer) => {}
                () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                children = self.poll(&mut reader, tenure, listener) => return children,
            }
            subscriber.resume(reader.position().clone());
        }
    }

    /// Waits until there is room for another page: back-pressure by the handlers.
    async fn room(&self, tenure: &Tenure) {
        loop {
            let room = tenure.room.notified();
            if tenure.has_room() {
                return;
            }
            room.await;
        }
    }

    /// Hands an answer's records to the tenure: the one way in, polled or pushed.
    fn deliver(
        &self,
        tenure: &Tenure,
        page: Page,
        mut hold: Hold,
        behind_ms: Option<u64>,
        listener: &dyn Listener,
    ) {
        let (records, bytes) = (count(&page), page.bytes());
        hold.settle(bytes);
        let refused = tenure.push(page.held(hold));
        listener.fetched(tenure, records, bytes, behind_ms);
        if let Some(refused) = refused {
            listener.refused(tenure, refused);
        }
    }
}

/// Resolves when there is another consumer to read by, or none any more.
async fn changed(consumer: &mut watch::Receiver<Option<Arc<str>>>) {
    if consumer.changed().await.is_err() {
        // The driver is gone, and ends this task with it.
        pending::<()>().await;
    }
}

fn count(page: &Page) -> u32 {
    u32::try_from(page.len()).unwrap_or(u32::MAX)
}

/// The last record of a page, as the stream has it.
fn last(page: &Page) -> Option<SequenceNumber> {
    let last = page.len().checked_sub(1).and_then(|last| page.get(last));
    last.map(|record| record.sequence_number().into())
}

#[cfg(test)]
mod tests;
