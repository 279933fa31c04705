//! Records as views into the answer that brought them.

mod opener;
mod page;

use std::fmt;

use bytes::Bytes;
use kinfolk_core::sequence::{Checkpoint, Part, SequenceNumber};
use kinfolk_core::time::WallTime;

use crate::aggregate::{self, UserRecord};

pub(crate) use opener::{Opener, Refused};
pub use page::Page;

/// A record as a [`Source`](crate::source::Source) hands it in.
#[derive(Clone)]
pub struct Raw {
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// Absent on streams that distribute records by themselves.
    pub partition_key: Option<String>,
    /// Its content.
    pub data: Bytes,
    /// When it arrived, roughly.
    pub arrival: Option<WallTime>,
}

/// A record, borrowed from its page: one of the stream, or one inside an aggregate
/// ([`aggregate`]). `Debug` shows no payload.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    raw: &'a Raw,
    inside: Option<Inside>,
    /// The last whole record before it.
    before: Option<&'a SequenceNumber>,
}

/// A record inside an aggregate.
#[derive(Clone, Copy)]
struct Inside {
    record: UserRecord,
    sub: u64,
    is_last: bool,
}

impl<'a> Record<'a> {
    fn plain(raw: &'a Raw) -> Self {
        Self { raw, inside: None, before: None }
    }

    /// Its content.
    pub fn data(&self) -> &'a [u8] {
        match self.inside {
            Some(Inside { record, .. }) => record.data.of(&self.raw.data),
            None => &self.raw.data,
        }
    }

    /// Its partition key. Absent on streams that distribute records by themselves.
    pub fn partition_key(&self) -> Option<&'a str> {
        match self.inside {
            Some(Inside { record, .. }) => aggregate::text(&self.raw.data, record.partition_key),
            None => self.raw.partition_key.as_deref(),
        }
    }

    /// The hash key that was to decide its shard in the partition key's place. Kinesis keeps none:
    /// only a record inside an aggregate may have one.
    pub fn explicit_hash_key(&self) -> Option<u128> {
        let key = self.inside?.record.explicit_hash_key?;
        aggregate::hash_key(&self.raw.data, key)
    }

    /// Its sequence number; that of the aggregate if it is inside one. Compare with
    /// [`SequenceNumber::compare`]: shorter is smaller.
    pub fn sequence_number(&self) -> &'a str {
        self.raw.sequence.as_str()
    }

    /// Its place within its aggregate, counted from 0; 0 for a plain record.
    pub fn sub_sequence_number(&self) -> u64 {
        self.inside.map_or(0, |inside| inside.sub)
    }

    /// Whether it is one of the records inside an aggregate.
    pub fn is_aggregated(&self) -> bool {
        self.inside.is_some()
    }

    /// When it arrived at Kinesis, to about a millisecond; not exact, and not in order. Records
    /// of an aggregate arrived with it.
    pub fn arrival(&self) -> Option<WallTime> {
        self.raw.arrival
    }

    /// The checkpoint that says: everything up to and including this record is done.
    pub fn checkpoint(&self) -> Checkpoint {
        let sequence = self.raw.sequence.clone();
        match self.inside {
            Some(Inside { sub, is_last: false, .. }) => {
                Checkpoint::new(self.before.cloned(), Some(Part { sequence, sub }))
            }
            _ => Checkpoint { sequence: Some(sequence), part: None },
        }
    }

    /// A copy that outlives the page. A record that is kept would otherwise keep the memory of
    /// the whole answer.
    pub fn detach(&self) -> OwnedRecord {
        let (data, inside) = match self.inside {
            Some(inside) => {
                let (data, record) = inside.record.excerpt(&self.raw.data);
                (data, Some(Inside { record, ..inside }))
            }
            None => (self.raw.data.to_vec(), None),
        };
        let raw = Raw { data: data.into(), ..self.raw.clone() };
        OwnedRecord { raw, inside, before: self.before.cloned() }
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Record");
        debug.field("sequence_number", &self.raw.sequence);
        if let Some(inside) = self.inside {
            debug.field("sub_sequence_number", &inside.sub);
        }
        debug.field("bytes", &self.data().len()).finish_non_exhaustive()
    }
}

/// A record that owns its memory.
#[derive(Clone)]
pub struct OwnedRecord {
    raw: Raw,
    inside: Option<Inside>,
    before: Option<SequenceNumber>,
}

impl OwnedRecord {
    /// The record as a view.
    pub fn as_record(&self) -> Record<'_> {
        Record { raw: &self.raw, inside: self.inside, before: self.before.as_ref() }
    }

    /// Its content.
    pub fn into_data(self) -> Bytes {
        match self.inside {
            Some(Inside { record, .. }) => self.raw.data.slice_ref(record.data.of(&self.raw.data)),
            None => self.raw.data,
        }
    }
}

impl fmt::Debug for OwnedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_record().fmt(f)
    }
}
