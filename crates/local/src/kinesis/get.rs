//! GetRecords.

use std::sync::PoisonError;

use ferrokinesis::{error::KinesisErrorResponse as Failure, shard_iterator::decode_shard_iterator};
use serde::{Deserialize, Serialize};

use super::{
    Kinesis,
    log::Limits,
    position::Position,
    read::{Page, Record},
    start::{invalid, iterator},
    stream::{ChildShard, Stream},
};
use crate::clock;

/// The most that one answer holds, data and partition keys together.
const MAX_BYTES: usize = 10 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetRecords {
    shard_iterator: String,
    limit: Option<usize>,
}

/// The answer, with what it is made from.
pub(super) struct Records {
    page: Page,
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<&'a str>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_shards: Option<&'a [ChildShard]>,
    records: Vec<Record<'a>>,
}

impl Records {
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            next_shard_iterator: self.next.as_deref(),
            millis_behind_latest: self.page.behind,
            child_shards: self.page.end.as_deref(),
            records: self.page.records(),
        }
    }
}

impl Kinesis {
    pub(super) async fn get_records(&self, call: GetRecords) -> Result<Records, Failure> {
        let limit = call.limit.unwrap_or(10_000);
        if !(1..=10_000).contains(&limit) {
            return Err(invalid("Limit must be between 1 and 10000."));
        }
        let (made, name, shard_id, sequence) = decode_shard_iterator(&call.shard_iterator)
            .map_err(|_| invalid("Invalid ShardIterator."))?;
        if clock::now_millis().saturating_sub(made) > self.settings().iterator_life_ms {
            return Err(Failure::client_error(
                "ExpiredIteratorException",
                Some("Iterator expired."),
            ));
        }
        let stream = self.streams().find(Some(&name), None)?;
        let (shard, _) = self.streams().shard(&stream, &shard_id).await?;
        self.admit(&stream, shard, &shard_id)?;
        let limits = Limits { records: limit, bytes: MAX_BYTES };
        let page = self.read(&stream, shard, &Position::at(sequence), limits).await?;
        if self.settings().read_limits {
            let state = stream.shard_state(shard);
            state.limit.lock().unwrap_or_else(PoisonError::into_inner).charge(page.bytes);
        }
        let next = page.end.is_none().then(|| iterator(&stream.name, &shard_id, &page.next));
        Ok(Records { page, next })
    }

    fn admit(&self, stream: &Stream, shard: usize, id: &str) -> Result<(), Failure> {
        if !self.settings().read_limits {
            return Ok(());
        }
        let state = stream.shard_state(shard);
        let admitted =
            state.limit.lock().unwrap_or_else(PoisonError::into_inner).admit(clock::instant());
        if admitted {
            return Ok(());
        }
        let (name, account) = (&stream.name, &self.store().aws_account_id);
        let message =
            format!("Rate exceeded for shard {id} in stream {name} under account {account}.");
        Err(Failure::client_error("ProvisionedThroughputExceededException", Some(&message)))
    }
}
