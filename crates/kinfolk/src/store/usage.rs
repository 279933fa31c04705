//! What the use of a store costs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Calls and capacity units of a store since it was made, and the size of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// How large the state was when it was last seen, in bytes; 0 where the store does not count.
    pub bytes: u64,
    /// Reads of the state.
    pub reads: u64,
    /// Writes of the state, refused ones included.
    pub writes: u64,
    /// Read units of DynamoDB: 4 KB of a consistent read each.
    pub read_units: f64,
    /// Write units of DynamoDB: 1 KB each, of the whole item.
    pub write_units: f64,
}

/// The running count. Units are kept in tenths: DynamoDB counts in halves.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
    read_tenths: AtomicU64,
    write_tenths: AtomicU64,
}

impl Meter {
    /// A state of so many bytes was seen.
    pub(crate) fn saw(&self, bytes: u64) {
        self.bytes.store(bytes, Relaxed);
    }

    pub(crate) fn read(&self, units: f64) {
        self.reads.fetch_add(1, Relaxed);
        self.read_tenths.fetch_add(tenths(units), Relaxed);
    }

    pub(crate) fn wrote(&self, units: f64) {
        self.writes.fetch_add(1, Relaxed);
        self.write_tenths.fetch_add(tenths(units), Relaxed);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            bytes: self.bytes.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            read_units: self.read_tenths.load(Relaxed) as f64 / 10.0,
            write_units: self.write_tenths.load(Relaxed) as f64 / 10.0,
        }
    }
}

fn tenths(units: f64) -> u64 {
    // Saturates: a figure that is not one counts as nothing.
    (units * 10.0).round() as u64
}
