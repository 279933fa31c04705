//! GetShardIterator, and the starting positions that it shares with SubscribeToShard.

use ferrokinesis::{
    error::KinesisErrorResponse as Failure, sequence::parse_sequence, shard_iterator, types::Shard,
};
use serde::{Deserialize, Serialize};

use super::{Kinesis, position::Position, stream::Stream, wire::Millis};
use crate::clock;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetShardIterator {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    shard_id: String,
    shard_iterator_type: StartType,
    starting_sequence_number: Option<String>,
    timestamp: Option<Millis>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShardIterator {
    shard_iterator: String,
}

/// Where to start in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum StartType {
    TrimHorizon,
    Latest,
    AtTimestamp,
    AtSequenceNumber,
    AfterSequenceNumber,
}

/// Where to start in a shard, with the number or the time that goes with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start {
    #[serde(rename = "Type")]
    pub(super) kind: StartType,
    pub(super) sequence_number: Option<String>,
    pub(super) timestamp: Option<Millis>,
}

impl Kinesis {
    pub(super) async fn get_shard_iterator(
        &self,
        call: GetShardIterator,
    ) -> Result<ShardIterator, Failure> {
        let stream =
            self.streams().find(call.stream_name.as_deref(), call.stream_arn.as_deref())?;
        let (number, description) = self.streams().shard(&stream, &call.shard_id).await?;
        let shard =
            description.shards.get(number).ok_or_else(|| Failure::server_error(None, None))?;
        let start = Start {
            kind: call.shard_iterator_type,
            sequence_number: call.starting_sequence_number,
            timestamp: call.timestamp,
        };
        let position = self.locate(&stream, number, shard, &start).await?;
        Ok(ShardIterator { shard_iterator: iterator(&stream.name, &shard.shard_id, &position) })
    }

    /// Turns a start into a position.
    pub(super) async fn locate(
        &self,
        stream: &Stream,
        number: usize,
        shard: &Shard,
        start: &Start,
    ) -> Result<Position, Failure> {
        let first = &shard.sequence_number_range.starting_sequence_number;
        match (start.kind, &start.sequence_number, start.timestamp) {
            (StartType::TrimHorizon, None, _) => Ok(Position::at(first)),
            (StartType::Latest, None, _) => self.tip(stream, number, shard).await,
            (StartType::AtSequenceNumber, Some(sequence), _) => {
                belongs(sequence, first)?;
                Ok(Position::at(sequence))
            }
            (StartType::AfterSequenceNumber, Some(sequence), _) => {
                belongs(sequence, first)?;
                Position::after(sequence)
                    .ok_or_else(|| invalid("StartingSequenceNumber is not valid."))
            }
            (StartType::AtTimestamp, None, Some(time)) => {
                self.at_time(stream, number, shard, time).await
            }
            _ => Err(invalid(
                "AT_SEQUENCE_NUMBER and AFTER_SEQUENCE_NUMBER need a sequence number, AT_TIMESTAMP needs a timestamp, \
                 TRIM_HORIZON and LATEST take neither.",
            )),
        }
    }

    /// At the first record that arrived then or later.
    async fn at_time(
        &self,
        stream: &Stream,
        number: usize,
        shard: &Shard,
        time: Millis,
    ) -> Result<Position, Failure> {
        if time.0 > clock::now_millis() {
            return Err(invalid("The timestamp lies in the future."));
        }
        // Before the look, so that what arrives during it is not passed by.
        let tip = self.tip(stream, number, shard).await?;
        Ok(stream.shard_state(number).log.first_since(time).map_or(tip, Position::at))
    }
}

/// The token for a position, good for five minutes.
pub(super) fn iterator(stream: &str, shard: &str, position: &Position) -> String {
    shard_iterator::create_shard_iterator(stream, shard, position.as_str(), clock::now_millis())
}

/// Refuses a sequence number of another shard, or of another stream that had the name.
fn belongs(sequence: &str, first: &str) -> Result<(), Failure> {
    let (Ok(number), Ok(first)) = (parse_sequence(sequence), parse_sequence(first)) else {
        return Err(invalid("StartingSequenceNumber is not valid."));
    };
    if number.shard_ix != first.shard_ix || number.shard_create_time != first.shard_create_time {
        return Err(invalid("StartingSequenceNumber did not come from this shard."));
    }
    Ok(())
}

pub(super) fn invalid(message: &str) -> Failure {
    Failure::client_error("InvalidArgumentException", Some(message))
}
