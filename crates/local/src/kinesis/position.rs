//! Where a reader stands in a shard.
//!
//! The store numbers the records of a shard 1, 2, 3 …; the number is the leading part of a sequence
//! number, and so of the key under which a record is kept. Keys of one shard sort as text.

use ferrokinesis::sequence::{MAX_SEQ_IX, SeqObj, parse_sequence, stringify_sequence};

/// Everything from this sequence number on, itself included, whether a record has it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position(String);

impl Position {
    pub(super) fn at(sequence_number: impl Into<String>) -> Self {
        Self(sequence_number.into())
    }

    /// After the record with this number; `None` if it is not a sequence number.
    pub(super) fn after(sequence_number: &str) -> Option<Self> {
        let number = parse_sequence(sequence_number).ok()?;
        let index = number.seq_ix.unwrap_or(0);
        Some(Self::numbered(&number, index.saturating_add(1).min(MAX_SEQ_IX)))
    }

    /// At the `index`th record of the shard that starts with this sequence number.
    pub(super) fn of_index(shard_start: &str, index: u64) -> Option<Self> {
        Some(Self::numbered(&parse_sequence(shard_start).ok()?, index))
    }

    fn numbered(like: &SeqObj, index: u64) -> Self {
        // Without a time it is the shard's own, which no record of it comes before.
        Self(stringify_sequence(&SeqObj {
            seq_ix: Some(index),
            seq_time: None,
            byte1: None,
            ..like.clone()
        }))
    }

    /// A sequence number between the last record before here and the first one here, growing with
    /// the time: where a reader that found nothing has got to. Reading after it, or at it,
    /// continues here.
    pub(super) fn continuation(&self, now: u64) -> Option<String> {
        let number = parse_sequence(&self.0).ok()?;
        let before = number.seq_ix?.saturating_sub(1);
        Some(stringify_sequence(&SeqObj {
            seq_ix: Some(before),
            // No record has this byte set: it sorts after the record of that number, whatever its
            // time.
            byte1: Some("01".to_owned()),
            seq_time: Some(now.max(number.shard_create_time)),
            ..number
        }))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(index: u64, time: u64) -> String {
        stringify_sequence(&SeqObj {
            shard_create_time: 1_700_000_000_000,
            seq_ix: Some(index),
            byte1: None,
            seq_time: Some(time),
            seq_rand: None,
            shard_ix: 3,
            version: 2,
        })
    }

    #[test]
    fn positions_lie_between_records() {
        let (first, second) = (record(1, 1_700_000_009_000), record(2, 1_700_000_009_000));
        let after = Position::after(&first).unwrap();
        assert!(first.as_str() < after.as_str() && after.as_str() <= second.as_str());
        assert_eq!(Position::of_index(&first, 2), Some(after.clone()));

        let idle = after.continuation(1_700_000_005_000).unwrap();
        let later = after.continuation(1_700_000_500_000).unwrap();
        assert!(first < idle && idle < later && later < second);
        assert_eq!(Position::after(&later), Some(after), "it leads back to the same place");
    }

    #[test]
    fn the_end_of_a_closed_shard_has_nothing_after_it() {
        let end = record(MAX_SEQ_IX, 1_700_000_009_000);
        assert!(
            Position::after(&end).unwrap().as_str()
                > record(MAX_SEQ_IX - 1, 1_700_000_009_000).as_str()
        );
    }
}
