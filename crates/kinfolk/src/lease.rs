//! A shard that this worker holds, for handlers that take shards one by one.

use std::sync::Arc;

use kinfolk_core::id::ShardId;

use crate::delivery::Batch;
use crate::hub::Hub;
use crate::tenure::Tenure;

/// One tenure of a shard. Dropped before it is over, it comes out of
/// [`Consumer::shards`](crate::Consumer::shards) again.
#[derive(Debug)]
pub struct Lease {
    hub: Arc<Hub>,
    tenure: Arc<Tenure>,
}

impl Lease {
    pub(crate) fn new(hub: Arc<Hub>, tenure: Arc<Tenure>) -> Self {
        Self { hub, tenure }
    }

    /// The shard.
    pub fn shard(&self) -> &ShardId {
        &self.tenure.shard
    }

    /// The fencing token; see [`Batch::epoch`].
    pub fn epoch(&self) -> u64 {
        self.tenure.epoch
    }

    /// The next records, at most `most`; `None` when the lease is over. Cancel safe.
    ///
    /// Batches may be taken ahead of acknowledgements, in any number.
    pub async fn next(&mut self, most: usize) -> Option<Batch> {
        self.hub.next_of(&self.tenure, most.max(1)).await
    }

    /// Resolves when the lease is over.
    pub async fn lost(&self) {
        self.tenure.closed().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The worker still holds the shard: somebody must read it.
        self.hub.show_again(&self.tenure);
    }
}
