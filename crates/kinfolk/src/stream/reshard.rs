//! Splits and merges.

use aws_sdk_kinesis::Client;
use kinfolk_core::id::{ShardId, StreamRef};
use kinfolk_core::topology::{HashRange, ShardInfo};

use super::{list_shards, named, wait};
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// Splits an open shard in two, the upper one beginning with hash key `at`, by default in the
/// middle. Returns the two once they are listed.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such open shard or `at` lies outside of it;
/// otherwise as AWS fails.
pub async fn split(
    client: &Client,
    stream: &StreamRef,
    shard: &ShardId,
    at: Option<u128>,
) -> Result<Vec<ShardInfo>> {
    named::check(stream)?;
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
        .set_stream_name(named::name(stream))
        .set_stream_arn(named::arn(stream))
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
    stream: &StreamRef,
    first: &ShardId,
    second: &ShardId,
) -> Result<Vec<ShardInfo>> {
    named::check(stream)?;
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
        .set_stream_name(named::name(stream))
        .set_stream_arn(named::arn(stream))
        .shard_to_merge(lower.id.as_str())
        .adjacent_shard_to_merge(upper.id.as_str());
    request.send().await.map_err(|error| Failure::of(&error).error(&doing))?;
    wait::for_children(client, stream, first, 1).await
}

fn open_shard<'a>(shards: &'a [ShardInfo], id: &ShardId, doing: &str) -> Result<&'a ShardInfo> {
    let problem = match shards.iter().find(|shard| shard.id == *id) {
        Some(shard) if !shard.closed => return Ok(shard),
        Some(_) => format!("{id} is closed: it was split or merged before"),
        None => format!("there is no shard {id}"),
    };
    Err(Error::new(ErrorKind::Config, format!("cannot {doing}: {problem}")))
}
