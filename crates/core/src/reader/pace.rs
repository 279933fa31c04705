//! How fast and how much a reader reads.

use super::exchange::Fetched;
use crate::backoff::Backoff;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// After [`Fault::Throttled`](super::Fault::Throttled): the limits of a shard are for a second.
pub(super) const THROTTLED: Backoff = Backoff { base_ms: 250, max_ms: 5_000, factor: 2 };
/// After [`Fault::Unavailable`](super::Fault::Unavailable).
pub(super) const UNAVAILABLE: Backoff = Backoff { base_ms: 200, max_ms: 10_000, factor: 2 };
/// After a [`Problem`](super::Problem): somebody else has to solve it.
pub(super) const PROBLEM: Backoff = Backoff { base_ms: 1_000, max_ms: 30_000, factor: 2 };

/// How fast a reader reads its shard. The defaults are what Kinesis allows: 5 reads and 2 MiB a
/// second for a shard, which all consumer groups of the stream share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// The most reads in any second, evenly spaced (5). 0 counts as 1.
    pub reads_per_second: u32,
    /// The most bytes a second (2 MiB): after a large answer the next read waits until its bytes
    /// are paid for, since Kinesis refuses it until then. 0 counts as 1.
    pub bytes_per_second: u64,
    /// Milliseconds from a read at the tip that found records to the next one (250).
    pub tip_min_ms: u64,
    /// Milliseconds between reads at the tip once nothing has come for a while (1000): an idle
    /// group leaves the shard's reads to the others.
    pub tip_max_ms: u64,
    /// The most records to ask for in one read (10000, as many as Kinesis gives).
    pub limit: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            reads_per_second: 5,
            bytes_per_second: 2 * MIB,
            tip_min_ms: 250,
            tip_max_ms: 1_000,
            limit: 10_000,
        }
    }
}

impl Pace {
    /// Milliseconds from one read to the next, whatever comes: 205 at 5 reads a second. The 2.5 %
    /// on top keep a read that travels faster than the one before from being one too many.
    pub(super) fn spacing_ms(&self) -> u64 {
        1_025u64.div_ceil(u64::from(self.reads_per_second.max(1)))
    }

    /// Milliseconds for which an answer of so many bytes takes all of the shard's throughput.
    pub(super) fn paid_after_ms(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(1_000).div_ceil(self.bytes_per_second.max(1))
    }

    /// Milliseconds between reads at the tip after one more that found nothing.
    pub(super) fn longer_ms(&self, tip_ms: u64) -> u64 {
        tip_ms.saturating_add(tip_ms / 2).min(self.tip_max_ms)
    }
}

/// What answers, or events, have been like, for guessing the next one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sizes {
    /// Bytes of the last answers, the latest first.
    recent: [u64; 4],
    /// Whether the first of them is only a guess.
    guessed: bool,
    /// Bytes of a record in the last answer that held any.
    record: u64,
    /// The most bytes that an answer should hold.
    most: u64,
    /// The least to reserve.
    least: u64,
}

impl Sizes {
    /// Before the first answer: the 10 MiB that it may hold, and 64 KiB for a record, which is
    /// more than most are, so that many first reads at once do not overdraw the budget.
    pub(super) fn new() -> Self {
        Self {
            recent: [10 * MIB, 0, 0, 0],
            guessed: true,
            record: 64 * KIB,
            most: u64::MAX,
            least: 64 * KIB,
        }
    }

    /// Of events that are pushed. Their bytes are reserved for as long as it takes until one comes,
    /// which is seconds where nothing is written, so that a worker of many idle shards must not
    /// reserve much for each. Most events are small; one of 2 MiB overdraws the budget.
    pub(super) fn of_events() -> Self {
        Self { recent: [512 * KIB, 0, 0, 0], least: 4 * KIB, ..Self::new() }
    }

    pub(super) fn learn(&mut self, fetched: &Fetched) {
        let [first, second, third, _] = if self.guessed { [0; 4] } else { self.recent };
        self.guessed = false;
        self.recent = [fetched.bytes, first, second, third];
        if fetched.records > 0 {
            self.record = fetched.bytes.div_ceil(u64::from(fetched.records)).max(1);
        }
    }

    pub(super) fn shrink(&mut self, max_bytes: u64) {
        self.most = max_bytes;
    }

    /// Bytes to reserve: the largest of the last answers, between the least and the 10 MiB that
    /// Kinesis gives at most.
    pub(super) fn reserve(&self) -> u64 {
        let largest = self.recent.iter().copied().max().unwrap_or(0);
        largest.clamp(self.least, 10 * MIB).min(self.most)
    }

    /// Records to ask for so that they fit, at least 1.
    pub(super) fn limit(&self, most: u32) -> u32 {
        u32::try_from(self.most / self.record).unwrap_or(u32::MAX).clamp(1, most.max(1))
    }
}
