//! The producer's calls: carries out what the queue decides.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use futures_util::stream::{FuturesUnordered, StreamExt};
use kinfolk_core::id::{ShardId, StreamRef};
use kinfolk_core::sequence::SequenceNumber;
use tokio::sync::mpsc;

use super::queue::{Entry, Limits, Queue};
use super::{Queued, Receipt, Shared, Stats};
use crate::aws::Failure;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::stream::named;

/// Makes the calls of a [`Producer`](super::Producer). Nothing is stored unless [`run`](Self::run)
/// is polled: join it with the code that sends, or give it a task of its own.
#[derive(Debug)]
#[must_use = "a producer stores nothing unless its driver runs"]
pub struct Driver {
    calls: Calls,
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Queued>,
    queue: Queue<Queued>,
    give_up_ms: u64,
    concurrent_calls: usize,
}

/// What a call needs.
#[derive(Clone, Debug)]
struct Calls {
    client: Client,
    stream: StreamRef,
    timeout: Duration,
}

type Call = Vec<Entry<Queued>>;
type Answer = std::result::Result<Vec<PutRecordsResultEntry>, Failure>;

impl Driver {
    pub(super) fn new(
        client: Client,
        shared: Arc<Shared>,
        inbox: mpsc::Receiver<Queued>,
        limits: Limits,
        (concurrent_calls, timeout): (usize, Duration),
    ) -> Self {
        let give_up_ms = limits.give_up_ms;
        let calls = Calls { client, stream: shared.stream.clone(), timeout };
        let queue = Queue::new(limits, random::jitter());
        Self { calls, shared, inbox, queue, give_up_ms, concurrent_calls }
    }

    /// Works until the last [`Producer`](super::Producer) is gone and all that was sent is stored
    /// or has failed for good. Dropped before, it leaves the rest unsent, and what was under way
    /// unknown; their futures then resolve to [`Closed`](ErrorKind::Closed).
    pub async fn run(mut self) -> Stats {
        let calls = self.calls.clone();
        let mut under_way = FuturesUnordered::new();
        let (mut arrived, mut open) = (Vec::new(), true);
        loop {
            let now = now_ms();
            while under_way.len() < self.concurrent_calls {
                let call = self.queue.take(now);
                if call.is_empty() {
                    break;
                }
                self.count_call(&call);
                under_way.push(calls.put(call));
            }
            if !open && self.queue.is_empty() {
                return self.shared.stats();
            }
            let room = under_way.len() < self.concurrent_calls;
            let due = self.queue.due_in(now).filter(|_| room);
            tokio::select! {
                biased;
                Some((call, answer)) = under_way.next() => self.judge(call, answer),
                count = self.inbox.recv_many(&mut arrived, 500), if open => {
                    open = count > 0;
                    arrived.drain(..).for_each(|queued| self.push(queued));
                }
                () = tokio::time::sleep(Duration::from_millis(due.unwrap_or(0))), if due.is_some() => {}
            }
        }
    }

    fn push(&mut self, queued: Queued) {
        let key = queued.record.partition_key.as_deref().unwrap_or_default().into();
        self.queue.push(key, queued.record.bytes(), queued, now_ms());
    }

    fn count_call(&self, call: &Call) {
        let again = call.iter().filter(|entry| entry.is_retry()).count() as u64;
        self.shared.count(|stats| {
            stats.calls += 1;
            stats.retried += again;
        });
    }

    fn judge(&mut self, call: Call, answer: Answer) {
        match answer {
            Ok(results) => self.answered(call, results),
            Err(failure) => self.failed(call, failure),
        }
    }

