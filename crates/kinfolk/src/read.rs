//! The task that reads one shard: it carries out what the core's reader asks for.

use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::reader::{Action, Fetch, Fetched, Pace, Position, Problem, Reader};

use crate::aggregate::Deaggregate;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::error::Error;
use crate::record::Refused;
use crate::source::{Answer, Source};
use crate::tenure::Tenure;

/// What reading a shard needs.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) budget: Budget,
    pub(crate) pace: Pace,
    pub(crate) deaggregate: Deaggregate,
}

/// What a reader task tells its worker.
pub(crate) trait Listener: Send + Sync {
    /// The reader cannot solve this by itself; it goes on trying.
    fn problem(&self, tenure: &Tenure, problem: Problem, error: Option<Error>);
    /// An answer came: how far the shard is behind the tip.
    fn fetched(&self, tenure: &Tenure, records: u32, bytes: u64, behind_ms: Option<u64>);
    /// Aggregates of an answer could not be opened: they are handed out as they came.
    fn refused(&self, tenure: &Tenure, refused: Refused);
}

/// Reads a shard until it ends, or its tenure does.
pub(crate) async fn read(
    reading: Reading,
    tenure: Arc<Tenure>,
    from: Position,
    listener: Arc<dyn Listener>,
) {
    let over = tenure.clone();
    tokio::select! {
        biased;
        () = over.closed() => {}
        () = reading.run(&tenure, from, listener.as_ref()) => {}
    }
}

impl Reading {
    async fn run(&self, tenure: &Tenure, from: Position, listener: &dyn Listener) {
        let mut reader = Reader::new(&tenure.shard, from, self.pace.clone());
        reader.shrink(self.budget.total());
        let mut last_error = None;
        loop {
            match reader.next(&self.clock.now()) {
                Action::GetIterator(position) => {
                    let answer = self.source.iterator(&tenure.shard, &position).await;
                    let answer = answer.map_err(|failed| {
                        last_error = Some(failed.error);
                        failed.fault
                    });
                    reader.iterator(&self.clock.now(), answer);
                }
                Action::Fetch(fetch) => {
                    self.fetch(&mut reader, tenure, fetch, listener, &mut last_error).await;
                }
                Action::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Action::Report(problem) => listener.problem(tenure, problem, last_error.take()),
                Action::End { children } => {
                    return tenure.end(children.into_iter().map(|child| child.id).collect());
                }
            }
        }
    }

    async fn fetch(
        &self,
        reader: &mut Reader,
        tenure: &Tenure,
        fetch: Fetch,
        listener: &dyn Listener,
        last_error: &mut Option<Error>,
    ) {
        // Back-pressure: first the handler's, then the memory of the whole worker.
        loop {
            let room = tenure.room.notified();
            if tenure.has_room() {
                break;
            }
            room.await;
        }
        let mut hold = self.budget.reserve(fetch.reserve).await;
        reader.sent(&self.clock.now());
        match self.source.fetch(&tenure.shard, &fetch.iterator, fetch.limit).await {
            Ok(Answer { page, next, behind_ms, children }) => {
                let records = u32::try_from(page.len()).unwrap_or(u32::MAX);
                let bytes = page.bytes();
                let last = page.len().checked_sub(1).and_then(|last| page.get(last));
                let last = last.map(|record| record.sequence_number().into());
                hold.settle(bytes);
                let answer = Fetched { records, bytes, last, next, behind_ms, children };
                if reader.fetched(&self.clock.now(), Ok(answer)) {
                    let refused = tenure.push(page.held(hold));
                    listener.fetched(tenure, records, bytes, behind_ms);
                    if let Some(refused) = refused {
                        listener.refused(tenure, refused);
                    }
                }
            }
            Err(failed) => {
                *last_error = Some(failed.error);
                // Nothing came: whether it counts makes no difference.
                let _ = reader.fetched(&self.clock.now(), Err(failed.fault));
            }
        }
    }
}
