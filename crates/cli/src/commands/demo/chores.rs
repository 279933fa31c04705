//! What goes on beside the workers.

use std::time::Duration;

use futures_util::future::BoxFuture;
use kinfolk::core::id::{ShardId, StreamRef};
use kinfolk::group::Group;
use kinfolk::stream;
use tokio::sync::mpsc;

use super::happening::Happening;
use crate::exit::Failure;

/// How often the group is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Something that goes on until it is done, or for ever, and says what happens.
pub(super) type Chore = BoxFuture<'static, Result<(), Failure>>;

/// Looks at the group for ever. Before its first worker there is nothing to see.
pub(super) async fn watch(group: Group, say: mpsc::Sender<Happening>) -> Result<(), Failure> {
    loop {
        if let Ok(seen) = group.describe().await {
            let _ = say.send(Happening::Seen(Box::new(seen))).await;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Splits a shard in the middle.
pub(super) async fn split(
    kinesis: aws_sdk_kinesis::Client,
    stream: StreamRef,
    parent: ShardId,
    say: mpsc::Sender<Happening>,
) -> Result<(), Failure> {
    let children = stream::split(&kinesis, &stream, &parent, None).await?;
    let _ = say.send(Happening::Split { parent: parent.to_string(), children }).await;
    Ok(())
}
