//! Making, describing, resharding and deleting streams.
//!
//! Each function returns when what it did is in effect: resharding takes AWS a minute or so.

mod reshard;
mod shards;
mod wait;

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamDescriptionSummary;
use jiff::Timestamp;
use kinfolk_core::id::StreamName;
pub use kinfolk_core::topology::{HashRange, ShardInfo};

pub use reshard::{merge, split};
pub use shards::list_shards;

use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// What AWS says of a stream, and all its shards.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StreamInfo {
    /// Its name.
    pub name: StreamName,
    /// Its ARN.
    pub arn: String,
    /// Where it is in its life.
    pub status: StreamStatus,
    /// Whether AWS chooses the number of shards.
    pub on_demand: bool,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether records are encrypted at rest by a KMS key.
    pub encrypted: bool,
    /// Registered fan-out consumers, if AWS tells.
    pub consumers: Option<u32>,
    /// Every listed shard, open or closed, in the order of their ids.
    pub shards: Vec<ShardInfo>,
}

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamStatus {
    /// Being made: not usable yet.
    Creating,
    /// Usable, and may be resharded.
    Active,
    /// Usable; being resharded or changed.
    Updating,
    /// Going away.
    Deleting,
    /// Something that this version does not know.
    Unknown,
}

impl fmt::Display for StreamStatus {
    /// As AWS writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// Makes a stream of so many shards, and waits until it can be used.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is one of that name; otherwise as AWS fails.
pub async fn create(client: &Client, stream: &StreamName, shards: u32) -> Result<()> {
    if create_unless_there(client, stream, shards).await? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("stream {stream} exists already")))
}

/// Makes a stream of so many shards unless there is one of that name, and waits until it can be
/// used. Returns whether it was made.
///
/// # Errors
/// As AWS fails.
pub async fn create_unless_there(
    client: &Client,
    stream: &StreamName,
    shards: u32,
) -> Result<bool> {
    let count = i32::try_from(shards).unwrap_or(i32::MAX);
    let answer = client.create_stream().stream_name(stream.as_str()).shard_count(count);
    let created = match answer.send().await.map_err(|error| Failure::of(&error)) {
        Ok(_) => true,
        Err(failure) if failure.is("ResourceInUseException") => false,
        Err(failure) => return Err(failure.error(format_args!("create stream {stream}"))),
    };
    wait::until_active(client, stream).await?;
    Ok(created)
}

/// What AWS says of a stream, and all its shards.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream; otherwise as AWS fails.
pub async fn describe(client: &Client, stream: &StreamName) -> Result<StreamInfo> {
    let summary = summary(client, stream)
        .await
        .map_err(|failure| failure.error(format_args!("describe stream {stream}")))?;
    let shards = list_shards(client, stream).await?;
    let created = summary.stream_creation_timestamp().to_millis().ok();
    let mode = summary.stream_mode_details();
    Ok(StreamInfo {
        name: stream.clone(),
        status: status(&summary),
        on_demand: mode.is_some_and(|mode| mode.stream_mode().as_str() == "ON_DEMAND"),
        retention_hours: u32::try_from(summary.retention_period_hours()).unwrap_or(0),
        created: created.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        encrypted: summary.encryption_type().is_some_and(|kind| kind.as_str() == "KMS"),
        consumers: summary.consumer_count().and_then(|count| u32::try_from(count).ok()),
        arn: summary.stream_arn,
        shards,
    })
}

/// Deletes a stream with all its records, and waits until it is gone. Registered fan-out
/// consumers go with it only if `with_consumers` says so.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream, or if it has consumers that must not
/// go with it; otherwise as AWS fails.
pub async fn delete(client: &Client, stream: &StreamName, with_consumers: bool) -> Result<()> {
    let request = client
        .delete_stream()
        .stream_name(stream.as_str())
        .enforce_consumer_deletion(with_consumers);
    request
        .send()
        .await
        .map_err(|error| Failure::of(&error).error(format_args!("delete stream {stream}")))?;
    wait::until_gone(client, stream).await
}

async fn summary(
    client: &Client,
    stream: &StreamName,
) -> std::result::Result<StreamDescriptionSummary, Failure> {
    let request = client.describe_stream_summary().stream_name(stream.as_str());
    let answer = request.send().await.map_err(|error| Failure::of(&error))?;
    let empty = || Failure::answered(Some("InternalFailure"), Some("an empty description"), 500);
    answer.stream_description_summary.ok_or_else(empty)
}

fn status(summary: &StreamDescriptionSummary) -> StreamStatus {
    match summary.stream_status().as_str() {
        "CREATING" => StreamStatus::Creating,
        "ACTIVE" => StreamStatus::Active,
        "UPDATING" => StreamStatus::Updating,
        "DELETING" => StreamStatus::Deleting,
        _ => StreamStatus::Unknown,
    }
}
