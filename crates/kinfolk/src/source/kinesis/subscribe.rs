//! SubscribeToShard: the call, its events, and the errors among them.

use aws_sdk_kinesis::config::StalledStreamProtectionConfig;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::error::SubscribeToShardEventStreamError as StreamError;
use aws_sdk_kinesis::types::{
    StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use aws_smithy_types::event_stream::RawMessage;
use kinfolk_core::id::ShardId;
use kinfolk_core::reader::Position;
use kinfolk_core::sequence::SequenceNumber;

use super::connection::Connection;
use super::place::Place;
use super::{KinesisSource, child, raw};
use crate::aws::Failure;
use crate::record::Page;
use crate::source::{ReadError, Subscription, SubscriptionEvent};

const DOING: &str = "read the subscription";

/// A subscription and what its errors are told with.
struct Session {
    source: KinesisSource,
    shard: ShardId,
    output: SubscribeToShardOutput,
    connection: Connection,
}

pub(super) async fn subscribe(
    source: &KinesisSource,
    consumer: &str,
    shard: &ShardId,
    position: &Position,
) -> Result<Subscription, ReadError> {
    let mut connection = Connection::default();
    let start = starting_position(position)
        .map_err(|e| source.failed("subscribe", shard, Failure::of_request(&e)))?;
    let call = source.client.subscribe_to_shard().consumer_arn(consumer);
    let call = call.shard_id(shard.as_str()).starting_position(start).customize();
    // Silence is judged in the core, which knows that a full handler is none.
    let once = source.once().stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    let sent = call.config_override(once).interceptor(connection.capture()).send().await;
    let output = sent.map_err(|error| {
        if matches!(error, SdkError::ServiceError(_)) {
            connection.keep();
        }
        source.read_error("subscribe to the records", shard, &error)
    })?;
    let session = Session { source: source.clone(), shard: shard.clone(), output, connection };
    Ok(Subscription::new(futures_util::stream::unfold(Some(session), Session::next)))
}

impl Session {
    /// The next event; after an error there is none.
    async fn next(
        session: Option<Self>,
    ) -> Option<(Result<SubscriptionEvent, ReadError>, Option<Self>)> {
        let mut session = session?;
        loop {
            match session.output.event_stream.recv().await {
                Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(got))) => {
                    return Some((Ok(event(got)), Some(session)));
                }
                // A kind of event that this SDK does not know: there is nothing in it for us.
                Ok(Some(_)) => {}
                Ok(None) => {
                    session.connection.keep();
                    return None;
                }
                Err(error) => {
                    if matches!(error, SdkError::ServiceError(_)) {
                        session.connection.keep();
                    }
                    let failure = failure(&error);
                    let failed = session.source.failed(DOING, &session.shard, failure);
                    return Some((Err(failed), None));
                }
            }
        }
    }
}

fn starting_position(position: &Position) -> Result<StartingPosition, BuildError> {
    let Place { kind, sequence, time } = Place::of(position);
    StartingPosition::builder()
        .r#type(kind)
        .set_sequence_number(sequence)
        .set_timestamp(time)
        .build()
}

/// An event as the SDK has it. What is absent arrives as an empty string, or as zero.
fn event(event: SubscribeToShardEvent) -> SubscriptionEvent {
    let continuation = Some(event.continuation_sequence_number).filter(|text| !text.is_empty());
    SubscriptionEvent {
        page: Page::new(event.records.into_iter().map(raw).collect()),
        continuation: continuation.map(SequenceNumber::new),
        behind_ms: u64::try_from(event.millis_behind_latest).ok(),
        children: event.child_shards.unwrap_or_default().into_iter().map(child).collect(),
    }
}

/// What ended a subscription before its time.
fn failure(error: &SdkError<StreamError, RawMessage>) -> Failure {
    let SdkError::ServiceError(context) = error else { return Failure::of_stream(error) };
    let error = context.err();
    // The code is in the frame's header: the SDK makes it the error's type.
    let (code, status) = match error {
        StreamError::ResourceNotFoundException(_) => ("ResourceNotFoundException", 400),
        StreamError::ResourceInUseException(_) => ("ResourceInUseException", 400),
        StreamError::KmsThrottlingException(_) => ("KMSThrottlingException", 400),
        StreamError::KmsAccessDeniedException(_) => ("KMSAccessDeniedException", 400),
        StreamError::KmsOptInRequired(_) => ("KMSOptInRequired", 400),
        StreamError::KmsDisabledException(_) => ("KMSDisabledException", 400),
        StreamError::KmsInvalidStateException(_) => ("KMSInvalidStateException", 400),
        StreamError::KmsNotFoundException(_) => ("KMSNotFoundException", 400),
        StreamError::InternalFailureException(_) => ("InternalFailureException", 500),
        other => (other.code().unwrap_or("an unknown error"), 500),
    };
    Failure::answered(Some(code), error.message(), status)
}

#[cfg(test)]
mod tests;
