//! The records of a consumer as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::delivery::{Batch, Delivery};
use crate::error::Result;
use crate::hub::Hub;
use crate::store::BoxFuture;

/// The records of all shards that a worker holds; see [`Consumer::records`](super::Consumer::records).
pub struct Records {
    hub: Arc<Hub>,
    next: Option<BoxFuture<'static, Option<Batch>>>,
    over: bool,
}

impl Records {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, next: None, over: false }
    }
}

impl Stream for Records {
    type Item = Result<Delivery>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let hub = self.hub.clone();
        let next =
            self.next.get_or_insert_with(|| Box::pin(async move { hub.next_batch(1).await }));
        let Poll::Ready(batch) = next.as_mut().poll(context) else { return Poll::Pending };
        self.next = None;
        match batch {
            Some(batch) => Poll::Ready(Some(Ok(Delivery::new(batch)))),
            None => {
                self.over = true;
                Poll::Ready(self.hub.failure().map(Err))
            }
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("over", &self.over).finish_non_exhaustive()
    }
}
