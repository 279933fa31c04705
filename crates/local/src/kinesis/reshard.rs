//! UpdateShardCount, as splits and merges: the store's own leaves the new shards without parents.

use std::collections::BTreeSet;

use ferrokinesis::{
    error::KinesisErrorResponse as Failure,
    sequence::{MAX_SEQ_IX, SeqObj, parse_sequence, shard_id_name, stringify_sequence},
    types::{HashKeyRange, SequenceNumberRange, Shard, Stream as Description, StreamStatus},
};
use serde::{Deserialize, Serialize};

use super::{Kinesis, start::invalid, stream::is_closed};
use crate::clock;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateShardCount {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    target_shard_count: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardCount {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    current_shard_count: usize,
    target_shard_count: usize,
}

impl Kinesis {
    /// Done when it answers: the stream is never seen UPDATING.
    pub(super) async fn update_shard_count(
        &self,
        call: UpdateShardCount,
    ) -> Result<ShardCount, Failure> {
        let stream =
            self.streams().find(call.stream_name.as_deref(), call.stream_arn.as_deref())?;
        let target = call.target_shard_count;
        let others = self.store().sum_open_shards().await as usize;
        let limit = self.store().options.shard_limit as usize;
        // No record is on its way into a shard that closes here.
        let order = stream.order.lock().await;
        let change = |description: &mut Description| {
            if description.stream_status != StreamStatus::Active {
                return Err(Failure::stream_not_active(&stream.name, &self.store().aws_account_id));
            }
            let current = description.shards.iter().filter(|shard| !is_closed(shard)).count();
            if target == 0 || target > current * 2 || target * 2 < current {
                return Err(invalid("The shard count can at most double, and at most halve."));
            }
            if others - current.min(others) + target > limit {
                return Err(Failure::client_error(
                    "LimitExceededException",
                    Some("The account has no more shards."),
                ));
            }
            Reshaper { shards: &mut description.shards, now: clock::now_millis() }.spread(target);
            Ok((current, description.stream_arn.clone()))
        };
        let (current_shard_count, stream_arn) =
            self.store().update_stream(&stream.name, change).await?;
        drop(order);
        self.streams().describe_now(&stream).await?;
        Ok(ShardCount {
            stream_name: stream.name.clone(),
            stream_arn,
            current_shard_count,
            target_shard_count: target,
        })
    }
}

/// Splits and merges the open shards of a stream.
struct Reshaper<'a> {
    shards: &'a mut Vec<Shard>,
    now: u64,
}

