//! What goes into the next call, and what is tried again when: no I/O, no clock.
//!
//! PutRecords carries on after a record that failed, so that a later record of the same key can
//! be stored before the earlier one is tried again. Therefore **one record of a key is under way
//! at a time**: its followers wait until it is settled. Keys are independent of each other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use kinfolk_core::backoff::Backoff;

/// Retries fall onto multiples of this, so that records that wait apart still share a call.
const GRID_MS: u64 = 50;

/// What bounds calls and attempts. All times in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// The most records in a call.
    pub(super) records: usize,
    /// The most bytes in a call, keys included.
    pub(super) bytes: usize,
    /// How long the first record of a call waits for company.
    pub(super) linger_ms: u64,
    /// How long after its first attempt a record is given up, and how long calls may fail before
    /// everything is.
    pub(super) give_up_ms: u64,
    /// Between the attempts of a record that was refused while others went through.
    pub(super) record_backoff: Backoff,
    /// Before the next call of any kind after calls that failed as a whole.
    pub(super) call_backoff: Backoff,
}

/// A record on its way, with whatever the caller attached to it.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) item: T,
    key: Arc<str>,
    bytes: usize,
    number: u64,
    queued_at: u64,
    first_sent: Option<u64>,
    attempts: u32,
    alone: bool,
}

impl<T> Entry<T> {
    /// The partition key.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether this attempt is not the first.
    pub(super) fn is_retry(&self) -> bool {
        self.attempts > 1
    }
}

/// All records that are not settled yet.
#[derive(Debug)]
pub(super) struct Queue<T> {
    limits: Limits,
    seed: u64,
    next_number: u64,
    /// A key is here while one record of it is in `ready`, in `later` or under way; the value is
    /// what waits behind that record.
    followers: HashMap<Arc<str>, VecDeque<Entry<T>>>,
    /// What may go now, oldest first.
    ready: BTreeMap<u64, Entry<T>>,
    /// What waits for its next attempt, by time.
    later: BTreeMap<(u64, u64), Entry<T>>,
    /// Calls that failed as a whole since the last that did not.
    failures: u32,
    /// When the first of them failed.
    failing_since: Option<u64>,
    paused_until: u64,
}

