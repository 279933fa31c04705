//! The leases of a consumer as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::hub::Hub;
use crate::lease::Lease;
use crate::store::BoxFuture;

/// The leases that a worker comes to hold; see [`Consumer::shards`](super::Consumer::shards).
pub struct Shards {
    hub: Arc<Hub>,
    next: BoxFuture<'static, Option<Lease>>,
}

impl Shards {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { next: next(hub.clone()), hub }
    }
}

fn next(hub: Arc<Hub>) -> BoxFuture<'static, Option<Lease>> {
    Box::pin(async move {
        let tenure = hub.next_tenure().await?;
        Some(Lease::new(hub, tenure))
    })
}

impl Stream for Shards {
    type Item = Lease;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Lease>> {
        let Poll::Ready(lease) = self.next.as_mut().poll(context) else { return Poll::Pending };
        // Once it is over it stays so: the next search says the same at once.
        self.next = next(self.hub.clone());
        Poll::Ready(lease)
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}
