//! Any bytes as what a subscription brings: frames with any content, and bytes that are no frames.
//!
//! An input is a list of pieces: a byte for the kind, two for the length, and so many bytes.
#![no_main]

use std::sync::{LazyLock, Mutex};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use kinfolk::core::reader::Position;
use kinfolk::source::{KinesisSource, Source};
use tokio::runtime::{Builder, Runtime};

/// What the service answers.
static BODY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static SOURCE: LazyLock<KinesisSource> = LazyLock::new(|| {
    let answer = |_| {
        let body = BODY.lock().expect("nobody panics with it").clone();
        let answer = http::Response::builder().header("content-type", "application/x-amz-json-1.1");
        answer.body(body).expect("an answer")
    };
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .endpoint_url("http://localhost")
        .credentials_provider(Credentials::new("local", "local", None, None, "fuzz"))
        .http_client(infallible_client_fn(answer))
        .build();
    KinesisSource::new(Client::from_conf(config), "orders")
});

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    *BODY.lock().expect("nobody panics with it") = body(bytes);
    RUNTIME.block_on(async {
        let (shard, from) = ("shard".into(), Position::TrimHorizon);
        let Ok(mut events) = SOURCE.subscribe("consumer", &shard, &from).await else { return };
        while let Some(event) = events.next().await {
            let Ok(event) = event else {
                assert!(events.next().await.is_none(), "nothing follows an error");
                return;
            };
            let size = |record: kinfolk::Record<'_>| {
                record.data().len() + record.partition_key().map_or(0, str::len)
            };
            assert_eq!(event.page.iter().map(size).sum::<usize>() as u64, event.page.bytes());
            assert!(event.continuation.is_none_or(|sequence| !sequence.as_str().is_empty()));
        }
    });
});

fn body(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = frame("event", ":event-type", "initial-response", b"{}");
    while let [kind, low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, rest) = rest.split_at(length);
        body.extend(match kind % 8 {
            0 => content.to_vec(),
            1 => frame("exception", ":exception-type", "ResourceInUseException", content),
            2 => frame("exception", ":exception-type", "InternalFailureException", content),
            3 => frame("event", ":event-type", "SomethingElse", content),
            _ => frame("event", ":event-type", "SubscribeToShardEvent", content),
        });
        bytes = rest;
    }
    body
}

fn frame(kind: &str, header: &'static str, name: &str, content: &[u8]) -> Vec<u8> {
    let text = |text: &str| HeaderValue::String(text.to_owned().into());
    let message = Message::new(content.to_vec())
        .add_header(Header::new(":message-type", text(kind)))
        .add_header(Header::new(header, text(name)))
        .add_header(Header::new(":content-type", text("application/x-amz-json-1.1")));
    let mut frame = Vec::new();
    write_message_to(&message, &mut frame).expect("a frame");
    frame
}
