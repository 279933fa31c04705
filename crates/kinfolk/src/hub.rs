//! The tenures of a worker: the driver puts them in, handlers take records out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kinfolk_core::id::ShardId;
use tokio::sync::Notify;

use crate::delivery::Batch;
use crate::error::Error;
use crate::fence::Fence;
use crate::tenure::{Signals, Tenure};

/// How long a handler that found nothing waits at most before it looks again: the fence opens
/// and closes with time alone.
const IDLE: Duration = Duration::from_millis(250);

/// Shared by the driver and the handlers.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) signals: Signals,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tenures: BTreeMap<ShardId, Arc<Tenure>>,
    /// Where the next search for records begins, so that a busy shard does not starve others.
    next: Option<ShardId>,
    /// Tenures that `shards()` has not shown yet. At most one for each shard that is held.
    unseen: VecDeque<Arc<Tenure>>,
    over: bool,
    failure: Option<Error>,
}

impl Hub {
    pub(crate) fn new(fence: Arc<Fence>) -> Self {
        let (ready, stirred) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        Self { signals: Signals { fence, ready, stirred }, state: Mutex::default() }
    }

    /// Adds a tenure, which nobody sees yet.
    pub(crate) fn insert(&self, tenure: &Arc<Tenure>) {
        self.state().tenures.insert(tenure.shard.clone(), tenure.clone());
    }

    /// A tenure has begun.
    pub(crate) fn show(&self, tenure: Arc<Tenure>) {
        tenure.resume();
        self.show_again(&tenure);
    }

    /// A tenure that somebody saw is nobody's again.
    pub(crate) fn show_again(&self, tenure: &Arc<Tenure>) {
        let mut state = self.state();
        state.unseen.retain(|unseen| !unseen.is_closed());
        if !tenure.is_closed() {
            state.unseen.push_back(tenure.clone());
        }
        drop(state);
        self.signals.ready.notify_waiters();
    }

    /// The tenure of a shard, if it is this one.
    pub(crate) fn get(&self, shard: &ShardId, epoch: u64) -> Option<Arc<Tenure>> {
        self.state().tenures.get(shard).filter(|tenure| tenure.epoch == epoch).cloned()
    }

    /// Ends a tenure.
    pub(crate) fn close(&self, shard: &ShardId, epoch: u64) {
        if let Some(tenure) = self.get(shard, epoch) {
            self.state().tenures.remove(shard);
            tenure.close();
        }
    }

    pub(crate) fn tenures(&self) -> Vec<Arc<Tenure>> {
        self.state().tenures.values().cloned().collect()
    }

    /// The error that ended the consumer, for the first who asks.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Nothing follows: whoever waits is told.
    pub(crate) fn finish(&self, failure: Option<Error>) {
        let tenures = {
            let mut state = self.state();
            if !std::mem::replace(&mut state.over, true) {
                state.failure = failure;
            }
            std::mem::take(&mut state.tenures)
        };
        tenures.values().for_each(|tenure| tenure.close());
        self.signals.ready.notify_waiters();
    }

    /// The next records of any shard, at most `most`; `None` when the consumer is over.
    ///
    /// Cancel safe: records are taken only by the call that returns them.
    pub(crate) async fn next_batch(&self, most: usize) -> Option<Batch> {
        self.wait_for(|| self.try_take(most)).await
    }

    /// The next tenure that nobody has seen yet; `None` when the consumer is over. Cancel safe.
    pub(crate) async fn next_tenure(&self) -> Option<Arc<Tenure>> {
        self.wait_for(|| {
            let mut state = self.state();
            while let Some(tenure) = state.unseen.pop_front() {
                if !tenure.is_closed() {
                    return Ok(tenure);
                }
            }
            Err(None)
        })
        .await
    }

    /// The next records of one tenure; `None` when it is over. Cancel safe.
    pub(crate) async fn next_of(&self, tenure: &Arc<Tenure>, most: usize) -> Option<Batch> {
        let batch = async {
            self.wait_for(|| tenure.take(most))
                .await
                .map(|handed| Batch::new(tenure.clone(), handed))
        };
        tokio::select! {
            biased;
            () = tenure.closed() => None,
            batch = batch => batch,
        }
    }

    async fn wait_for<T>(&self, attempt: impl Fn() -> Result<T, Option<u64>>) -> Option<T> {
        loop {
            let ready = self.signals.ready.notified();
            let pause = match attempt() {
                Ok(found) => return Some(found),
                Err(_) if self.state().over => return None,
                Err(pause) => pause.map_or(IDLE, |ms| Duration::from_millis(ms).min(IDLE)),
            };
            // A timeout is not a failure here: it is time to look again.
            let _ = tokio::time::timeout(pause, ready).await;
        }
    }

    fn try_take(&self, most: usize) -> Result<Batch, Option<u64>> {
        let mut state = self.state();
        let from = state.next.clone();
        let begins_at = |shard: &&ShardId| from.as_ref().is_none_or(|from| *shard >= from);
        let (later, earlier): (Vec<_>, Vec<_>) = state.tenures.keys().partition(begins_at);
        let mut pause: Option<u64> = None;
        for shard in later.into_iter().chain(earlier) {
            let Some(tenure) = state.tenures.get(shard) else { continue };
            match tenure.take(most) {
                Ok(handed) => {
                    // The same shard goes on with its page; after the page it is the next one's
                    // turn.
                    let done = handed.range.end == handed.page.len();
                    let tenure = tenure.clone();
                    let next = state.tenures.range(shard.clone()..).nth(usize::from(done));
                    state.next = next.map(|(shard, _)| shard.clone());
                    return Ok(Batch::new(tenure, handed));
                }
                Err(Some(ms)) => pause = Some(pause.map_or(ms, |least| least.min(ms))),
                Err(None) => {}
            }
        }
        Err(pause)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
