//! Sequence numbers and checkpoints.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A sequence number of a shard: a decimal number that does not fit 128 bits.
///
/// Ordered by length, then by text, which is the numbers' own order since Kinesis writes no
/// leading zeros. It is never parsed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SequenceNumber(Arc<str>);

impl SequenceNumber {
    /// Wraps a sequence number as Kinesis wrote it.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(Arc::from(text.as_ref()))
    }

    /// The number as Kinesis wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The order of two sequence numbers that are still text.
    pub fn compare(a: &str, b: &str) -> Ordering {
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        Self::compare(&self.0, &other.0)
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<&str> for SequenceNumber {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of an aggregated record: its user records up to and including `sub` are done.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part {
    /// The aggregated record.
    pub sequence: SequenceNumber,
    /// The last user record in it that is done, counted from 0.
    pub sub: u64,
}

/// How far a shard is done: whole records up to `sequence`, and perhaps the beginning of the
/// aggregated record after it.
///
/// The order is the order of progress. A `part` at or before `sequence` means nothing and is
/// never built by [`Checkpoint::new`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    /// The last record that is done as a whole; `None` before the first.
    pub sequence: Option<SequenceNumber>,
    /// What is done of the record after it.
    pub part: Option<Part>,
}

impl Checkpoint {
    /// A checkpoint; a `part` that `sequence` has already passed is dropped.
    pub fn new(sequence: Option<SequenceNumber>, part: Option<Part>) -> Self {
        let part = part.filter(|part| sequence.as_ref().is_none_or(|s| part.sequence > *s));
        Self { sequence, part }
    }

    /// Every record up to and including this one is done.
    pub fn at(sequence: impl Into<SequenceNumber>) -> Self {
        Self { sequence: Some(sequence.into()), part: None }
    }
}

impl Ord for Checkpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sequence.cmp(&other.sequence).then_with(|| self.part.cmp(&other.part))
    }
}

impl PartialOrd for Checkpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_is_the_numbers_own(a: u128, b: u128) {
            let (x, y) = (SequenceNumber::new(a.to_string()), SequenceNumber::new(b.to_string()));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }
    }

    #[test]
    fn a_part_counts_only_beyond_the_whole_records() {
        let part = |sequence: &str, sub| Some(Part { sequence: sequence.into(), sub });
        assert_eq!(Checkpoint::new(Some("10".into()), part("9", 3)), Checkpoint::at("10"));
        let inside = Checkpoint::new(Some("10".into()), part("11", 0));
        assert!(Checkpoint::at("10") < inside && inside < Checkpoint::at("11"));
        assert!(Checkpoint::new(None, part("9", 3)) < Checkpoint::at("9"));
    }
}
