//! Putting many records into one.

use std::collections::HashMap;

use md5::{Digest, Md5};

use super::{DATA, HASH_KEY_INDEX, PARTITION_KEY_INDEX};
use super::{DIGEST, HASH_KEY, MAGIC, PARTITION_KEY, RECORD};
use crate::producer::NewRecord;

/// Puts many records into one, as the Kinesis Producer Library does.
///
/// All records of an aggregate go to the shard of the first one. Aggregate only what belongs
/// there: records of one partition key, or keys of one shard. KCL consumers throw an aggregate
/// away that holds a record whose key belongs elsewhere; those of this crate hand it out.
///
/// ```
/// use kinfolk::aggregate::Aggregator;
/// use kinfolk::producer::NewRecord;
///
/// let mut aggregator = Aggregator::new(50 * 1024);
/// let mut full = Vec::new();
/// for number in 0..10_000 {
///     let record = NewRecord::new(number.to_string()).partition_key("customer-7");
///     if let Err(record) = aggregator.add(record) {
///         full.extend(aggregator.finish());
///         // One that does not fit an empty aggregate goes by itself.
///         full.extend(aggregator.add(record).err());
///     }
/// }
/// full.extend(aggregator.finish());
/// assert_eq!(full.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Aggregator {
    limit: usize,
    partition_keys: Table,
    hash_keys: Table,
    records: Vec<u8>,
    count: usize,
    /// Where the aggregate goes: the first record's keys.
    goes_to: Option<(String, Option<u128>)>,
}

/// The keys of an aggregate, each once.
#[derive(Clone, Debug)]
struct Table {
    field: u64,
    places: HashMap<String, usize>,
    encoded: Vec<u8>,
}

impl Aggregator {
    /// An aggregator whose aggregates have at most so many bytes, as Kinesis counts them: content
    /// and partition key. Kinesis takes 1 MiB for a record unless the stream is set otherwise; the
    /// Kinesis Producer Library stops at 51,200 bytes unless told otherwise.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            partition_keys: Table::new(PARTITION_KEY),
            hash_keys: Table::new(HASH_KEY),
            records: Vec::new(),
            count: 0,
            goes_to: None,
        }
    }

    /// Adds a record. One without a partition key gets the one that it would have had by itself.
    ///
    /// # Errors
    /// Gives the record back if it does not fit: [`finish`](Self::finish), and add it again; if it
    /// does not fit an empty aggregate either, put it by itself.
    pub fn add(&mut self, record: NewRecord) -> Result<(), NewRecord> {
        let key = record.key();
        let hash_key = record.explicit_hash_key.map(|key| key.to_string());
        let mut head = Vec::with_capacity(32);
        number_field(&mut head, PARTITION_KEY_INDEX, self.partition_keys.place(&key));
        if let Some(hash_key) = &hash_key {
            number_field(&mut head, HASH_KEY_INDEX, self.hash_keys.place(hash_key));
        }
        length_field(&mut head, DATA, record.data.len());
        let mut outer = Vec::with_capacity(16);
        length_field(&mut outer, RECORD, head.len() + record.data.len());
        let first = if self.goes_to.is_none() { key.len() } else { 0 };
        let new = first
            + self.partition_keys.cost(&key)
            + hash_key.as_ref().map_or(0, |key| self.hash_keys.cost(key))
            + outer.len()
            + head.len()
            + record.data.len();
        if self.bytes() + new > self.limit {
            drop(key);
            return Err(record);
        }
        self.partition_keys.add(&key);
        hash_key.iter().for_each(|key| self.hash_keys.add(key));
        self.records.extend_from_slice(&outer);
        self.records.extend_from_slice(&head);
        self.records.extend_from_slice(&record.data);
        self.count += 1;
        self.goes_to.get_or_insert_with(|| (key.into_owned(), record.explicit_hash_key));
        Ok(())
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes the aggregate has, as Kinesis counts them.
    pub fn bytes(&self) -> usize {
        let key = self.goes_to.as_ref().map_or(0, |(key, _)| key.len());
        let tables = self.partition_keys.encoded.len() + self.hash_keys.encoded.len();
        MAGIC.len() + tables + self.records.len() + DIGEST + key
    }

    /// The aggregate, to be put as any other record; `None` if nothing was added. The next one
    /// begins.
    pub fn finish(&mut self) -> Option<NewRecord> {
        let Self { partition_keys, hash_keys, records, goes_to, .. } =
            std::mem::replace(self, Self::new(self.limit));
        let (key, explicit_hash_key) = goes_to?;
        let mut data = MAGIC.to_vec();
        data.extend(partition_keys.encoded);
        data.extend(hash_keys.encoded);
        data.extend(records);
        let digest = Md5::digest(data.get(MAGIC.len()..).unwrap_or_default());
        data.extend_from_slice(&digest);
        Some(NewRecord { explicit_hash_key, ..NewRecord::new(data).partition_key(key) })
    }
}

impl Table {
    fn new(field: u64) -> Self {
        Self { field, places: HashMap::new(), encoded: Vec::new() }
    }

    /// Where a key is, or would be.
    fn place(&self, key: &str) -> usize {
        self.places.get(key).copied().unwrap_or(self.places.len())
    }

    /// By how many bytes the table grows with it.
    fn cost(&self, key: &str) -> usize {
        if self.places.contains_key(key) {
            return 0;
        }
        let mut length = Vec::with_capacity(16);
        length_field(&mut length, self.field, key.len());
        length.len() + key.len()
    }

    fn add(&mut self, key: &str) {
        if !self.places.contains_key(key) {
            self.places.insert(key.to_owned(), self.places.len());
            length_field(&mut self.encoded, self.field, key.len());
            self.encoded.extend_from_slice(key.as_bytes());
        }
    }
}

fn number_field(out: &mut Vec<u8>, field: u64, value: usize) {
    number(out, field << 3);
    number(out, value as u64);
}

/// The head of a field that holds so many bytes.
fn length_field(out: &mut Vec<u8>, field: u64, len: usize) {
    number(out, field << 3 | 2);
    number(out, len as u64);
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        // Seven bits are a byte.
        #[allow(clippy::cast_possible_truncation)]
        out.push(value as u8 & 0x7F | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)]
    out.push(value as u8);
}
