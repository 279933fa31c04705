//! Making, describing, encrypting, tagging, resharding and deleting streams.
//!
//! Each function returns when what it did is in effect: resharding takes AWS a minute or so.

mod create;
pub(crate) mod named;
mod reshard;
mod settings;
mod shards;
mod wait;

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamDescriptionSummary;
use jiff::Timestamp;
use kinfolk_core::id::{StreamName, StreamRef};
pub use kinfolk_core::topology::{HashRange, ShardInfo};

pub use create::{create, create_unless_there};
pub use reshard::{merge, split};
pub use settings::StreamSettings;
pub use shards::list_shards;

use crate::aws::Failure;
use crate::error::Result;

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

/// What AWS says of a stream, and all its shards.
///
/// # Errors
/// [`Config`](crate::ErrorKind::Config) if there is no such stream; otherwise as AWS fails.
pub async fn describe(client: &Client, stream: &StreamRef) -> Result<StreamInfo> {
    named::check(stream)?;
    let summary = summary(client, stream)
        .await
        .map_err(|failure| failure.error(format_args!("describe stream {stream}")))?;
    let shards = list_shards(client, stream).await?;
    let created = summary.stream_creation_timestamp().to_millis().ok();
    let mode = summary.stream_mode_details();
    Ok(StreamInfo {
        name: stream.name().clone(),
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
/// [`Config`](crate::ErrorKind::Config) if there is no such stream, or if it has consumers that must not
/// go with it; otherwise as AWS fails.
pub async fn delete(client: &Client, stream: &StreamRef, with_consumers: bool) -> Result<()> {
    named::check(stream)?;
    let request = client
        .delete_stream()
        .set_stream_name(named::name(stream))
        .set_stream_arn(named::arn(stream))
        .enforce_consumer_deletion(with_consumers);
    request
        .send()
        .await
        .map_err(|error| Failure::of(&error).error(format_args!("delete stream {stream}")))?;
    wait::until_gone(client, stream).await
}

/// What AWS says of a stream in one call.
pub(crate) async fn summary(
    client: &Client,
    stream: &StreamRef,
) -> std::result::Result<StreamDescriptionSummary, Failure> {
    let request = client
        .describe_stream_summary()
        .set_stream_name(named::name(stream))
        .set_stream_arn(named::arn(stream));
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
