//! SubscribeToShard: pushes a shard's records for five minutes.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use ferrokinesis::{error::KinesisErrorResponse as Failure, event_stream, types::ConsumerStatus};
use hyper::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    Kinesis,
    log::Limits,
    position::Position,
    read::{Page, Record},
    start::{Start, invalid},
    stream::{ChildShard, Stream},
    wire::{Encoding, respond},
};
use crate::{clock, fault::EventFault};

/// An event with no records comes this often when there are none.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How soon a closed shard, or a consumer that is gone, is noticed.
const POLL: Duration = Duration::from_millis(100);

/// After a record arrived, so long its followers are waited for, to go into the same event.
const GATHER: Duration = Duration::from_millis(5);

/// Data and keys of an event, at most.
const EVENT_BYTES: usize = 2 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SubscribeToShard {
    #[serde(rename = "ConsumerARN")]
    consumer_arn: String,
    shard_id: String,
    starting_position: Start,
}

/// Who is subscribed to what. A consumer has one subscription to a shard; a new one takes over from
/// the old.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// By consumer ARN and shard id: since when, and what closes when the next one takes it.
    slots: Mutex<HashMap<(String, String), Slot>>,
}

type Slot = (Instant, watch::Sender<()>);

impl Subscriptions {
    /// Takes the slot, unless it was taken a moment ago. The receiver closes when the next one
    /// takes it.
    fn take(&self, consumer: &str, shard: &str, hold: Duration) -> Option<watch::Receiver<()>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (consumer.to_owned(), shard.to_owned());
        let now = clock::instant();
        if slots.get(&key).is_some_and(|(since, _)| now.saturating_duration_since(*since) < hold) {
            return None;
        }
        let (sender, receiver) = watch::channel(());
        slots.insert(key, (now, sender));
        Some(receiver)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Event<'a> {
    records: Vec<Record<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continuation_sequence_number: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_shards: Option<&'a [ChildShard]>,
}

impl<'a> Event<'a> {
    fn new(records: Vec<Record<'a>>, continuation: Option<String>, behind: u64) -> Self {
        Self {
            records,
            continuation_sequence_number: continuation,
            millis_behind_latest: behind,
            child_shards: None,
        }
    }
}

/// One subscription, as long as the client listens.
struct Session {
    kinesis: Kinesis,
    encoding: Encoding,
    consumer: String,
    stream: Arc<Stream>,
    shard: usize,
    position: Position,
    slot: watch::Receiver<()>,
    ends: Instant,
    heartbeat: Instant,
    stage: Stage,
}

enum Stage {
    Greeting,
    Reading,
    /// All records are sent, the shard's end is not.
    Ending(Vec<ChildShard>),
    /// Nothing more is said, and the connection is left open: an injected fault.
    Silent,
    Over,
}

impl Kinesis {
    pub(super) async fn subscribe(
        &self,
        encoding: Encoding,
        call: SubscribeToShard,
    ) -> Result<Response<Body>, Failure> {
        let consumer = self.store().get_consumer(&call.consumer_arn).await;
        let consumer = consumer.ok_or_else(|| no_such_consumer(&call.consumer_arn))?;
        if consumer.consumer_status != ConsumerStatus::Active {
            return Err(Failure::client_error(
                "ResourceInUseException",
                Some("The consumer is not ACTIVE."),
            ));
        }
        let stream_arn = call.consumer_arn.split_once("/consumer/").map(|(stream, _)| stream);
        let stream_arn = stream_arn.ok_or_else(|| invalid("ConsumerARN is not valid."))?;
        let stream = self.streams().find(None, Some(stream_arn))?;
        let (shard, description) = self.streams().shard(&stream, &call.shard_id).await?;
        let here =
            description.shards.get(shard).ok_or_else(|| Failure::server_error(None, None))?;
        let position = self.locate(&stream, shard, here, &call.starting_position).await?;

        let settings = self.settings();
        let slot = self.0.subscriptions.take(
            &call.consumer_arn,
            &call.shard_id,
            settings.resubscribe_after,
        );
        let slot = slot.ok_or_else(|| {
            let message = "Another active subscription exists for this consumer and shard.";
            Failure::client_error("ResourceInUseException", Some(message))
        })?;
        let now = clock::instant();
        let session = Session {
            kinesis: self.clone(),
            encoding,
            consumer: call.consumer_arn,
            stream,
            shard,
            position,
            slot,
            ends: now + settings.subscription,
            // At once: the client learns where it stands.
            heartbeat: now,
            stage: Stage::Greeting,
        };
        let events = futures_util::stream::unfold(session, Session::next);
        Ok(respond(StatusCode::OK, "application/vnd.amazon.eventstream", Body::from_stream(events)))
    }
}