    /// The call went through; each record has a result of its own.
    fn answered(&mut self, call: Call, results: Vec<PutRecordsResultEntry>) {
        let now = now_ms();
        if self.queue.call_answered() {
            tracing::warn!(stream = %self.shared.stream, "calls are answered again");
        }
        let mut results = results.into_iter();
        for entry in call {
            match verdict(results.next()) {
                Ok(receipt) => {
                    let queued = self.queue.settle(entry);
                    self.shared.count(|stats| {
                        stats.put += 1;
                        stats.bytes += queued.record.data.len() as u64;
                    });
                    let _ = queued.answer.send(Ok(receipt));
                }
                Err(failure) if failure.kind == ErrorKind::Unavailable => {
                    self.shared.count(|stats| stats.throttled += u64::from(failure.throttled));
                    if let Some(queued) = self.queue.retry(entry, now) {
                        self.give_up(queued, &failure);
                    }
                }
                Err(failure) => {
                    let queued = self.queue.settle(entry);
                    self.fail(queued, || failure.clone().error(self.doing()));
                }
            }
        }
    }

    /// The call failed as a whole.
    fn failed(&mut self, call: Call, failure: Failure) {
        if failure.throttled {
            self.shared.count(|stats| stats.throttled += call.len() as u64);
        }
        // One record that this stream does not take fails its whole call; a missing stream fails
        // every call.
        let of_one = failure.kind == ErrorKind::Config
            && failure.code.is_some()
            && !failure.is("ResourceNotFoundException");
        if failure.kind == ErrorKind::Unavailable || failure.is_expired() {
            let error = failure.clone().error(self.doing());
            if self.queue.is_failing() {
                tracing::debug!(records = call.len(), "{}", error.report());
            } else {
                tracing::warn!("{}; trying again", error.report());
            }
            for queued in self.queue.call_failed(call, now_ms()) {
                self.give_up(queued, &failure);
            }
        } else if of_one && call.len() > 1 {
            call.into_iter().for_each(|entry| self.queue.retry_alone(entry));
        } else {
            for entry in call {
                let queued = self.queue.settle(entry);
                self.fail(queued, || failure.clone().error(self.doing()));
            }
        }
    }

    fn give_up(&self, queued: Queued, failure: &Failure) {
        let seconds = self.give_up_ms / 1000;
        let doing = format!("{} for {seconds} s", self.doing());
        self.fail(queued, || failure.clone().error(&doing));
    }

    fn fail(&self, queued: Queued, error: impl Fn() -> Error) {
        self.shared.count(|stats| stats.failed += 1);
        self.shared.keep_failure(&error);
        let _ = queued.answer.send(Err(error()));
    }

    fn doing(&self) -> String {
        format!("put a record into stream {}", self.shared.stream)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Who waits for room or for a flush would wait for ever.
        self.shared.budget.close();
    }
}

impl Calls {
    async fn put(&self, call: Call) -> (Call, Answer) {
        let mut records = Vec::with_capacity(call.len());
        for entry in &call {
            let record = &entry.item.record;
            let built = PutRecordsRequestEntry::builder()
                .data(Blob::from_maybe_shared(record.data.clone()))
                .partition_key(entry.key())
                .set_explicit_hash_key(record.explicit_hash_key.map(|key| key.to_string()))
                .build();
            match built {
                Ok(record) => records.push(record),
                Err(error) => return (call, Err(Failure::of_request(&error))),
            }
        }
        let settings = aws_sdk_kinesis::config::Config::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(self.timeout).build());
        let answer = self
            .client
            .put_records()
            .set_stream_name(named::name(&self.stream))
            .set_stream_arn(named::arn(&self.stream))
            .set_records(Some(records))
            .customize()
            .config_override(settings)
            .send()
            .await;
        (call, answer.map(|output| output.records).map_err(|error| Failure::of(&error)))
    }
}

/// Monotonic milliseconds.
fn now_ms() -> u64 {
    SystemClock.now().mono
}

/// What one record's result says; `None` if the answer had none for it.
fn verdict(result: Option<PutRecordsResultEntry>) -> std::result::Result<Receipt, Failure> {
    match result {
        Some(PutRecordsResultEntry {
            shard_id: Some(shard),
            sequence_number: Some(sequence),
            error_code: None,
            ..
        }) => Ok(Receipt { shard: ShardId::from(shard), sequence: SequenceNumber::new(sequence) }),
        Some(result) => Err(Failure::answered(
            Some(result.error_code().unwrap_or("InternalFailure")),
            result.error_message(),
            400,
        )),
        None => Err(Failure::answered(Some("InternalFailure"), Some("no result"), 500)),
    }
}
