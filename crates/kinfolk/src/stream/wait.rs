//! Waiting until a change of a stream is in effect.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use kinfolk_core::id::{ShardId, StreamRef};

use super::{ShardInfo, StreamStatus, list_shards, status, summary};
use crate::error::{Error, ErrorKind, Result};

/// The pauses between two looks: AWS allows 20 descriptions a second in an account.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a change may take before we stop waiting for it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Growing pauses that end with an error.
struct Pauses {
    next: Duration,
    spent: Duration,
}

impl Pauses {
    fn new() -> Self {
        Self { next: FIRST_PAUSE, spent: Duration::ZERO }
    }

    async fn pause(&mut self, waiting_for: impl FnOnce() -> String) -> Result<()> {
        if self.spent >= PATIENCE {
            let message = format!("{} is still not so after 10 minutes", waiting_for());
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        tokio::time::sleep(self.next).await;
        self.spent += self.next;
        self.next = (self.next * 3 / 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// Waits until the stream can be used and resharded.
pub(super) async fn until_active(client: &Client, stream: &StreamRef) -> Result<()> {
    let mut pauses = Pauses::new();
    loop {
        match summary(client, stream).await {
            Ok(found) if status(&found) == StreamStatus::Active => return Ok(()),
            Ok(_) => {}
            Err(failure) if failure.throttled => {}
            Err(failure) => return Err(failure.error(format_args!("describe stream {stream}"))),
        }
        pauses.pause(|| format!("stream {stream} being ACTIVE")).await?;
    }
}

/// Waits until the stream is not known any more.
pub(super) async fn until_gone(client: &Client, stream: &StreamRef) -> Result<()> {
    let mut pauses = Pauses::new();
    loop {
        match summary(client, stream).await {
            Err(failure) if failure.is("ResourceNotFoundException") => return Ok(()),
            Err(failure) if !failure.throttled => {
                return Err(failure.error(format_args!("describe stream {stream}")));
            }
            _ => {}
        }
        pauses.pause(|| format!("the deletion of stream {stream}")).await?;
    }
}

/// Waits until a shard has so many children, and returns them.
pub(super) async fn for_children(
    client: &Client,
    stream: &StreamRef,
    parent: &ShardId,
    count: usize,
) -> Result<Vec<ShardInfo>> {
    let mut pauses = Pauses::new();
    loop {
        until_active(client, stream).await?;
        let mut shards = list_shards(client, stream).await?;
        let is_parent = |id: &Option<ShardId>| id.as_ref() == Some(parent);
        shards.retain(|shard| is_parent(&shard.parent) || is_parent(&shard.adjacent));
        if shards.len() >= count {
            return Ok(shards);
        }
        pauses.pause(|| format!("the resharding of {parent} in stream {stream}")).await?;
    }
}
