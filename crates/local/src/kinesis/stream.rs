//! The streams as the layer sees them: their records are its own, the rest is a copy of the
//! store's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ferrokinesis::{
    error::KinesisErrorResponse as Failure,
    store::Store,
    types::{HashKeyRange, Shard, Stream as Description},
};
use serde::Serialize;
use tokio::sync::Notify;

use super::{limits::ReadLimit, log::Log};
use crate::clock;

/// For so long a description is used again: copying one out of the store costs a thousand shards
/// each time.
const FRESH: Duration = Duration::from_millis(25);

/// A stream that somebody used.
pub(super) struct Stream {
    pub(super) name: String,
    /// Held while records are numbered and kept, so that no reader sees one while an earlier one is
    /// still on its way and passes that one by for ever. Who waits for it knows that every record
    /// numbered before is kept.
    pub(super) order: tokio::sync::Mutex<()>,
    description: Mutex<Option<(Instant, Arc<Description>)>>,
    shards: Mutex<HashMap<usize, Arc<ShardState>>>,
}

/// A shard's records, and its readers.
#[derive(Debug)]
pub(super) struct ShardState {
    pub(super) log: Log,
    pub(super) limit: Mutex<ReadLimit>,
    /// Wakes the subscriptions when a record arrives.
    pub(super) arrived: Notify,
}

/// A child as the end of its parent tells of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChildShard {
    shard_id: String,
    parent_shards: Vec<String>,
    hash_key_range: HashKeyRange,
}

/// The streams by name.
pub(super) struct Streams {
    store: Store,
    known: Mutex<HashMap<String, Arc<Stream>>>,
}

impl Streams {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The stream, by its name or else its ARN.
    pub(super) fn find(
        &self,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Arc<Stream>, Failure> {
        let name = match (name, arn) {
            (Some(name), _) => name.to_owned(),
            (None, Some(arn)) => self.store.stream_name_from_arn(arn).ok_or_else(|| {
                Failure::client_error(
                    "InvalidArgumentException",
                    Some("StreamARN does not name a stream."),
                )
            })?,
            (None, None) => {
                let message = "Either StreamName or StreamARN must be provided.";
                return Err(Failure::client_error("InvalidArgumentException", Some(message)));
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = known.get(&name) {
            return Ok(stream.clone());
        }
        let stream = Arc::new(Stream {
            name: name.clone(),
            order: tokio::sync::Mutex::new(()),
            description: Mutex::default(),
            shards: Mutex::default(),
        });
        known.insert(name, stream.clone());
        Ok(stream)
    }

    /// Forgets a stream that is made or deleted, and its records: one of the same name is another
    /// stream.
    pub(super) fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// The description, at most [`FRESH`] old.
    pub(super) async fn describe(&self, stream: &Stream) -> Result<Arc<Description>, Failure> {
        let now = clock::instant();
        let cached = stream.description.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match cached {
            Some((seen, description)) if now.saturating_duration_since(seen) < FRESH => {
                Ok(description)
            }
            _ => self.describe_now(stream).await,
        }
    }

    /// The description as it is.
    pub(super) async fn describe_now(&self, stream: &Stream) -> Result<Arc<Description>, Failure> {
        let seen = clock::instant();
        match self.store.get_stream(&stream.name).await {
            Ok(description) => {
                let description = Arc::new(description);
                let mut cached = stream.description.lock().unwrap_or_else(PoisonError::into_inner);
                *cached = Some((seen, description.clone()));
                Ok(description)
            }
            Err(failure) => {
                self.forget(&stream.name);
                Err(failure)
            }
        }
    }

    /// The number of a shard, and the description that has it.
    pub(super) async fn shard(
        &self,
        stream: &Stream,
        id: &str,
    ) -> Result<(usize, Arc<Description>), Failure> {
        let mut description = self.describe(stream).await?;
        let mut found = shard_number(&description, id);
        if found.is_none() {
            // It may be younger than the description at hand.
            description = self.describe_now(stream).await?;
            found = shard_number(&description, id);
        }
        let number = found.ok_or_else(|| {
            Failure::shard_not_found(id, &stream.name, &self.store.aws_account_id)
        })?;
        Ok((number, description))
    }
}

impl Stream {
    pub(super) fn shard_state(&self, shard: usize) -> Arc<ShardState> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let limit = Mutex::new(ReadLimit::new(clock::instant()));
            Arc::new(ShardState { log: Log::default(), limit, arrived: Notify::new() })
        };
        shards.entry(shard).or_insert_with(fresh).clone()
    }
}

/// The number of the shard with this id: shards are kept in the order of their ids.
pub(super) fn shard_number(description: &Description, id: &str) -> Option<usize> {
    let number = number_of(id)?;
    description.shards.get(number).filter(|shard| shard.shard_id == id).map(|_| number)
}

pub(super) fn number_of(id: &str) -> Option<usize> {
    id.strip_prefix("shardId-")?.parse().ok()
}

/// Whether nothing can be put into the shard any more.
pub(super) fn is_closed(shard: &Shard) -> bool {
    shard.sequence_number_range.ending_sequence_number.is_some()
}

/// The children of a shard.
pub(super) fn children(description: &Description, id: &str) -> Vec<ChildShard> {
    let parents = |shard: &Shard| -> Vec<String> {
        shard.parent_shard_id.iter().chain(&shard.adjacent_parent_shard_id).cloned().collect()
    };
    let shards = description.shards.iter().map(|shard| (shard, parents(shard)));
    shards
        .filter(|(_, parents)| parents.iter().any(|parent| parent == id))
        .map(|(shard, parent_shards)| ChildShard {
            shard_id: shard.shard_id.clone(),
            parent_shards,
            hash_key_range: shard.hash_key_range.clone(),
        })
        .collect()
}
