//! Settings of a producer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use kinfolk_core::backoff::Backoff;
use kinfolk_core::id::StreamRef;
use tokio::sync::{Semaphore, mpsc};

use super::driver::Driver;
use super::queue::Limits;
use super::record::MAX_RECORD_BYTES;
use super::{Producer, Shared, Stats};

/// The most records of a PutRecords call (API reference, PutRecords).
const MAX_CALL_RECORDS: usize = 500;

/// The most bytes of a PutRecords call, partition keys included (API reference, PutRecords).
const MAX_CALL_BYTES: usize = 10 * 1024 * 1024;

/// Records that wait between a handle and the driver; their bytes count in the buffer.
const OUTBOX: usize = 1024;

/// Settings of a [`Producer`]; each has a default.
#[derive(Clone, Debug)]
#[must_use = "nothing is written before `build`"]
pub struct ProducerBuilder {
    stream: StreamRef,
    buffer_bytes: u32,
    concurrent_calls: usize,
    linger: Duration,
    call_timeout: Duration,
    give_up_after: Duration,
}

impl ProducerBuilder {
    pub(super) fn new(stream: StreamRef) -> Self {
        Self {
            stream,
            buffer_bytes: 64 * 1024 * 1024,
            concurrent_calls: 8,
            linger: Duration::from_millis(5),
            call_timeout: Duration::from_secs(30),
            give_up_after: Duration::from_secs(120),
        }
    }

    /// The bytes that may be queued and under way, 64 MiB by default and at least 11 MiB; each
    /// record counts for 256 bytes more than its own. Sending waits while it is full.
    pub fn buffer_bytes(mut self, bytes: u32) -> Self {
        // Room for the largest record.
        let least = u32::try_from(MAX_RECORD_BYTES).unwrap_or(u32::MAX) + 1024 * 1024;
        self.buffer_bytes = bytes.max(least);
        self
    }

    /// The calls that may be under way at once, 8 by default. They never hold the same key.
    pub fn concurrent_calls(mut self, calls: usize) -> Self {
        self.concurrent_calls = calls.max(1);
        self
    }

    /// How long a record waits for others to share its call, 5 ms by default. A full call does
    /// not wait, nor does a record that waited for its key.
    pub fn linger(mut self, time: Duration) -> Self {
        self.linger = time;
        self
    }

    /// How long an answer may take, 30 s by default; then the call is made again.
    pub fn call_timeout(mut self, time: Duration) -> Self {
        self.call_timeout = time;
        self
    }

    /// How long after its first attempt a record is given up, 120 s by default, while AWS
    /// throttles it. Once all calls have failed for so long (AWS fails, cannot be reached, or
    /// refuses expired credentials), everything that waits is given up, and each new record with
    /// its first attempt, until a call is answered again.
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = time;
        self
    }

    /// The producer, and the driver that makes its calls.
    ///
    /// Retries are counted and paced here: those of the client itself are not used.
    pub fn build(self, client: Client) -> (Producer, Driver) {
        let limits = Limits {
            records: MAX_CALL_RECORDS,
            bytes: MAX_CALL_BYTES,
            linger_ms: millis(self.linger),
            give_up_ms: millis(self.give_up_after),
            // A shard's allowance is renewed each second.
            record_backoff: Backoff { base_ms: 50, max_ms: 1_000, factor: 2 },
            call_backoff: Backoff { base_ms: 50, max_ms: 5_000, factor: 2 },
        };
        let shared = Arc::new(Shared {
            stream: self.stream,
            budget: Arc::new(Semaphore::new(self.buffer_bytes as usize)),
            budget_bytes: self.buffer_bytes,
            stats: Mutex::new(Stats::default()),
            failure: Mutex::new(None),
        });
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let calls = (self.concurrent_calls, self.call_timeout);
        let driver = Driver::new(client, shared.clone(), inbox, limits, calls);
        (Producer { shared, outbox }, driver)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