impl Reshaper<'_> {
    /// Makes `count` equal shards of the open ones: first every cut that is missing, then every
    /// merge.
    fn spread(&mut self, count: usize) {
        let wanted = boundaries(count);
        let mut pieces = Vec::new();
        for shard in self.open() {
            let (start, end) = (shard.hash_key_range.start_u128(), shard.hash_key_range.end_u128());
            let mut rest = shard;
            for cut in wanted.range(start..=end).filter(|cut| **cut > start) {
                let parents = vec![rest.clone()];
                pieces.push(self.child(&parents, rest.hash_key_range.start_u128(), cut - 1));
                rest = self.child(&parents, *cut, end);
            }
            pieces.push(rest);
        }
        let mut pieces = pieces.into_iter();
        let Some(mut last) = pieces.next() else { return };
        for piece in pieces {
            let (start, end) = (piece.hash_key_range.start_u128(), piece.hash_key_range.end_u128());
            if wanted.contains(&start) {
                last = piece;
            } else {
                let start = last.hash_key_range.start_u128();
                last = self.child(&[last, piece], start, end);
            }
        }
    }

    /// The open shards in the order of their hash keys.
    fn open(&self) -> Vec<Shard> {
        let mut open: Vec<Shard> =
            self.shards.iter().filter(|shard| !is_closed(shard)).cloned().collect();
        open.sort_by_key(|shard| shard.hash_key_range.start_u128());
        open
    }

    /// Adds a shard and closes its parents.
    fn child(&mut self, parents: &[Shard], start: u128, end: u128) -> Shard {
        let mut born = self.now;
        for parent in parents {
            born = born.max(self.close(&parent.shard_id));
        }
        // Shard numbers stay below 2^31.
        let number = i64::try_from(self.shards.len()).unwrap_or(i64::MAX);
        let child = Shard {
            shard_id: shard_id_name(number),
            hash_key_range: HashKeyRange::new(start.to_string(), end.to_string()),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: stringify_sequence(&SeqObj {
                    // As the store does it: a child's numbers are greater than its parents'.
                    shard_create_time: born + 1000,
                    seq_ix: None,
                    byte1: None,
                    seq_time: None,
                    seq_rand: None,
                    shard_ix: number,
                    version: 2,
                }),
                ending_sequence_number: None,
            },
            parent_shard_id: parents.first().map(|parent| parent.shard_id.clone()),
            adjacent_parent_shard_id: parents.get(1).map(|parent| parent.shard_id.clone()),
        };
        self.shards.push(child.clone());
        child
    }

    /// Closes a shard, once, and returns when it was made.
    fn close(&mut self, id: &str) -> u64 {
        let shard = self.shards.iter_mut().find(|shard| shard.shard_id == id);
        let Some(range) = shard.map(|shard| &mut shard.sequence_number_range) else { return 0 };
        let Ok(start) = parse_sequence(&range.starting_sequence_number) else { return 0 };
        let made = start.shard_create_time;
        if range.ending_sequence_number.is_none() {
            let seq_time = Some(self.now.max(made));
            let end = SeqObj { seq_ix: Some(MAX_SEQ_IX), byte1: None, seq_time, ..start };
            range.ending_sequence_number = Some(stringify_sequence(&end));
        }
        made
    }
}

/// The first hash keys of so many equal shards.
fn boundaries(count: usize) -> BTreeSet<u128> {
    let count = count.max(1) as u128;
    // 2^128 itself does not fit; only a power of two divides it, and then the quotient lacks one.
    let width = u128::MAX / count + u128::from(count.is_power_of_two() && count > 1);
    (0..count).map(|number| number * width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: i64, start: u128, end: u128) -> Shard {
        let mut shards = Vec::new();
        let mut made =
            Reshaper { shards: &mut shards, now: 1_700_000_000_000 }.child(&[], start, end);
        made.shard_id = shard_id_name(number);
        made
    }

    fn whole_range(shards: &[Shard]) -> Vec<(u128, u128)> {
        let mut open: Vec<_> = shards
            .iter()
            .filter(|shard| !is_closed(shard))
            .map(|shard| (shard.hash_key_range.start_u128(), shard.hash_key_range.end_u128()))
            .collect();
        open.sort_unstable();
        assert_eq!(open.first().unwrap().0, 0);
        assert_eq!(open.last().unwrap().1, u128::MAX);
        assert!(open.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
        open
    }

    #[test]
    fn the_hash_range_stays_covered_and_every_child_has_parents() {
        let mut shards = vec![shard(0, 0, u128::MAX)];
        for count in [2, 4, 3, 5, 10, 7, 4, 2, 1] {
            let before = shards.len();
            Reshaper { shards: &mut shards, now: 1_700_000_000_000 }.spread(count);
            assert_eq!(whole_range(&shards).len(), count);
            assert!(shards[before..].iter().all(|shard| shard.parent_shard_id.is_some()));
        }
    }

    #[test]
    fn doubling_splits_each_shard_once() {
        let mut shards = vec![shard(0, 0, u128::MAX)];
        Reshaper { shards: &mut shards, now: 1_700_000_000_000 }.spread(2);
        Reshaper { shards: &mut shards, now: 1_700_000_000_000 }.spread(4);
        assert_eq!(shards.len(), 1 + 2 + 4);
        assert!(shards.iter().all(|shard| shard.adjacent_parent_shard_id.is_none()));
    }
}
