//! A store that notes when it is written to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kinfolk::Result;
use kinfolk::core::change::{Change, Committed};
use kinfolk::core::coordinate::Timing;
use kinfolk::core::limits::Limits;
use kinfolk::core::snapshot::Snapshot;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::{BoxFuture, StateStore, Usage};

/// What a worker did with its store.
#[derive(Debug, Default)]
pub(super) struct Log {
    writes: Mutex<Vec<Instant>>,
    failed: AtomicU64,
}

impl Log {
    /// When writes were sent, from a moment on.
    pub(super) fn writes_since(&self, begin: Instant) -> Vec<Instant> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.iter().copied().filter(|at| *at >= begin).collect()
    }

    /// How many reads and writes failed or were refused.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    fn write(&self) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.push(Instant::now());
    }
}

/// A call under way. It counts as failed unless it is said to have gone well: the worker drops
/// one that takes too long.
struct Call<'a>(Option<&'a Log>);

impl Call<'_> {
    fn went_well(mut self) {
        self.0 = None;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(log) = self.0 {
            log.failed.fetch_add(1, Relaxed);
        }
    }
}

/// A worker's store with its log.
#[derive(Debug)]
pub(super) struct Logged {
    pub(super) store: LifionStore,
    pub(super) log: Arc<Log>,
}

impl StateStore for Logged {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        Box::pin(async {
            let call = Call(Some(&self.log));
            let looked = self.store.look().await?;
            call.went_well();
            Ok(looked)
        })
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async {
            self.log.write();
            let call = Call(Some(&self.log));
            let committed = self.store.commit(change).await?;
            if matches!(committed, Committed::Applied(_)) {
                call.went_well();
            }
            Ok(committed)
        })
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        self.store.export()
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }

    fn timing(&self) -> Timing {
        self.store.timing()
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}
