//! What `put` says at its end.

use std::time::Duration;

use kinfolk::core::id::StreamRef;
use kinfolk::producer::Stats;
use serde::Serialize;

use crate::output::{count, size};

/// What was put, for people and for scripts.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    stream: String,
    put: u64,
    failed: u64,
    retried: u64,
    throttled: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
}

impl Summary {
    pub(super) fn new(stream: &StreamRef, stats: Stats, elapsed: Duration) -> Self {
        Self {
            stream: stream.to_string(),
            put: stats.put,
            failed: stats.failed,
            retried: stats.retried,
            throttled: stats.throttled,
            bytes: stats.bytes,
            seconds: elapsed.as_secs_f64(),
            records_per_second: rate(stats.put, elapsed).round(),
        }
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        let records = if self.put == 1 { "record" } else { "records" };
        let mut text = format!(
            "put {} {records} ({}) into {} in {:.1} s, {} a second",
            count(self.put),
            size(self.bytes),
            self.stream,
            self.seconds,
            count(self.records_per_second as u64),
        );
        for (number, what) in
            [(self.failed, "failed"), (self.retried, "retried"), (self.throttled, "throttled")]
        {
            if number > 0 {
                text += &format!("; {} {what}", count(number));
            }
        }
        text + "\n"
    }
}

/// Records a second; 0 where no time has passed.
pub(super) fn rate(records: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { records as f64 / seconds } else { 0.0 }
}
