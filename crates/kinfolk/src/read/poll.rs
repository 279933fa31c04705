//! Reading by polling: GetShardIterator and GetRecords.

use std::time::Duration;

use kinfolk_core::reader::{Action, ChildShard, Fetch, Fetched, Reader};

use super::{Listener, Reading, count, last};
use crate::error::Error;
use crate::source::Answer;
use crate::tenure::Tenure;

impl Reading {
    /// Polls to the end of the shard; its children. May be dropped at any time.
    pub(super) async fn poll(
        &self,
        reader: &mut Reader,
        tenure: &Tenure,
        listener: &dyn Listener,
    ) -> Vec<ChildShard> {
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
                    self.fetch(reader, tenure, fetch, listener, &mut last_error).await;
                }
                Action::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Action::Report(problem) => listener.problem(tenure, problem, last_error.take()),
                Action::End { children } => return children,
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
        // First the handlers, then the memory of the whole worker.
        self.room(tenure).await;
        let hold = self.budget.reserve(fetch.reserve).await;
        reader.sent(&self.clock.now());
        match self.source.fetch(&tenure.shard, &fetch.iterator, fetch.limit).await {
            Ok(Answer { page, next, behind_ms, children }) => {
                let (records, bytes, last) = (count(&page), page.bytes(), last(&page));
                let answer = Fetched { records, bytes, last, next, behind_ms, children };
                if reader.fetched(&self.clock.now(), Ok(answer)) {
                    self.deliver(tenure, page, hold, behind_ms, listener);
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
