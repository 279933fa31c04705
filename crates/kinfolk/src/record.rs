//! Records as views into the answer that brought them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use kinfolk_core::sequence::{Checkpoint, SequenceNumber};
use kinfolk_core::time::WallTime;

use crate::budget::Hold;

/// The records of one answer, in order. Cheap to clone; the memory is freed, and returned to the
/// worker's byte budget, with the last clone.
#[derive(Clone)]
pub struct Page(Arc<Inner>);

struct Inner {
    records: Vec<Raw>,
    bytes: u64,
    hold: Option<Hold>,
}

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

impl Page {
    /// A page of records, in the order of their sequence numbers.
    pub fn new(records: Vec<Raw>) -> Self {
        let size = |raw: &Raw| raw.data.len() + raw.partition_key.as_ref().map_or(0, String::len);
        let bytes = records.iter().map(size).sum::<usize>() as u64;
        Self(Arc::new(Inner { records, bytes, hold: None }))
    }

    /// The same page, which returns its bytes to the budget when it goes.
    pub(crate) fn held(self, hold: Hold) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { hold: Some(hold), ..inner })),
            // Somebody keeps a clone of a page that was not handed out yet: a source of the
            // caller's own. The budget then counts it for as long as this clone lives at least.
            Err(shared) => Self(Arc::new(Inner {
                records: shared.records.clone(),
                bytes: shared.bytes,
                hold: Some(hold),
            })),
        }
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.0.records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.records.is_empty()
    }

    /// The size of its records as Kinesis counts it: data and partition keys, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The record at an index, counted from 0.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.0.records.get(index).map(|raw| Record { raw })
    }

    /// All its records, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.0.records.iter().map(|raw| Record { raw })
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { records, bytes, hold } = &*self.0;
        f.debug_struct("Page")
            .field("records", &records.len())
            .field("bytes", bytes)
            .field("held", &hold.is_some())
            .finish()
    }
}

/// A record, borrowed from its page. `Debug` shows no payload.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    raw: &'a Raw,
}

impl<'a> Record<'a> {
    /// Its content.
    pub fn data(&self) -> &'a [u8] {
        &self.raw.data
    }

    /// Its partition key. Absent on streams that distribute records by themselves.
    pub fn partition_key(&self) -> Option<&'a str> {
        self.raw.partition_key.as_deref()
    }

    /// Its sequence number. Compare with [`SequenceNumber::compare`]: shorter is smaller.
    pub fn sequence_number(&self) -> &'a str {
        self.raw.sequence.as_str()
    }

    /// Its place within an aggregated record, counted from 0; 0 for a plain record.
    pub fn sub_sequence_number(&self) -> u64 {
        0
    }

    /// When it arrived at Kinesis, to about a millisecond; not exact, and not in order.
    pub fn arrival(&self) -> Option<WallTime> {
        self.raw.arrival
    }

    /// The checkpoint that says: everything up to and including this record is done.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { sequence: Some(self.raw.sequence.clone()), part: None }
    }

    /// A copy that outlives the page. A record that is kept would otherwise keep the memory of
    /// the whole answer.
    pub fn detach(&self) -> OwnedRecord {
        OwnedRecord(Raw { data: Bytes::copy_from_slice(&self.raw.data), ..self.raw.clone() })
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("sequence_number", &self.raw.sequence)
            .field("bytes", &self.raw.data.len())
            .finish_non_exhaustive()
    }
}

/// A record that owns its memory.
#[derive(Clone)]
pub struct OwnedRecord(Raw);

impl OwnedRecord {
    /// The record as a view.
    pub fn as_record(&self) -> Record<'_> {
        Record { raw: &self.0 }
    }

    /// Its content.
    pub fn into_data(self) -> Bytes {
        self.0.data
    }
}

impl fmt::Debug for OwnedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_record().fmt(f)
    }
}
