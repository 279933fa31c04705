//! Handling with one value for each lease.

use std::error::Error as StdError;
use std::future::Future;

use crate::delivery::Batch;
use crate::lease::Lease;

/// Handles the records of one lease, in order.
///
/// A failure never skips a record: the shard goes back to the first record that is not done and
/// hands it out again after a growing pause, for ever.
pub trait Processor: Send + 'static {
    /// Handles records. `Ok` acknowledges all of them; with an error, those that were
    /// acknowledged with [`Batch::ack_through`] stay so.
    fn process(
        &mut self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<(), Box<dyn StdError + Send + Sync>>> + Send;

    /// The lease is over: it was handed over or lost, or the shard has ended.
    fn finish(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Runs a processor until its lease is over.
pub(crate) async fn run(mut processor: impl Processor, mut lease: Lease, most: usize) {
    while let Some(mut batch) = lease.next(most).await {
        match processor.process(&mut batch).await {
            Ok(()) => {
                batch.ack();
            }
            Err(error) => {
                let shard = lease.shard();
                tracing::warn!(%shard, %error, "the handler failed: its records come again");
            }
        }
    }
    processor.finish().await;
}