impl Session {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let frame = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Greeting => {
                self.stage = Stage::Reading;
                event_stream::encode_initial_response()
            }
            Stage::Reading => match self.read().await {
                Ok(frame) => frame?,
                Err(failure) => exception(&failure),
            },
            Stage::Ending(children) => {
                self.end(&children).unwrap_or_else(|failure| exception(&failure))
            }
            Stage::Silent => std::future::pending().await,
            Stage::Over => return None,
        };
        Some((Ok(Bytes::from(frame)), self))
    }

    /// Waits for something to say; `None` when the subscription's time is up.
    async fn read(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let state = self.stream.shard_state(self.shard);
        let limits = Limits { records: self.kinesis.settings().event_records, bytes: EVENT_BYTES };
        loop {
            let now = clock::instant();
            if now >= self.ends {
                return Ok(None);
            }
            if self.slot.has_changed().is_err() {
                let message = "Another subscription of this consumer took over.";
                return Err(Failure::client_error("ResourceInUseException", Some(message)));
            }
            if self.kinesis.store().get_consumer(&self.consumer).await.is_none() {
                return Err(no_such_consumer(&self.consumer));
            }
            // From before the look: a record that arrives during it is not missed.
            let arrived = state.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();

            let mut page =
                self.kinesis.read(&self.stream, self.shard, &self.position, limits).await?;
            if let Some(children) = page.end.take() {
                if page.last().is_none() {
                    return self.end(&children).map(Some);
                }
                self.stage = Stage::Ending(children);
                return self.event(&page).map(Some);
            }
            if page.last().is_some() || now >= self.heartbeat {
                self.stage = Stage::Reading;
                return self.event(&page).map(Some);
            }
            let pause = POLL.min(self.heartbeat.min(self.ends).saturating_duration_since(now));
            tokio::select! {
                biased;
                () = arrived => tokio::time::sleep(GATHER).await,
                _ = self.slot.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn event(&mut self, page: &Page) -> Result<Vec<u8>, Failure> {
        self.heartbeat = clock::instant() + HEARTBEAT;
        self.position = page.next.clone();
        let Some(last) = page.last() else {
            let continuation = page.next.continuation(clock::now_millis());
            return self.encode(&Event::new(Vec::new(), continuation, page.behind));
        };
        let whole = || Event::new(page.records(), Some(last.to_owned()), page.behind);
        let Some(fault) = self.kinesis.0.faults.judge_event(false) else {
            return self.encode(&whole());
        };
        match fault {
            EventFault::Exception(code) => {
                self.stage = Stage::Over;
                Ok(event_stream::encode_exception(code, "an injected fault"))
            }
            EventFault::Silence => {
                self.stage = Stage::Silent;
                Ok(Vec::new())
            }
            EventFault::HalfAFrame => {
                self.stage = Stage::Over;
                let mut frame = self.encode(&whole())?;
                frame.truncate(frame.len() / 2);
                Ok(frame)
            }
            EventFault::TwoInAChunk => {
                let mut first = page.records();
                let second = first.split_off(first.len().div_ceil(2));
                let middle = first.last().map(|record| record.sequence_number.to_owned());
                let mut chunk = self.encode(&Event::new(first, middle, page.behind))?;
                let second = Event::new(second, Some(last.to_owned()), page.behind);
                chunk.extend(self.encode(&second)?);
                Ok(chunk)
            }
            EventFault::EmptyContinuation => self.encode(&whole()),
        }
    }

    /// The last event: the children, and nothing to continue with.
    fn end(&self, children: &[ChildShard]) -> Result<Vec<u8>, Failure> {
        let empty = self.kinesis.0.faults.judge_event(true).map(|_| String::new());
        let child_shards = Some(children);
        self.encode(&Event { child_shards, ..Event::new(Vec::new(), empty, 0) })
    }

    fn encode(&self, event: &Event<'_>) -> Result<Vec<u8>, Failure> {
        let payload = self.encoding.write(event)?;
        Ok(event_stream::encode_subscribe_event(&payload, self.encoding.content_type()))
    }
}

fn no_such_consumer(arn: &str) -> Failure {
    Failure::client_error("ResourceNotFoundException", Some(&format!("Consumer {arn} not found.")))
}

/// The frame that ends a subscription with an error.
fn exception(failure: &Failure) -> Vec<u8> {
    let kind = match failure.body.error_type.as_str() {
        "ResourceInUseException" => "ResourceInUseException",
        "ResourceNotFoundException" => "ResourceNotFoundException",
        _ => "InternalFailureException",
    };
    event_stream::encode_exception(kind, failure.body.message.as_deref().unwrap_or(kind))
}
