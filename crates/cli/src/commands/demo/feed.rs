//! Putting the records.

use aws_sdk_kinesis::Client;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kinfolk::core::id::StreamRef;
use kinfolk::producer::{NewRecord, Producer};
use tokio::sync::mpsc;

use super::happening::Happening;
use super::records::Item;
use crate::commands::put::pace::Pace;
use crate::exit::Failure;

/// How many records may be under way.
const AHEAD: usize = 10_000;

/// Puts the records at a rate, and says where each was stored.
pub(super) async fn feed(
    client: Client,
    stream: StreamRef,
    items: Vec<Item>,
    rate: u32,
    say: mpsc::Sender<Happening>,
) -> Result<(), Failure> {
    let (producer, driver) = Producer::builder(stream).build(client);
    let (fed, _) = tokio::join!(put_all(producer, items, rate, say), driver.run());
    fed
}

async fn put_all(
    producer: Producer,
    items: Vec<Item>,
    rate: u32,
    say: mpsc::Sender<Happening>,
) -> Result<(), Failure> {
    let mut pace = Pace::new(rate);
    let mut items = (0u64..).zip(items).peekable();
    let mut under_way = FuturesUnordered::new();
    loop {
        let more = items.peek().is_some();
        tokio::select! {
            biased;
            Some(stored) = under_way.next() => {
                let happening: Result<Happening, kinfolk::Error> = stored;
                // Nobody listens once the demo is over.
                let _ = say.send(happening?).await;
            }
            () = pace.next(), if more && under_way.len() < AHEAD => {
                let Some((number, Item { key, data })) = items.next() else { continue };
                let sent = producer.send(NewRecord::new(data).partition_key(key.clone())).await?;
                under_way.push(async move {
                    let receipt = sent.await?;
                    let id = (receipt.shard.to_string(), receipt.sequence.to_string(), 0);
                    Ok(Happening::Put { id, key, number })
                });
            }
            else => return Ok(()),
        }
    }
}
