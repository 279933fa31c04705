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
    belief: Mutex<Option<Belief>>,
}

#[derive(Clone, Copy, Debug)]
struct Belief {
    since: Now,
    lasts_ms: u64,
}

impl Fence {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, belief: Mutex::new(None) }
    }

    /// A beat that was first sent at that moment was acknowledged, and lasts for so many
    /// milliseconds.
    pub(crate) fn believe(&self, since: Now, lasts_ms: u64) {
        let belief = Some(Belief { since, lasts_ms });
        *self.belief.lock().unwrap_or_else(PoisonError::into_inner) = belief;
    }

    /// The time, if the leases hold at it.
    pub(crate) fn open(&self) -> Option<Now> {
        let belief = (*self.belief.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = self.clock.now();
        (now.at_most_since(&belief.since) < belief.lasts_ms).then_some(now)
    }
}
