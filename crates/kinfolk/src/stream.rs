//! Making, describing, resharding and deleting streams.
//!
//! Each function returns when what it did is in effect: resharding takes AWS a minute or so.

mod wait;

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Shard, StreamDescriptionSummary};
use jiff::Timestamp;
use kinfolk_core::id::{ShardId, StreamName};
use kinfolk_core::sequence::SequenceNumber;
pub use kinfolk_core::topology::{HashRange, ShardInfo};

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
    Ok(StreamInfo {
        name: stream.clone(),
        status: summary.as_ref().map_or(StreamStatus::Unknown, status),
        on_demand: summary
            .as_ref()
            .and_then(|summary| summary.stream_mode_details())
            .is_some_and(|mode| mode.stream_mode().as_str() == "ON_DEMAND"),
        retention_hours: summary
            .as_ref()
            .and_then(|summary| u32::try_from(summary.retention_period_hours()).ok())
            .unwrap_or(0),
        created: summary.as_ref().and_then(|summary| {
            let at = summary.stream_creation_timestamp();
            Timestamp::from_millisecond(at.to_millis().ok()?).ok()
        }),
        encrypted: summary
            .as_ref()
            .and_then(|summary| summary.encryption_type())
            .is_some_and(|kind| kind.as_str() == "KMS"),
        consumers: summary
            .as_ref()
            .and_then(|summary| summary.consumer_count())
            .and_then(|count| u32::try_from(count).ok()),
        arn: summary.map(|summary| summary.stream_arn).unwrap_or_default(),
        shards,
    })
}

/// All shards that AWS lists, of every page, in the order of their ids.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream, [`Data`](ErrorKind::Data) if a shard
/// does not read as one; otherwise as AWS fails.
pub async fn list_shards(client: &Client, stream: &StreamName) -> Result<Vec<ShardInfo>> {
    let (mut shards, mut token) = (Vec::new(), None::<String>);
    loop {
        // A token stands for the stream's name, and AWS refuses to be given both.
        let name = token.is_none().then(|| stream.to_string());
        let request = client.list_shards().set_stream_name(name).set_next_token(token.take());
        let page = match request.send().await.map_err(|error| Failure::of(&error)) {
            Ok(page) => page,
            // After 5 minutes: the pages before it may be outdated as well.
            Err(failure) if failure.is("ExpiredNextTokenException") => {
                shards.clear();
                continue;
            }
            Err(failure) => {
                return Err(failure.error(format_args!("list the shards of stream {stream}")));
            }
        };
        for shard in page.shards.unwrap_or_default() {
            shards.push(shard_info(shard, stream)?);
        }
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            shards.sort_by(|a, b| a.id.cmp(&b.id));
            return Ok(shards);
        }
    }
}

/// Splits an open shard in two, the upper one beginning with hash key `at`, by default in the
/// middle. Returns the two once they are listed.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such open shard or `at` lies outside of it;
/// otherwise as AWS fails.
pub async fn split(
    client: &Client,
    stream: &StreamName,
    shard: &ShardId,
    at: Option<u128>,
) -> Result<Vec<ShardInfo>> {
    wait::until_active(client, stream).await?;
    let doing = format!("split shard {shard} of stream {stream}");
    let shards = list_shards(client, stream).await?;
    let HashRange { start, end } = open_shard(&shards, shard, &doing)?.hash_range;
    // The upper half begins after the middle: a range of two keys gives one key to each.
    let at = at.unwrap_or(start + (end - start).div_ceil(2));
    if at <= start || at > end {
        let range = format!("{}..={end}", start.saturating_add(1));
        let message = format!("cannot {doing}: the hash key must be in {range}, {at} is not");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let request = client
        .split_shard()
        .stream_name(stream.as_str())
        .shard_to_split(shard.as_str())
        .new_starting_hash_key(at.to_string());
    request.send().await.map_err(|error| Failure::of(&error).error(&doing))?;
    wait::for_children(client, stream, shard, 2).await
}

/// Merges two open shards whose hash ranges touch. Returns the shard that they become, once it is
/// listed.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there are no such open shards or they are not neighbours;
/// otherwise as AWS fails.
pub async fn merge(
    client: &Client,
    stream: &StreamName,
    first: &ShardId,
    second: &ShardId,
) -> Result<Vec<ShardInfo>> {
    wait::until_active(client, stream).await?;
    let doing = format!("merge shards {first} and {second} of stream {stream}");
    let shards = list_shards(client, stream).await?;
    let (a, b) = (open_shard(&shards, first, &doing)?, open_shard(&shards, second, &doing)?);
    // Not every server takes them the other way round.
    let (lower, upper) = if a.hash_range <= b.hash_range { (a, b) } else { (b, a) };
    if lower.hash_range.end.checked_add(1) != Some(upper.hash_range.start) {
        let message = format!("cannot {doing}: their hash ranges do not touch");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let request = client
        .merge_shards()
        .stream_name(stream.as_str())
        .shard_to_merge(lower.id.as_str())
        .adjacent_shard_to_merge(upper.id.as_str());
    request.send().await.map_err(|error| Failure::of(&error).error(&doing))?;
    wait::for_children(client, stream, first, 1).await
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
) -> std::result::Result<Option<StreamDescriptionSummary>, Failure> {
    let answer = client.describe_stream_summary().stream_name(stream.as_str()).send().await;
    answer.map(|out| out.stream_description_summary).map_err(|error| Failure::of(&error))
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

fn open_shard<'a>(shards: &'a [ShardInfo], id: &ShardId, doing: &str) -> Result<&'a ShardInfo> {
    let problem = match shards.iter().find(|shard| shard.id == *id) {
        Some(shard) if !shard.closed => return Ok(shard),
        Some(_) => format!("{id} is closed: it was split or merged before"),
        None => format!("there is no shard {id}"),
    };
    Err(Error::new(ErrorKind::Config, format!("cannot {doing}: {problem}")))
}

/// The shard in our own terms.
fn shard_info(shard: Shard, stream: &StreamName) -> Result<ShardInfo> {
    let malformed = |what| {
        let message = format!("shard {} of stream {stream} is listed {what}", shard.shard_id);
        Error::new(ErrorKind::Data, message)
    };
    let range = shard.hash_key_range.as_ref().ok_or_else(|| malformed("without a hash range"))?;
    let key = |text: &str| text.parse().map_err(|_| malformed("with a hash key that is no number"));
    let hash_range =
        HashRange { start: key(&range.starting_hash_key)?, end: key(&range.ending_hash_key)? };
    let sequences = shard.sequence_number_range.as_ref();
    let sequences = sequences.ok_or_else(|| malformed("without a sequence number"))?;
    Ok(ShardInfo {
        starting_sequence: SequenceNumber::new(&sequences.starting_sequence_number),
        closed: sequences.ending_sequence_number.is_some(),
        hash_range,
        parent: shard.parent_shard_id.filter(|id| !id.is_empty()).map(ShardId::from),
        adjacent: shard.adjacent_parent_shard_id.filter(|id| !id.is_empty()).map(ShardId::from),
        id: ShardId::from(shard.shard_id),
    })
}
