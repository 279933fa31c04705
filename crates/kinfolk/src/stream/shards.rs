//! The shards that a stream lists.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;
use kinfolk_core::id::{ShardId, StreamRef};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::topology::{HashRange, ShardInfo};

use super::named;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// The most shards a page holds (API reference, ListShards).
const PAGE: i32 = 1_000;

/// All shards that AWS lists, of every page, in the order of their ids.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream, [`Data`](ErrorKind::Data) if a shard
/// does not read as one; otherwise as AWS fails.
pub async fn list_shards(client: &Client, stream: &StreamRef) -> Result<Vec<ShardInfo>> {
    named::check(stream)?;
    let (mut shards, mut token) = (Vec::new(), None::<String>);
    loop {
        // A token stands for the stream, and AWS refuses to be given both.
        let request = client.list_shards().max_results(PAGE);
        let request = match token.take() {
            Some(token) => request.next_token(token),
            None => request.set_stream_name(named::name(stream)).set_stream_arn(named::arn(stream)),
        };
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

/// The shard in our own terms.
fn shard_info(shard: Shard, stream: &StreamRef) -> Result<ShardInfo> {
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
