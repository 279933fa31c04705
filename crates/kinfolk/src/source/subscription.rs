//! A subscription to a shard.

use std::fmt;
use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt;
use kinfolk_core::reader::ChildShard;
use kinfolk_core::sequence::SequenceNumber;

use super::ReadError;
use crate::record::Page;

/// The events of a shard that a registered consumer is subscribed to, as they come. Dropped, it is
/// over.
pub struct Subscription(Pin<Box<dyn Stream<Item = Result<SubscriptionEvent, ReadError>> + Send>>);

/// What one event of a subscription brings.
#[derive(Clone, Debug)]
pub struct SubscriptionEvent {
    /// The records; there may be none.
    pub page: Page,
    /// Up to where the shard was read; `None` at the end of a closed shard.
    pub continuation: Option<SequenceNumber>,
    /// How far this is behind the tip, in milliseconds.
    pub behind_ms: Option<u64>,
    /// At the end of a closed shard, its children.
    pub children: Vec<ChildShard>,
}

impl Subscription {
    /// A subscription that brings these events. After an error it is over.
    pub fn new(
        events: impl Stream<Item = Result<SubscriptionEvent, ReadError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(events))
    }

    /// The next event; `None` when the subscription has run out. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<SubscriptionEvent, ReadError>> {
        self.0.next().await
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
