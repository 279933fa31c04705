//! One consumer that reads a stream by enhanced fan-out while records are put all the time, for long
//! enough that every shard is subscribed to again. Then what came out is checked against what was
//! put: all of it, once, and in order for each shard.
//!
//! Arguments: the endpoint of a Kinesis, or `embedded` for one in this process; for how many seconds.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints what it saw"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use kinfolk::core::id::StreamRef;
use kinfolk::core::topology::Initial;
use kinfolk::event::Events;
use kinfolk::source::KinesisSource;
use kinfolk::store::memory::MemoryStore;
use kinfolk::{Consumer, Event};
use kinfolk_bench::Result;
use kinfolk_local::Local;
use tokio::time::{sleep, timeout};

const SHARDS: u32 = 2;
/// Between one record and the next.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a subscription lasts.
const SUBSCRIPTION: u64 = 300;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(seconds)) = (arguments.next(), arguments.next()) else {
        return Err("expected an endpoint, or `embedded`, and a number of seconds".into());
    };
    let seconds: u64 = seconds.parse()?;
    let local = match endpoint.as_str() {
        "embedded" => Some(Local::builder().start().await?),
        _ => None,
    };
    let client = client(local.as_ref().map_or(endpoint, Local::kinesis_endpoint));
    let stream = StreamRef::from(format!("soak-{}", std::process::id()));
    kinfolk::stream::create(&client, &stream, SHARDS).await?;
    let consumer = Consumer::builder(stream.as_str(), "soak")
        .initial(Initial::TrimHorizon)
        .fan_out(1)
        .start(
            Arc::new(KinesisSource::new(client.clone(), stream.clone())),
            Arc::new(MemoryStore::new()),
        )
        .await?;
    // Records are put only once both shards are subscribed to: all of them are to be pushed.
    let mut events = consumer.events();
    let mut seen = Seen::default();
    timeout(Duration::from_secs(60), seen.all_subscribed(&mut events)).await??;
    let puts = put(&client, &stream, Duration::from_secs(seconds));
    let takes = seen.take(&consumer, &mut events, Duration::from_secs(seconds));
    let (put, taken) = tokio::join!(puts, takes);
    let put = put?;
    taken?;
    seen.rest(&consumer, &mut events, put).await?;
    consumer.shutdown().await?;
    kinfolk::stream::delete(&client, &stream, true).await?;
    seen.verdict(put, seconds)
}

fn client(endpoint: String) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// Puts numbers one after the other; how many.
async fn put(client: &Client, stream: &StreamRef, time: Duration) -> Result<usize> {
    let (begin, mut number) = (Instant::now(), 0);
    while begin.elapsed() < time {
        let put = client.put_record().stream_name(stream.as_str());
        let put = put.partition_key(format!("key-{}", number % 16));
        put.data(Blob::new(number.to_string())).send().await?;
        number += 1;
        sleep(PAUSE).await;
    }
    Ok(number)
}

/// What came out, and what happened.
#[derive(Default)]
struct Seen {
    /// The numbers of each shard, as they came.
    numbers: BTreeMap<String, Vec<usize>>,
    count: usize,
    subscriptions: BTreeMap<String, u32>,
    losses: BTreeMap<String, usize>,
    fell_back: usize,
}

impl Seen {
    async fn all_subscribed(&mut self, events: &mut Events) -> Result<()> {
        while self.subscriptions.len() < SHARDS as usize {
            self.note(&events.next().await.ok_or("the consumer ended")?);
        }
        Ok(())
    }

    async fn take(
        &mut self,
        consumer: &Consumer,
        events: &mut Events,
        time: Duration,
    ) -> Result<()> {
        let begin = Instant::now();
        while let Some(left) = time.checked_sub(begin.elapsed()) {
            self.step(consumer, events, left).await?;
        }
        Ok(())
    }

    /// What is still under way; and nothing more after that.
    async fn rest(&mut self, consumer: &Consumer, events: &mut Events, put: usize) -> Result<()> {
        let begin = Instant::now();
        while self.count < put && begin.elapsed() < Duration::from_secs(30) {
            self.step(consumer, events, Duration::from_secs(1)).await?;
        }
        self.take(consumer, events, Duration::from_secs(3)).await
    }

    async fn step(
        &mut self,
        consumer: &Consumer,
        events: &mut Events,
        wait: Duration,
    ) -> Result<()> {
        tokio::select! {
            event = events.next() => self.note(&event.ok_or("the consumer ended")?),
            batch = consumer.next_batch(1_000) => {
                let batch = batch.ok_or("the consumer ended")?;
                let shard = self.numbers.entry(batch.shard().to_string()).or_default();
                for record in batch.iter() {
                    shard.push(std::str::from_utf8(record.data())?.parse()?);
                    self.count += 1;
                }
                batch.ack();
            }
            () = sleep(wait) => {}
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Subscribed { shard, times } => {
                self.subscriptions.insert(shard.to_string(), *times);
            }
            Event::Unsubscribed { loss, message, .. } => {
                *self.losses.entry(format!("{loss:?} {message}")).or_default() += 1;
            }
            Event::FellBack { reason, message, .. } => {
                println!("fell back to polling: {reason:?} {message}");
                self.fell_back += 1;
            }
            _ => {}
        }
    }

    fn verdict(&self, put: usize, seconds: u64) -> Result<()> {
        let mut all: Vec<usize> = self.numbers.values().flatten().copied().collect();
        all.sort_unstable();
        let distinct = {
            let mut all = all.clone();
            all.dedup();
            all.len()
        };
        let ordered = self.numbers.values().all(|shard| shard.is_sorted());
        let again = self.subscriptions.values().map(|times| times - 1).min().unwrap_or(0);
        println!(
            "put {put} records in {seconds} s, {} came out, {distinct} of them different",
            all.len()
        );
        println!("in order for each shard: {ordered}");
        for (shard, times) in &self.subscriptions {
            println!("{shard}: subscribed {times} times, {} of them again", times - 1);
        }
        for (loss, times) in &self.losses {
            println!("a subscription was over, {times} times: {loss}");
        }
        println!("fell back to polling {} times", self.fell_back);
        let wanted = seconds / SUBSCRIPTION;
        let complete = distinct == put && all.len() == put;
        match complete && ordered && self.fell_back == 0 && u64::from(again) >= wanted {
            true => println!("every record came out once and in order"),
            false => return Err(format!("not as it should be ({wanted} resubscriptions)").into()),
        }
        Ok(())
    }
}
