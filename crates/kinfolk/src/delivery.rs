//! Records in somebody's hands.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use kinfolk_core::id::{ShardId, WorkerId};

use crate::record::Record;
use crate::tenure::{Handed, Tenure};

/// Records of one shard, in order, in somebody's hands.
///
/// Acknowledge them with [`ack`](Self::ack), as a whole, or up to one of them with
/// [`ack_through`](Self::ack_through). Dropping a batch hands back what was not acknowledged: the
/// shard goes back to the first record that is not done and hands it out again, in order, after a
/// growing pause.
pub struct Batch {
    hands: Hands,
    handed: Handed,
}

/// One record in somebody's hands; like a [`Batch`] of one.
pub struct Delivery {
    batch: Batch,
}

/// Returns to the tenure what is held, whatever happens to the holder.
struct Hands {
    tenure: Arc<Tenure>,
    generation: u32,
    count: u64,
    acked: bool,
}

impl Batch {
    pub(crate) fn new(tenure: Arc<Tenure>, handed: Handed) -> Self {
        let generation = handed.generation;
        let count = handed.range.len() as u64;
        Self { hands: Hands { tenure, generation, count, acked: false }, handed }
    }

    /// How many records it holds; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.handed.range.len()
    }

    /// The record at an index, counted from 0.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let at = self.handed.range.start.checked_add(index)?;
        self.handed.range.contains(&at).then(|| self.handed.page.get(at)).flatten()
    }

    /// All its records, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.handed.page.iter().skip(self.handed.range.start).take(self.handed.range.len())
    }

    /// The shard that they come from.
    pub fn shard(&self) -> &ShardId {
        &self.hands.tenure.shard
    }

    /// The fencing token of this tenure of the shard: it grows with each. A sink that refuses a
    /// smaller one than it has seen for the shard is never written to by a former owner.
    pub fn epoch(&self) -> u64 {
        self.hands.tenure.epoch
    }

    /// The worker that holds the shard: this consumer's id at the time.
    pub fn worker(&self) -> &WorkerId {
        &self.hands.tenure.worker
    }

    /// All of it is done. The place is stored with the worker's next beat.
    ///
    /// False if that does not count any more, because the lease was lost or because the records
    /// come out again: somebody else handles them, or handles them again.
    pub fn ack(mut self) -> bool {
        self.ack_range(0..self.len())
    }

    /// The records up to and including `index` are done; the rest stays in hands. Counts like
    /// [`ack`](Self::ack).
    pub fn ack_through(&mut self, index: usize) -> bool {
        self.ack_range(0..index.saturating_add(1).min(self.len()))
    }

    fn ack_range(&mut self, range: Range<usize>) -> bool {
        self.hands.acked |= range.end == self.len();
        let first = self.handed.first;
        let indices = first + range.start as u64..first + range.end as u64;
        self.hands.tenure.ack(self.handed.generation, indices)
    }

    /// Resolves when the lease is gone: what is not done by then is handled elsewhere.
    pub async fn lost(&self) {
        self.hands.tenure.closed().await;
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("shard", self.shard())
            .field("epoch", &self.epoch())
            .field("records", &self.len())
            .finish()
    }
}

impl Delivery {
    pub(crate) fn new(batch: Batch) -> Self {
        Self { batch }
    }

    /// The record.
    pub fn record(&self) -> Record<'_> {
        // A batch holds at least one record, and a delivery's exactly one: the page has it.
        #[allow(clippy::expect_used)]
        self.batch.get(0).expect("a delivery holds its record")
    }

    /// Its content.
    pub fn data(&self) -> &[u8] {
        self.record().data()
    }

    /// Its partition key. Absent on streams that distribute records by themselves.
    pub fn partition_key(&self) -> Option<&str> {
        self.record().partition_key()
    }

    /// Its sequence number.
    pub fn sequence_number(&self) -> &str {
        self.record().sequence_number()
    }

    /// Its place within its aggregate, counted from 0; 0 for a plain record.
    pub fn sub_sequence_number(&self) -> u64 {
        self.record().sub_sequence_number()
    }

    /// The hash key that it has inside an aggregate; see [`Record::explicit_hash_key`].
    pub fn explicit_hash_key(&self) -> Option<u128> {
        self.record().explicit_hash_key()
    }

    /// The shard that it comes from.
    pub fn shard(&self) -> &ShardId {
        self.batch.shard()
    }

    /// The fencing token; see [`Batch::epoch`].
    pub fn epoch(&self) -> u64 {
        self.batch.epoch()
    }

    /// It is done; see [`Batch::ack`].
    pub fn ack(self) -> bool {
        self.batch.ack()
    }

    /// Resolves when the lease is gone; see [`Batch::lost`].
    pub async fn lost(&self) {
        self.batch.lost().await;
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("shard", self.shard())
            .field("epoch", &self.epoch())
            .field("record", &self.record())
            .finish()
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.tenure.put_down(self.count, (!self.acked).then_some(self.generation));
    }
}
