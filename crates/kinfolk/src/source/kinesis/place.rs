//! A position, as calls name it.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinfolk_core::reader::Position;

/// What GetShardIterator and SubscribeToShard are told of a position.
pub(super) struct Place {
    pub(super) kind: ShardIteratorType,
    pub(super) sequence: Option<String>,
    pub(super) time: Option<DateTime>,
}

impl Place {
    pub(super) fn of(position: &Position) -> Self {
        use ShardIteratorType as Kind;
        let (kind, sequence, time) = match position {
            Position::TrimHorizon => (Kind::TrimHorizon, None, None),
            Position::Latest => (Kind::Latest, None, None),
            Position::At(time) => (Kind::AtTimestamp, None, Some(DateTime::from_millis(time.0))),
            Position::From(number) => (Kind::AtSequenceNumber, Some(number.to_string()), None),
            Position::After(number) => (Kind::AfterSequenceNumber, Some(number.to_string()), None),
        };
        Self { kind, sequence, time }
    }
}
