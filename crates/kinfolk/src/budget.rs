//! The byte budget of a worker: what it holds of records at most, whatever their number.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A budget of bytes that all of a worker's reads share.
///
/// Bytes are reserved before a read, by an estimate, and settled when the answer is there. An
/// answer may be larger than its estimate: the budget is then overdrawn by the difference, and
/// nobody reads before it is positive again.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    total: i64,
    free: Mutex<i64>,
    returned: Notify,
    /// One reader at a time waits for bytes, in the order of asking: a large read would otherwise
    /// starve while small ones pass it.
    queue: tokio::sync::Mutex<()>,
}

/// Bytes that are in use. Returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    budget: Budget,
    bytes: i64,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let total = i64::try_from(bytes).unwrap_or(i64::MAX);
        Self(Arc::new(Inner {
            total,
            free: Mutex::new(total),
            returned: Notify::new(),
            queue: Default::default(),
        }))
    }

    /// Waits until so many bytes are free, or, for more than the whole budget, until all are.
    ///
    /// Cancel safe: nothing is reserved unless it returns.
    pub(crate) async fn reserve(&self, bytes: u64) -> Hold {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).min(self.0.total);
        let _turn = self.0.queue.lock().await;
        loop {
            let returned = self.0.returned.notified();
            {
                let mut free = self.free();
                if *free >= bytes {
                    *free -= bytes;
                    break;
                }
            }
            returned.await;
        }
        Hold { budget: self.clone(), bytes }
    }

    /// The whole budget, in bytes.
    pub(crate) fn total(&self) -> u64 {
        u64::try_from(self.0.total).unwrap_or(0)
    }

    fn free(&self) -> MutexGuard<'_, i64> {
        // Only additions happen under this lock: a panic elsewhere leaves it consistent.
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Makes the reservation what the answer really holds.
    pub(crate) fn settle(&mut self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        *self.budget.free() += self.bytes - bytes;
        self.bytes = bytes;
        self.budget.0.returned.notify_waiters();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.budget.free() += self.bytes;
        self.budget.0.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_read_waits_until_what_it_needs_is_free() {
        let budget = Budget::new(100);
        let mut first = budget.reserve(60).now_or_never().expect("free");
        assert!(budget.reserve(60).now_or_never().is_none());
        first.settle(30);
        let second = budget.reserve(60).now_or_never().expect("settled for less");
        drop(first);
        drop(second);
        assert!(budget.reserve(1_000).now_or_never().is_some(), "all of it is enough");
    }

    #[test]
    fn a_large_read_is_not_overtaken_by_small_ones() {
        let budget = Budget::new(100);
        let first = budget.reserve(50).now_or_never().expect("free");
        let mut large = Box::pin(budget.reserve(100));
        assert!(large.as_mut().now_or_never().is_none());
        assert!(budget.reserve(1).now_or_never().is_none(), "it waits for its turn");
        drop(first);
        assert!(large.now_or_never().is_some());
    }

    #[test]
    fn an_answer_larger_than_its_estimate_overdraws_and_stops_the_others() {
        let budget = Budget::new(100);
        let mut first = budget.reserve(10).now_or_never().expect("free");
        first.settle(150);
        assert!(budget.reserve(1).now_or_never().is_none());
        drop(first);
        assert!(budget.reserve(100).now_or_never().is_some());
    }
}
