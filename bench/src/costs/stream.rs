//! A stream in memory, of which only the shape and the clock are real.

use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kinfolk::core::id::ShardId;
use kinfolk::core::reader::{Fault, Position};
use kinfolk::core::sequence::SequenceNumber;
use kinfolk::core::time::WallTime;
use kinfolk::core::topology::{HashRange, Listing, ShardInfo};
use kinfolk::record::{Page, Raw};
use kinfolk::source::{Answer, Description, ReadError, Source};
use kinfolk::store::BoxFuture;
use kinfolk::{Error, ErrorKind};

/// Sequence numbers have 56 digits, as those of Kinesis: these, and 22 that count.
const DIGITS: &str = "4959033827149025660855969253836157";

/// A stream of open shards. Nothing arrives before [`begin`](Self::begin); from then on each shard
/// has a record a second, one shard after the other.
///
/// An iterator is the number of records behind it.
#[derive(Debug)]
pub(super) struct Stream {
    shards: u32,
    created_on: WallTime,
    begun: OnceLock<(Instant, WallTime)>,
}

impl Stream {
    pub(super) fn new(shards: u32) -> Self {
        Self { shards, created_on: wall(), begun: OnceLock::new() }
    }

    /// Records arrive from now on.
    pub(super) fn begin(&self) {
        self.begun.get_or_init(|| (Instant::now(), wall()));
    }

    /// How many records have arrived in a shard.
    fn arrived(&self, shard: &ShardId) -> u64 {
        let Some((begun, _)) = self.begun.get() else { return 0 };
        let since = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        (since + 1_000 - self.offset_ms(shard)) / 1_000
    }

    /// How long after the others' first record a shard's first one comes: less than a second.
    fn offset_ms(&self, shard: &ShardId) -> u64 {
        let digits = shard.as_str().trim_start_matches(|c: char| !c.is_ascii_digit());
        let index: u64 = digits.parse().unwrap_or(0);
        index * 1_000 / u64::from(self.shards.max(1)) % 1_000
    }

    /// A shard's record of that number, from 1 on.
    fn record(&self, shard: &ShardId, number: u64) -> Raw {
        let begun = self.begun.get().map_or(self.created_on, |(_, wall)| *wall);
        let after = (number - 1) * 1_000 + self.offset_ms(shard);
        Raw {
            sequence: sequence(number),
            partition_key: Some(number.to_string()),
            data: Bytes::from_static(b"{\"a\":1}"),
            arrival: Some(begun.plus(i64::try_from(after).unwrap_or(i64::MAX))),
        }
    }

    fn info(&self, index: u32) -> ShardInfo {
        let width = u128::MAX / u128::from(self.shards.max(1));
        let start = width * u128::from(index);
        let last = index + 1 == self.shards;
        ShardInfo {
            id: shard(index),
            parent: None,
            adjacent: None,
            starting_sequence: sequence(0),
            closed: false,
            hash_range: HashRange { start, end: if last { u128::MAX } else { start + width - 1 } },
        }
    }
}

impl Source for Stream {
    fn describe(&self) -> BoxFuture<'_, kinfolk::Result<Description>> {
        Box::pin(async { Ok(Description::new(self.created_on)) })
    }

    fn list(&self) -> BoxFuture<'_, kinfolk::Result<Listing>> {
        Box::pin(async { Ok((0..self.shards).map(|index| self.info(index)).collect()) })
    }

    fn iterator<'a>(
        &'a self,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Arc<str>, ReadError>> {
        Box::pin(async move {
            let behind = match position {
                Position::Latest => self.arrived(shard),
                Position::After(sequence) => number(sequence.as_str())?,
                Position::From(sequence) => number(sequence.as_str())?.saturating_sub(1),
                // The group is there before the first record.
                Position::TrimHorizon | Position::At(_) => 0,
            };
            Ok(behind.to_string().into())
        })
    }

    fn fetch<'a>(
        &'a self,
        shard: &'a ShardId,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer, ReadError>> {
        Box::pin(async move {
            let behind = iterator.parse().map_err(|_| invalid(iterator))?;
            let until = self.arrived(shard).min(behind + u64::from(limit)).max(behind);
            let records = (behind + 1..=until).map(|number| self.record(shard, number));
            Ok(Answer {
                page: Page::new(records.collect()),
                next: Some(until.to_string().into()),
                behind_ms: Some(0),
                children: Vec::new(),
            })
        })
    }
}

/// The shard of an index, named as Kinesis does.
pub(super) fn shard(index: u32) -> ShardId {
    ShardId::from(format!("shardId-{index:012}"))
}

/// The sequence number of the record of that number.
pub(super) fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber::new(format!("{DIGITS}{number:022}"))
}

fn number(sequence: &str) -> Result<u64, ReadError> {
    let digits = sequence.strip_prefix(DIGITS).and_then(|digits| digits.parse().ok());
    digits.ok_or_else(|| invalid(sequence))
}

fn invalid(what: &str) -> ReadError {
    let error = Error::new(ErrorKind::Internal, format!("{what} is not of this stream"));
    ReadError { fault: Fault::Invalid, error }
}

/// What the wall clock says, in whole milliseconds.
fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_shard_goes_on_behind_the_record_that_was_stored() {
        let stream = Stream::new(4);
        stream.begin();
        let first = shard(0);
        let answer = stream.fetch(&first, "0", 10).await.unwrap();
        let record = answer.page.get(0).unwrap();
        assert_eq!((answer.page.len(), record.sequence_number().len()), (1, 56));
        let position = Position::After(SequenceNumber::new(record.sequence_number()));
        let iterator = stream.iterator(&first, &position).await.unwrap();
        assert_eq!(iterator.as_ref(), "1");
        assert!(stream.fetch(&first, &iterator, 10).await.unwrap().page.is_empty());
    }

    #[tokio::test]
    async fn a_stream_that_has_not_begun_has_nothing() {
        let stream = Stream::new(4);
        assert!(stream.fetch(&shard(3), "0", 10).await.unwrap().page.is_empty());
        assert!(
            HashRange::holes(stream.list().await.unwrap().iter().map(|s| s.hash_range)).is_empty()
        );
    }
}