impl<T> Queue<T> {
    /// An empty queue; `seed` keeps the pauses of different producers apart.
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            seed,
            next_number: 0,
            followers: HashMap::new(),
            ready: BTreeMap::new(),
            later: BTreeMap::new(),
            failures: 0,
            failing_since: None,
            paused_until: 0,
        }
    }

    /// Whether every record is settled.
    pub(super) fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    /// Adds a record behind the others of its key. `bytes` is its size in a call.
    pub(super) fn push(&mut self, key: Arc<str>, bytes: usize, item: T, now: u64) {
        let number = self.next_number;
        self.next_number += 1;
        let entry = Entry {
            item,
            key,
            bytes,
            number,
            queued_at: now,
            first_sent: None,
            attempts: 0,
            alone: false,
        };
        if let Some(followers) = self.followers.get_mut(&entry.key) {
            followers.push_back(entry);
        } else {
            self.followers.insert(entry.key.clone(), VecDeque::new());
            self.ready.insert(number, entry);
        }
    }

    /// The records of the next call, none of the same key; empty if none is to go now.
    ///
    /// Each of them must come back through [`settle`](Self::settle), [`retry`](Self::retry),
    /// [`retry_alone`](Self::retry_alone) or [`call_failed`](Self::call_failed).
    pub(super) fn take(&mut self, now: u64) -> Vec<Entry<T>> {
        self.wake(now);
        let mut call = Vec::new();
        if self.opens_at().is_none_or(|at| at > now) {
            return call;
        }
        let mut bytes = 0;
        while let Some(next) = self.ready.first_entry() {
            bytes += next.get().bytes;
            let fits =
                call.len() < self.limits.records && bytes <= self.limits.bytes && !next.get().alone;
            if !call.is_empty() && !fits {
                break;
            }
            let mut entry = next.remove();
            entry.first_sent.get_or_insert(now);
            entry.attempts += 1;
            let last = entry.alone;
            call.push(entry);
            if last {
                break;
            }
        }
        call
    }

    /// Milliseconds until [`take`](Self::take) may have something, unless more is pushed or
    /// settled before.
    pub(super) fn due_in(&self, now: u64) -> Option<u64> {
        self.opens_at().map(|at| at.saturating_sub(now))
    }

    /// This record is stored, or failed for good: the next of its key may go.
    pub(super) fn settle(&mut self, entry: Entry<T>) -> T {
        match self.followers.get_mut(&entry.key).map(VecDeque::pop_front) {
            Some(Some(next)) => {
                self.ready.insert(next.number, next);
            }
            _ => {
                self.followers.remove(&entry.key);
            }
        }
        entry.item
    }

    /// This record was refused while its call went through. Gives it back, settled, if its time
    /// is over.
    pub(super) fn retry(&mut self, entry: Entry<T>, now: u64) -> Option<T> {
        if self.is_over(&entry, now) {
            return Some(self.settle(entry));
        }
        let attempt = entry.attempts.saturating_sub(1);
        let delay = self.limits.record_backoff.delay(attempt, self.seed ^ entry.number);
        let at = now.saturating_add(delay).div_ceil(GRID_MS).saturating_mul(GRID_MS);
        self.later.insert((at, entry.number), entry);
        None
    }

    /// A call was refused for one of its records without saying which: each goes alone.
    pub(super) fn retry_alone(&mut self, mut entry: Entry<T>) {
        entry.alone = true;
        self.ready.insert(entry.number, entry);
    }

    /// A call failed as a whole: nothing goes for a while. Gives back, settled, the records whose
    /// time is over; all that wait, too, once calls have failed for that long.
    pub(super) fn call_failed(&mut self, call: Vec<Entry<T>>, now: u64) -> Vec<T> {
        // Calls that were under way together fail together: that counts once.
        if now >= self.paused_until {
            let delay = self.limits.call_backoff.delay(self.failures, self.seed);
            self.paused_until = now.saturating_add(delay);
            self.failures = self.failures.saturating_add(1);
        }
        let since = *self.failing_since.get_or_insert(now);
        let hopeless = now.saturating_sub(since) >= self.limits.give_up_ms;
        let mut over = Vec::new();
        for entry in call {
            if hopeless || self.is_over(&entry, now) {
                over.push(self.settle(entry));
            } else {
                self.ready.insert(entry.number, entry);
            }
        }
        if hopeless {
            // The records of one key would else be given up one after the other.
            over.extend(self.clear());
        }
        over
    }

    /// Whether the last call to be answered at all failed as a whole.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A call was answered. Returns whether calls had failed before it.
    pub(super) fn call_answered(&mut self) -> bool {
        self.paused_until = 0;
        self.failing_since = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// Takes out all that is not under way.
    fn clear(&mut self) -> Vec<T> {
        let ready = std::mem::take(&mut self.ready).into_values();
        let heads = ready.chain(std::mem::take(&mut self.later).into_values());
        let mut cleared = Vec::new();
        for entry in heads {
            let followers = self.followers.remove(&entry.key).unwrap_or_default();
            cleared.extend(std::iter::once(entry).chain(followers).map(|entry| entry.item));
        }
        // What is left follows a record that is under way.
        for followers in self.followers.values_mut() {
            cleared.extend(followers.drain(..).map(|entry| entry.item));
        }
        cleared
    }

    fn is_over(&self, entry: &Entry<T>, now: u64) -> bool {
        entry.first_sent.is_some_and(|at| now.saturating_sub(at) >= self.limits.give_up_ms)
    }

    /// Moves what has waited long enough to `ready`.
    fn wake(&mut self, now: u64) {
        while let Some(first) = self.later.first_entry() {
            if first.key().0 > now {
                return;
            }
            let entry = first.remove();
            self.ready.insert(entry.number, entry);
        }
    }

    /// When the next call may go: at once if it is full, else when its oldest record has waited
    /// for company long enough.
    fn opens_at(&self) -> Option<u64> {
        let full = self.ready.len() >= self.limits.records;
        let ready = self.ready.first_key_value().map(|(_, oldest)| {
            if full { 0 } else { oldest.queued_at.saturating_add(self.limits.linger_ms) }
        });
        let later = self.later.first_key_value().map(|(&(at, _), _)| at);
        [ready, later].into_iter().flatten().min().map(|at| at.max(self.paused_until))
    }
}

#[cfg(test)]
mod tests;
