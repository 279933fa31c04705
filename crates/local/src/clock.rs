//! The one file that reads the clock: the servers pretend to be somebody else's machine, with its
//! own time.
#![allow(clippy::disallowed_methods, reason = "the servers' time is real time, read only here")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock milliseconds since 1970, as Kinesis stamps records.
pub(crate) fn now_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Monotonic time, for limits and time-outs.
pub(crate) fn instant() -> Instant {
    Instant::now()
}
