//! Aggregates of the Kinesis Producer Library (KPL): many records of a producer in one record of
//! the stream.
//!
//! An aggregate is the bytes `F3 89 9A C2`, a protobuf message, and the MD5 of that message:
//!
//! ```text
//! message AggregatedRecord {
//!   repeated string partition_key_table = 1;
//!   repeated string explicit_hash_key_table = 2;
//!   repeated Record records = 3;
//! }
//! message Record {
//!   required uint64 partition_key_index = 1;
//!   optional uint64 explicit_hash_key_index = 2;
//!   required bytes data = 3;
//!   repeated Tag tags = 4;
//! }
//! ```
//!
//! Consumers open aggregates by themselves ([`Deaggregate`]); an [`Aggregator`] makes them.

mod aggregator;
#[cfg(any(test, fuzzing))]
mod check;
mod protobuf;

use std::fmt;

use md5::{Digest, Md5};

pub use aggregator::Aggregator;
#[cfg(any(test, fuzzing))]
pub(crate) use check::{opens_within_its_bounds, wrapped};
use protobuf::{Fields, Value};

/// What an aggregate begins with.
const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
/// The bytes of the MD5 at its end.
const DIGEST: usize = 16;

/// What a consumer does with aggregates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deaggregate {
    /// A record that begins as an aggregate and whose MD5 is right is opened: its records are
    /// handed out and acknowledged one by one. One that is malformed is handed out as it came,
    /// and [`Event::Malformed`](crate::Event::Malformed) says so.
    #[default]
    Auto,
    /// Every record is handed out as it came.
    Off,
}

/// Why a record that begins as an aggregate is not one.
///
/// KCL takes the first two for plain records, as this crate does; it fails on the next two, and
/// passes over an empty aggregate in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// The MD5 at its end is wrong, or missing.
    Checksum,
    /// It is no protobuf message of this form, or a field that must be there is not.
    Encoding,
    /// A record names a key that the tables do not hold.
    Index,
    /// A partition key is not UTF-8, or an explicit hash key is not a decimal number of 128 bits.
    Key,
    /// It holds no record.
    Empty,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "its MD5 is wrong",
            Self::Encoding => "it does not decode",
            Self::Index => "a record names a key that is not there",
            Self::Key => "a key is not UTF-8, or a hash key not a number of 128 bits",
            Self::Empty => "it holds no record",
        })
    }
}

/// A piece of an input, which its owner knows. Kinesis' records are far below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn new(start: usize, len: usize) -> Option<Self> {
        Some(Self { start: start.try_into().ok()?, len: len.try_into().ok()? })
    }

    /// The piece. Empty if the input is not the one that the span was made for.
    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        let start = self.start as usize;
        input.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }

    pub(crate) fn len(self) -> usize {
        self.len as usize
    }

    /// Where it begins in the input.
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }
}

/// A record inside an aggregate: where its parts lie in the aggregate's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UserRecord {
    /// Is UTF-8.
    pub(crate) partition_key: Span,
    /// Is a decimal number of 128 bits.
    pub(crate) explicit_hash_key: Option<Span>,
    pub(crate) data: Span,
}

impl UserRecord {
    /// What it is, copied out of its aggregate: bytes, and where its parts lie in them.
    pub(crate) fn excerpt(&self, aggregate: &[u8]) -> (Vec<u8>, Self) {
        let parts = [Some(self.data), Some(self.partition_key), self.explicit_hash_key];
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        let mut bytes = Vec::with_capacity(len);
        let mut copy = |part: Span| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(part.of(aggregate));
            Span { start, ..part }
        };
        let record = Self {
            data: copy(self.data),
            partition_key: copy(self.partition_key),
            explicit_hash_key: self.explicit_hash_key.map(copy),
        };
        (bytes, record)
    }
}

/// The records inside an aggregate, in order; `None` for a plain record.
///
/// Nothing is copied. What is allocated is bounded by the input: 28 bytes for each record, which
/// takes 6 bytes at least, and 8 for each key, which takes 2.
pub(crate) fn open(data: &[u8]) -> Result<Option<Vec<UserRecord>>, Malformed> {
    let Some(rest) = data.strip_prefix(&MAGIC) else { return Ok(None) };
    let (message, digest) = rest.split_last_chunk::<DIGEST>().ok_or(Malformed::Checksum)?;
    if Md5::digest(message).as_slice() != digest {
        return Err(Malformed::Checksum);
    }
    let message = Span::new(MAGIC.len(), message.len()).ok_or(Malformed::Encoding)?;
    // A writer may put its tables behind the records: they are read first.
    let tables = Tables::read(data, message)?;
    let mut records = Vec::with_capacity(tables.records);
    for field in Fields::new(data, message) {
        if let (RECORD, Value::Bytes(record)) = field? {
            records.push(tables.record(data, record)?);
        }
    }
    if records.is_empty() { Err(Malformed::Empty) } else { Ok(Some(records)) }
}

// Fields of the messages. One of another type is one that is not known, as protobuf has it.
const PARTITION_KEY: u64 = 1;
const HASH_KEY: u64 = 2;
const RECORD: u64 = 3;
const PARTITION_KEY_INDEX: u64 = 1;
const HASH_KEY_INDEX: u64 = 2;
const DATA: u64 = 3;

/// The keys of an aggregate, and how many records it holds.
#[derive(Default)]
struct Tables {
    partition_keys: Vec<Span>,
    hash_keys: Vec<Span>,
    records: usize,
}

impl Tables {
    fn read(data: &[u8], message: Span) -> Result<Self, Malformed> {
        let mut tables = Self::default();
        for field in Fields::new(data, message) {
            match field? {
                (PARTITION_KEY, Value::Bytes(key)) => {
                    text(data, key).ok_or(Malformed::Key)?;
                    tables.partition_keys.push(key);
                }
                (HASH_KEY, Value::Bytes(key)) => {
                    hash_key(data, key).ok_or(Malformed::Key)?;
                    tables.hash_keys.push(key);
                }
                (RECORD, Value::Bytes(_)) => tables.records += 1,
                _ => {}
            }
        }
        Ok(tables)
    }

    fn record(&self, data: &[u8], record: Span) -> Result<UserRecord, Malformed> {
        let (mut partition_key, mut hash_key, mut content) = (None, None, None);
        for field in Fields::new(data, record) {
            match field? {
                (PARTITION_KEY_INDEX, Value::Number(index)) => partition_key = Some(index),
                (HASH_KEY_INDEX, Value::Number(index)) => hash_key = Some(index),
                (DATA, Value::Bytes(bytes)) => content = Some(bytes),
                _ => {}
            }
        }
        let (Some(key), Some(content)) = (partition_key, content) else {
            return Err(Malformed::Encoding);
        };
        Ok(UserRecord {
            partition_key: entry(&self.partition_keys, key)?,
            explicit_hash_key: hash_key.map(|key| entry(&self.hash_keys, key)).transpose()?,
            data: content,
        })
    }
}

fn entry(table: &[Span], index: u64) -> Result<Span, Malformed> {
    let entry = usize::try_from(index).ok().and_then(|index| table.get(index));
    entry.copied().ok_or(Malformed::Index)
}

/// A partition key.
pub(crate) fn text(data: &[u8], key: Span) -> Option<&str> {
    std::str::from_utf8(key.of(data)).ok()
}

/// An explicit hash key.
pub(crate) fn hash_key(data: &[u8], key: Span) -> Option<u128> {
    text(data, key)?.parse().ok()
}

#[cfg(test)]
mod tests;
