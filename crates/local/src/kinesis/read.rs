//! Reading a shard from a position: what GetRecords and SubscribeToShard have in common.

use std::sync::Arc;

use ferrokinesis::{
    error::KinesisErrorResponse as Failure,
    types::{Shard, Stream as Description},
};
use serde::Serialize;

use super::{
    Kinesis,
    log::{Kept, Limits},
    position::Position,
    stream::{ChildShard, Stream, children, is_closed},
    wire::{Blob, Millis},
};
use crate::clock;

/// What one look into a shard found.
pub(super) struct Page {
    records: Vec<Arc<Kept>>,
    /// Where to go on.
    pub(super) next: Position,
    /// The age of the first record not read, in milliseconds; 0 at the tip.
    pub(super) behind: u64,
    /// The children, when the shard is closed and nothing in it is left to read.
    pub(super) end: Option<Vec<ChildShard>>,
    /// Data and keys together.
    pub(super) bytes: usize,
}

/// A record as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record<'a> {
    pub(super) sequence_number: &'a str,
    approximate_arrival_timestamp: Millis,
    data: Blob<'a>,
    partition_key: &'a str,
}

impl Page {
    pub(super) fn records(&self) -> Vec<Record<'_>> {
        let records = self.records.iter();
        records
            .map(|record| Record {
                sequence_number: &record.sequence_number,
                approximate_arrival_timestamp: record.arrival,
                data: Blob(record.data.as_slice().into()),
                partition_key: &record.partition_key,
            })
            .collect()
    }

    /// The sequence number of the last record; `None` if there is none.
    pub(super) fn last(&self) -> Option<&str> {
        self.records.last().map(|record| record.sequence_number.as_str())
    }
}

impl Kinesis {
    /// Reads a shard from a position on.
    pub(super) async fn read(
        &self,
        stream: &Stream,
        shard: usize,
        from: &Position,
        limits: Limits,
    ) -> Result<Page, Failure> {
        let description = self.streams().describe(stream).await?;
        let here =
            description.shards.get(shard).ok_or_else(|| self.no_such_shard(stream, shard))?;
        if is_closed(here) {
            // A record that was put while the shard closed may still be on its way. None can follow
            // it.
            drop(stream.order.lock().await);
        }
        let reading = stream.shard_state(shard).log.read(from, oldest(&description), limits);
        let last = reading.records.last();
        let next = last
            .and_then(|record| Position::after(&record.sequence_number))
            .unwrap_or_else(|| from.clone());
        let ended = reading.unread.is_none() && is_closed(here);
        Ok(Page {
            next,
            behind: reading
                .unread
                .map_or(0, |arrival| clock::now_millis().saturating_sub(arrival.0)),
            end: ended.then(|| children(&description, &here.shard_id)),
            bytes: reading.bytes,
            records: reading.records,
        })
    }

    /// Behind the last record.
    pub(super) async fn tip(
        &self,
        stream: &Stream,
        number: usize,
        shard: &Shard,
    ) -> Result<Position, Failure> {
        let range = &shard.sequence_number_range;
        if let Some(end) = &range.ending_sequence_number {
            return Ok(Position::at(end));
        }
        let order = stream.order.lock().await;
        let next = self
            .store()
            .current_shard_seq(&stream.name, i64::try_from(number).unwrap_or(i64::MAX))
            .await;
        drop(order);
        let tip = Position::of_index(&range.starting_sequence_number, next);
        tip.ok_or_else(|| Failure::server_error(None, None))
    }

    fn no_such_shard(&self, stream: &Stream, shard: usize) -> Failure {
        let id = format!("shardId-{shard:012}");
        Failure::shard_not_found(&id, &stream.name, &self.store().aws_account_id)
    }
}

/// What arrived before this is past the stream's retention.
pub(super) fn oldest(description: &Description) -> Millis {
    let kept = u64::from(description.retention_period_hours) * 3_600_000;
    Millis(clock::now_millis().saturating_sub(kept))
}
