//! PutRecord and PutRecords.

use std::{collections::BTreeMap, sync::Arc};

use ferrokinesis::{
    error::KinesisErrorResponse as Failure, sequence::partition_key_to_hash_key,
    store::SequenceAllocation,
};
use serde::{Deserialize, Serialize};

use super::{
    Kinesis,
    log::Kept,
    read::oldest,
    start::invalid,
    stream::{ShardState, Stream, number_of},
    wire::{Blob, Millis},
};
use crate::clock;

/// The most that one record holds, data and partition key together; the most that one call holds,
/// too.
const MAX_BYTES: usize = 10 << 20;

/// What the store's write limit lets through in a second: a larger record takes all of it.
const SECOND_OF_WRITES: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRecord {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    data: Blob<'static>,
    partition_key: String,
    explicit_hash_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutRecords {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    records: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    data: Blob<'static>,
    partition_key: String,
    explicit_hash_key: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutAnswer {
    failed_record_count: usize,
    records: Vec<Outcome>,
}

/// What became of a record.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    #[serde(rename_all = "PascalCase")]
    Put { sequence_number: String, shard_id: String },
    #[serde(rename_all = "PascalCase")]
    Refused { error_code: String, error_message: String },
}

impl Kinesis {
    pub(super) async fn put_record(&self, call: PutRecord) -> Result<Outcome, Failure> {
        let stream =
            self.streams().find(call.stream_name.as_deref(), call.stream_arn.as_deref())?;
        let entry = Entry {
            data: call.data,
            partition_key: call.partition_key,
            explicit_hash_key: call.explicit_hash_key,
        };
        match self.put(&stream, vec![entry]).await?.pop() {
            Some(Outcome::Refused { error_code, error_message }) => {
                Err(Failure::client_error(&error_code, Some(&error_message)))
            }
            Some(put) => Ok(put),
            None => Err(Failure::server_error(None, None)),
        }
    }

    pub(super) async fn put_records(&self, call: PutRecords) -> Result<PutAnswer, Failure> {
        if !(1..=500).contains(&call.records.len()) {
            return Err(invalid("A call takes between 1 and 500 records."));
        }
        let stream =
            self.streams().find(call.stream_name.as_deref(), call.stream_arn.as_deref())?;
        let records = self.put(&stream, call.records).await?;
        let refused = records.iter().filter(|outcome| matches!(outcome, Outcome::Refused { .. }));
        Ok(PutAnswer { failed_record_count: refused.count(), records })
    }

    async fn put(&self, stream: &Stream, entries: Vec<Entry>) -> Result<Vec<Outcome>, Failure> {
        let hashes = check(&entries)?;
        let oldest = oldest(&*self.streams().describe(stream).await?);
        let order = stream.order.lock().await;
        let places = self.store().allocate_sequences_batch(&stream.name, &hashes).await?;
        let arrival = Millis(clock::now_millis());
        let mut kept = Vec::with_capacity(entries.len());
        let mut shards = Vec::with_capacity(entries.len());
        let mut outcomes = Vec::with_capacity(entries.len());
        for (entry, place) in entries.into_iter().zip(places) {
            if let Err(failure) = self.reserve(stream, &entry, &place).await {
                let error_message = failure.body.message.unwrap_or_default();
                outcomes
                    .push(Outcome::Refused { error_code: failure.body.error_type, error_message });
                continue;
            }
            kept.push(Arc::new(Kept {
                sequence_number: place.seq_num.clone(),
                partition_key: entry.partition_key,
                arrival,
                data: entry.data.0.into_owned(),
            }));
            shards
                .push(number_of(&place.shard_id).ok_or_else(|| Failure::server_error(None, None))?);
            outcomes
                .push(Outcome::Put { sequence_number: place.seq_num, shard_id: place.shard_id });
        }
        self.note(stream, &kept)?;
        let states: BTreeMap<usize, Arc<ShardState>> =
            shards.iter().map(|shard| (*shard, stream.shard_state(*shard))).collect();
        for (record, shard) in kept.into_iter().zip(&shards) {
            if let Some(state) = states.get(shard) {
                state.log.push(record, oldest);
            }
        }
        drop(order);
        states.values().for_each(|state| state.arrived.notify_waiters());
        Ok(outcomes)
    }

    /// Writes the records down, if they are to outlive the process.
    fn note(&self, stream: &Stream, records: &[Arc<Kept>]) -> Result<(), Failure> {
        let Some(journal) = self.journal() else { return Ok(()) };
        journal
            .put(&stream.name, records)
            .map_err(|error| Failure::server_error(None, Some(&error.to_string())))
    }

    async fn reserve(
        &self,
        stream: &Stream,
        entry: &Entry,
        place: &SequenceAllocation,
    ) -> Result<(), Failure> {
        let bytes = u64::try_from(entry.size()).unwrap_or(u64::MAX).min(SECOND_OF_WRITES);
        let store = self.store();
        store
            .try_reserve_shard_throughput(&stream.name, &place.shard_id, bytes, place.now)
            .await
            .map(drop)
    }
}

impl Entry {
    fn size(&self) -> usize {
        self.data.0.len() + self.partition_key.len()
    }

    fn hash(&self) -> Result<u128, Failure> {
        match &self.explicit_hash_key {
            Some(key) => {
                key.parse().map_err(|_| invalid("ExplicitHashKey must be a number below 2^128."))
            }
            None => Ok(partition_key_to_hash_key(&self.partition_key)),
        }
    }
}

/// Checks what AWS checks of a call, and returns the records' hash keys.
fn check(entries: &[Entry]) -> Result<Vec<u128>, Failure> {
    let mut total = 0;
    for entry in entries {
        if !(1..=256).contains(&entry.partition_key.chars().count()) {
            return Err(Failure::validation_error(
                "A partition key has between 1 and 256 characters.",
            ));
        }
        if entry.size() > MAX_BYTES {
            return Err(Failure::validation_error(
                "A record holds at most 10 MiB, its partition key included.",
            ));
        }
        total += entry.size();
    }
    if total > MAX_BYTES {
        return Err(invalid("The records of a call hold at most 10 MiB together."));
    }
    entries.iter().map(Entry::hash).collect()
}
