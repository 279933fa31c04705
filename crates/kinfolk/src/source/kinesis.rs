//! Kinesis through its SDK, polled or by fan-out.

mod connection;
mod place;
mod subscribe;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Builder, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat as Format};
use aws_sdk_kinesis::types;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use kinfolk_core::coordinate::Registered;
use kinfolk_core::id::{GroupName, ShardId, StreamRef};
use kinfolk_core::reader::{ChildShard, Fault, Position};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::Listing;

use place::Place;

use super::{Answer, Description, ReadError, Source, Subscription};
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::fan_out;
use crate::record::{Page, Raw};
use crate::store::BoxFuture;
use crate::stream::{self, named};

/// How long one call may take, in seconds. A GetRecords answer holds up to 10 MiB.
const ATTEMPT: Duration = Duration::from_secs(15);

/// A Kinesis stream that is read with GetRecords or SubscribeToShard.
#[derive(Clone, Debug)]
pub struct KinesisSource {
    client: Client,
    stream: StreamRef,
}

impl KinesisSource {
    /// The stream of that name or ARN, through this client. Its retries are not used for reading.
    pub fn new(client: Client, stream: impl Into<StreamRef>) -> Self {
        Self { client, stream: stream.into() }
    }

    /// One attempt with a limit in time: the core decides about the next.
    fn once(&self) -> Builder {
        let timeouts = TimeoutConfig::builder().operation_timeout(ATTEMPT).build();
        Builder::new().retry_config(RetryConfig::disabled()).timeout_config(timeouts)
    }

    fn read_error<E>(
        &self,
        doing: &str,
        shard: &ShardId,
        error: &SdkError<E, HttpResponse>,
    ) -> ReadError
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        self.failed(doing, shard, Failure::of(error))
    }

    fn failed(&self, doing: &str, shard: &ShardId, failure: Failure) -> ReadError {
        let fault = match (failure.kind, failure.code.as_deref()) {
            (_, Some("ExpiredIteratorException")) => Fault::Expired,
            (_, Some("ResourceNotFoundException")) => Fault::Missing,
            (_, Some("ResourceInUseException")) => Fault::InUse,
            (_, Some("InvalidArgumentException" | "ValidationException")) => Fault::Invalid,
            _ if failure.throttled => Fault::Throttled,
            (ErrorKind::Denied, _) => Fault::Denied,
            _ => Fault::Unavailable,
        };
        let error =
            failure.error(format_args!("{doing} of shard {shard} of stream {}", self.stream));
        ReadError { fault, error }
    }
}

impl Source for KinesisSource {
    fn describe(&self) -> BoxFuture<'_, Result<Description>> {
        Box::pin(async {
            named::check(&self.stream)?;
            let call = self.client.describe_stream_summary();
            let call = call
                .set_stream_name(named::name(&self.stream))
                .set_stream_arn(named::arn(&self.stream));
            let date = ServerDate::default();
            let answer = call.customize().interceptor(date.clone()).send().await;
            let answer = answer.map_err(|error| {
                Failure::of(&error).error(format_args!("describe stream {}", self.stream))
            })?;
            let summary =
                answer.stream_description_summary().ok_or_else(|| self.odd("no summary"))?;
            let (kind, state) = match summary.stream_status() {
                types::StreamStatus::Deleting => (
                    ErrorKind::Config,
                    "deleted: name another one, or make it again once it is gone",
                ),
                types::StreamStatus::Creating => (ErrorKind::Unavailable, "created"),
                _ => return Ok(description(summary, &date)),
            };
            Err(Error::new(kind, format!("stream {} is being {state}", self.stream)))
        })
    }

    fn register<'a>(
        &'a self,
        group: &'a GroupName,
        wanted: u32,
    ) -> BoxFuture<'a, Result<Registered>> {
        Box::pin(fan_out::register(&self.client, &self.stream, group, wanted))
    }

    fn list(&self) -> BoxFuture<'_, Result<Listing>> {
        Box::pin(async {
            let shards = stream::list_shards(&self.client, &self.stream).await?;
            Ok(shards.into_iter().collect())
        })
    }

    fn iterator<'a>(
        &'a self,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Arc<str>, ReadError>> {
        Box::pin(async move {
            let Place { kind, sequence, time } = Place::of(position);
            let call = self
                .client
                .get_shard_iterator()
                .set_stream_name(named::name(&self.stream))
                .set_stream_arn(named::arn(&self.stream))
                .shard_id(shard.as_str())
                .shard_iterator_type(kind)
                .set_starting_sequence_number(sequence)
                .set_timestamp(time);
            let answer = call.customize().config_override(self.once()).send().await;
            let answer = answer.map_err(|e| self.read_error("get an iterator", shard, &e))?;
            let iterator = answer.shard_iterator().filter(|text| !text.is_empty());
            iterator.map(Arc::from).ok_or_else(|| ReadError {
                fault: Fault::Unavailable,
                error: self.odd("no iterator"),
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        shard: &'a ShardId,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer, ReadError>> {
        Box::pin(async move {
            let limit = i32::try_from(limit).unwrap_or(i32::MAX);
            let call = self.client.get_records().shard_iterator(iterator).limit(limit);
            // It takes no name, and the ARN where the stream is another account's.
            let call = call.set_stream_arn(named::arn(&self.stream));
            let answer = call.customize().config_override(self.once()).send().await;
            let answer = answer.map_err(|e| self.read_error("get records", shard, &e))?;
            let next = answer.next_shard_iterator.filter(|text| !text.is_empty());
            Ok(Answer {
                page: Page::new(answer.records.into_iter().map(raw).collect()),
                next: next.map(Arc::from),
                behind_ms: answer.millis_behind_latest.and_then(|ms| u64::try_from(ms).ok()),
                children: answer.child_shards.unwrap_or_default().into_iter().map(child).collect(),
            })
        })
    }

    fn subscribe<'a>(
        &'a self,
        consumer: &'a str,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Subscription, ReadError>> {
        Box::pin(subscribe::subscribe(self, consumer, shard, position))
    }
}

impl KinesisSource {
    fn odd(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Data,
            format!("Kinesis answered oddly for stream {}: {what}", self.stream),
        )
    }
}

