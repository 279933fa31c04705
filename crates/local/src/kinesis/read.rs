//! Reading a shard from a position: what GetRecords and SubscribeToShard have in common.

use ferrokinesis::{
    error::KinesisErrorResponse as Failure,
    types::{Shard, StoredRecord, Stream as Description},
};
use serde::Serialize;

use super::{
    Kinesis,
    position::{self, Position},
    stream::{ChildShard, Stream, children, is_closed},
    wire::{Blob, Millis, decoded_len},
};
use crate::clock;

/// What one look into a shard found.
pub(super) struct Page {
    /// The records by their keys.
    records: Vec<(String, StoredRecord)>,
    /// Where to go on.
    pub(super) next: Position,
    /// The age of the first record not read, in milliseconds; 0 at the tip.
    pub(super) behind: u64,
    /// The children, when the shard is closed and nothing in it is left to read.
    pub(super) end: Option<Vec<ChildShard>>,
    /// Data and keys together.
    pub(super) bytes: usize,
}

/// How much a page may hold. A single record is always allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// A record as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record<'a> {
    sequence_number: &'a str,
    approximate_arrival_timestamp: Millis,
    data: Blob<'a>,
    partition_key: &'a str,
}

impl Page {
    pub(super) fn records(&self) -> Vec<Record<'_>> {
        let records = self.records.iter();
        records
            .map(|(key, record)| Record {
                sequence_number: position::sequence_number(key),
                approximate_arrival_timestamp: Millis::from_seconds(
                    record.approximate_arrival_timestamp,
                ),
                data: Blob(record.data.as_str().into()),
                partition_key: &record.partition_key,
            })
            .collect()
    }

    /// The sequence number of the last record; `None` if there is none.
    pub(super) fn last(&self) -> Option<&str> {
        self.records.last().map(|(key, _)| position::sequence_number(key))
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
        // In this order: a record that is put while the shard closes is stored before its put lets go of the lock
        // that `readable_until` waits for, so a shard seen closed first has all its records.
        let description = self.streams().describe(stream).await?;
        let here =
            description.shards.get(shard).ok_or_else(|| self.no_such_shard(stream, shard))?;
        let until = self.readable_until(stream, shard, here).await?;
        let mut page =
            Page { records: Vec::new(), next: from.clone(), behind: 0, end: None, bytes: 0 };
        let unread =
            self.fill(&mut page, stream, shard, &until, oldest(&description), limits).await;
        match unread {
            Some(arrival) => page.behind = clock::now_millis().saturating_sub(arrival.0),
            None if is_closed(here) => page.end = Some(children(&description, &here.shard_id)),
            None => {}
        }
        Ok(page)
    }

    /// Fills a page with the records from its `next` to the key `until`, and moves `next` behind them. Returns when
    /// the first record that did not fit arrived.
    async fn fill(
        &self,
        page: &mut Page,
        stream: &Stream,
        shard: usize,
        until: &str,
        oldest: Millis,
        limits: Limits,
    ) -> Option<Millis> {
        loop {
            // One more than fits tells how far behind the reader is. The records come out of the store whole, so their
            // number is bounded by their size too.
            let room = (limits.records - page.records.len()).saturating_add(1);
            let wanted = room.min(stream.records_within(limits.bytes).max(8));
            let found = self
                .store()
                .get_records_range_limited(&stream.name, &page.next.key(shard), until, wanted)
                .await;
            let all = found.len() < wanted;
            let mut last = None;
            for (key, record) in found {
                let arrival = Millis::from_seconds(record.approximate_arrival_timestamp);
                let size = decoded_len(&record.data) + record.partition_key.len();
                let full = page.records.len() >= limits.records || page.bytes + size > limits.bytes;
                if arrival >= oldest && full && !page.records.is_empty() {
                    page.pass(last.as_deref());
                    return Some(arrival);
                }
                last = Some(key.clone());
                if arrival >= oldest {
                    page.bytes += size;
                    page.records.push((key, record));
                }
            }
            page.pass(last.as_deref());
            if all {
                return None;
            }
        }
    }

    /// The key before which every record of the shard is stored and will be.
    pub(super) async fn readable_until(
        &self,
        stream: &Stream,
        shard: usize,
        here: &Shard,
    ) -> Result<String, Failure> {
        let order = stream.order.lock().await;
        let next = self
            .store()
            .current_shard_seq(&stream.name, i64::try_from(shard).unwrap_or(i64::MAX))
            .await;
        drop(order);
        if is_closed(here) {
            return Ok(position::shard_prefix(shard + 1));
        }
        let start = &here.sequence_number_range.starting_sequence_number;
        let tip =
            Position::of_index(start, next).ok_or_else(|| Failure::server_error(None, None))?;
        Ok(tip.key(shard))
    }

    fn no_such_shard(&self, stream: &Stream, shard: usize) -> Failure {
        let id = format!("shardId-{shard:012}");
        Failure::shard_not_found(&id, &stream.name, &self.store().aws_account_id)
    }
}

impl Page {
    /// Moves on behind the record with this key.
    fn pass(&mut self, key: Option<&str>) {
        if let Some(next) = key.and_then(|key| Position::after(position::sequence_number(key))) {
            self.next = next;
        }
    }
}

/// What arrived before this is past the stream's retention.
fn oldest(description: &Description) -> Millis {
    let kept = u64::from(description.retention_period_hours) * 3_600_000;
    Millis(clock::now_millis().saturating_sub(kept))
}
