//! Until when this worker may believe in its leases (protocol rule P3).

use std::sync::{Arc, Mutex, PoisonError};

use kinfolk_core::time::Now;

use crate::clock::Clock;

/// Closes by itself when no beat was acknowledged in time, whatever the rest of the worker does:
/// it is asked before each record is handed out, so that a process that was stopped for a minute
/// hands out nothing when it goes on.
#[derive(Debug)]
pub(crate) struct Fence {
    clock: Arc<dyn Clock>,
    /// How long an acknowledged beat lasts, in milliseconds.
    lasts_ms: u64,
    since: Mutex<Option<Now>>,
}

impl Fence {
    pub(crate) fn new(clock: Arc<dyn Clock>, lasts_ms: u64) -> Self {
        Self { clock, lasts_ms, since: Mutex::new(None) }
    }

    /// A beat that was first sent at that moment was acknowledged.
    pub(crate) fn believe(&self, since: Now) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(since);
    }

    /// The time, if the leases hold at it.
    pub(crate) fn open(&self) -> Option<Now> {
        let since = (*self.since.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = self.clock.now();
        (now.at_most_since(&since) < self.lasts_ms).then_some(now)
    }
}
