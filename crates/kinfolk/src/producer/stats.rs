//! Counts of a producer.

/// What a producer did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records that are stored.
    pub put: u64,
    /// Bytes of data of those records.
    pub bytes: u64,
    /// Records that were sent again, counted each time.
    pub retried: u64,
    /// Records that were throttled, counted each time, alone or with their whole call.
    pub throttled: u64,
    /// Records that failed for good.
    pub failed: u64,
    /// Calls of PutRecords.
    pub calls: u64,
}
