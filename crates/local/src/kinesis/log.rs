//! The records of a shard, in the order of their sequence numbers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{position::Position, wire::Millis};

/// A record, once it is put.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) sequence_number: String,
    pub(super) partition_key: String,
    pub(super) arrival: Millis,
    pub(super) data: Vec<u8>,
}

impl Kept {
    /// Data and partition key together: what the limits of AWS count.
    pub(super) fn size(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// How much may be read at once. A single record is always allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// What was read at once.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) records: Vec<Arc<Kept>>,
    /// Data and keys together.
    pub(super) bytes: usize,
    /// When the first record that did not fit arrived; `None` at the tip.
    pub(super) unread: Option<Millis>,
}

/// The records of a shard.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<VecDeque<Arc<Kept>>>);

impl Log {
    /// Adds a record behind all others, and drops those past their time.
    pub(super) fn push(&self, record: Arc<Kept>, oldest: Millis) {
        let mut records = self.lock();
        while records.front().is_some_and(|first| first.arrival < oldest) {
            records.pop_front();
        }
        records.push_back(record);
    }

    pub(super) fn read(&self, from: &Position, oldest: Millis, limits: Limits) -> Reading {
        let records = self.lock();
        let start =
            records.partition_point(|record| record.sequence_number.as_str() < from.as_str());
        let mut reading = Reading::default();
        for record in records.range(start..).filter(|record| record.arrival >= oldest) {
            let full = reading.records.len() >= limits.records
                || reading.bytes + record.size() > limits.bytes;
            if full && !reading.records.is_empty() {
                reading.unread = Some(record.arrival);
                break;
            }
            reading.bytes += record.size();
            reading.records.push(record.clone());
        }
        reading
    }

    /// The sequence number of the first record that arrived then or later.
    pub(super) fn first_since(&self, time: Millis) -> Option<String> {
        let records = self.lock();
        let first = records.iter().find(|record| record.arrival >= time);
        first.map(|record| record.sequence_number.clone())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