fn description(summary: &types::StreamDescriptionSummary, date: &ServerDate) -> Description {
    let created_on = javascript_date(summary.stream_creation_timestamp());
    Description { created_on, server_time: date.0.get().copied() }
}

/// Takes the `Date` of an answer, which the SDK's outputs do not show.
#[derive(Clone, Debug, Default)]
struct ServerDate(Arc<OnceLock<WallTime>>);

impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok());
        if let Some(date) = date {
            // A second answer to one call says the same.
            let _ = self.0.set(javascript_date(&date));
        }
        Ok(())
    }
}

fn child(child: types::ChildShard) -> ChildShard {
    ChildShard {
        id: ShardId::from(child.shard_id),
        parents: child.parent_shards.into_iter().map(ShardId::from).collect(),
    }
}

fn raw(record: types::Record) -> Raw {
    Raw {
        sequence: SequenceNumber::new(&record.sequence_number),
        partition_key: record.partition_key,
        data: Bytes::from(record.data.into_inner()),
        arrival: record.approximate_arrival_timestamp.map(|time| javascript_date(&time)),
    }
}

/// Milliseconds as JavaScript makes them of a number of seconds: the product of two doubles, without
/// its fraction. Cutting nanoseconds off is a millisecond away from that for half of all dates, and a
/// creation date that is off by one makes Node wipe the state.
fn javascript_date(time: &DateTime) -> WallTime {
    let ms = time.as_secs_f64() * 1_000.0;
    // Dates of this age fit 53 bits, and a cast of a float saturates. It cuts the fraction off.
    #[allow(clippy::cast_possible_truncation)]
    WallTime(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_made_as_javascript_does() {
        for (seconds, ms) in [
            (1_763_826_979.0, 1_763_826_979_000),
            (1_763_826_979.000_6, 1_763_826_979_000),
            (1_763_826_979.999_4, 1_763_826_979_999),
            (1_763_826_979.999_999, 1_763_826_979_999),
            (1_763_826_979.123_5, 1_763_826_979_123),
        ] {
            assert_eq!(javascript_date(&DateTime::from_secs_f64(seconds)).0, ms);
        }
    }

    #[test]
    fn dates_of_whole_milliseconds_stay_what_they_are() {
        for ms in 1_763_826_979_000..1_763_826_980_000 {
            let seconds: f64 = format!("{}.{:03}", ms / 1_000, ms % 1_000).parse().unwrap();
            assert_eq!(javascript_date(&DateTime::from_secs_f64(seconds)).0, ms);
        }
    }
}
