use aws_sdk_kinesis::types::error::{InternalFailureException, ResourceInUseException};
use aws_sdk_kinesis::types::{self, ChildShard, HashKeyRange};
use kinfolk_core::id::StreamRef;
use kinfolk_core::reader::Fault;

use super::*;

fn built(continuation: &str) -> SubscribeToShardEvent {
    let record = types::Record::builder()
        .sequence_number("42")
        .data(aws_sdk_kinesis::primitives::Blob::new("data"))
        .partition_key("key")
        .build()
        .expect("complete");
    let range = HashKeyRange::builder().starting_hash_key("0").ending_hash_key("9").build();
    let child = ChildShard::builder()
        .shard_id("child")
        .parent_shards("parent")
        .hash_key_range(range.expect("complete"))
        .build()
        .expect("complete");
    SubscribeToShardEvent::builder()
        .records(record)
        .continuation_sequence_number(continuation)
        .millis_behind_latest(-1)
        .child_shards(child)
        .build()
        .expect("complete")
}

#[test]
fn an_event_keeps_its_records_whatever_its_continuation() {
    let got = event(built(""));
    assert_eq!((got.page.len(), got.continuation), (1, None), "an empty string is none");
    assert_eq!(got.behind_ms, None, "a lag below nothing is not known");
    assert_eq!(got.children.len(), 1);
    assert_eq!(event(built("42")).continuation, Some("42".into()));
}

#[test]
fn errors_in_the_stream_are_judged_like_those_of_a_call() {
    let source = KinesisSource {
        client: aws_sdk_kinesis::Client::from_conf(
            aws_sdk_kinesis::Config::builder()
                .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
                .build(),
        ),
        stream: StreamRef::from("orders"),
    };
    let fault = |error: StreamError| {
        let error = SdkError::service_error(error, RawMessage::invalid(None));
        source.failed(DOING, &"s".into(), failure(&error)).fault
    };
    let in_use = ResourceInUseException::builder().message("taken over").build();
    assert_eq!(fault(StreamError::ResourceInUseException(in_use)), Fault::InUse);
    let internal = InternalFailureException::builder().message("oops").build();
    assert_eq!(fault(StreamError::InternalFailureException(internal)), Fault::Unavailable);
    let missing = types::error::ResourceNotFoundException::builder().build();
    assert_eq!(fault(StreamError::ResourceNotFoundException(missing)), Fault::Missing);
    let slow = types::error::KmsThrottlingException::builder().build();
    assert_eq!(fault(StreamError::KmsThrottlingException(slow)), Fault::Throttled);
    let unknown = StreamError::unhandled("something");
    assert_eq!(fault(unknown), Fault::Unavailable);
}

#[test]
fn half_a_frame_is_no_answer() {
    let error: SdkError<StreamError, RawMessage> =
        SdkError::response_error("unexpected end of stream", RawMessage::invalid(None));
    let failure = failure(&error);
    assert_eq!(failure.kind, crate::error::ErrorKind::Unavailable);
}
