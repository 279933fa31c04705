//! A stream and a table on local servers.
#![allow(dead_code, reason = "each test file uses its own part of it")]
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_kinesis::Client as Kinesis;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use futures_util::StreamExt;
use kinfolk::core::coordinate::Timing;
use kinfolk::core::snapshot::Snapshot;
use kinfolk::core::topology::Initial;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::{Builder, Consumer, Delivery};
use kinfolk_local::{Local, Server};
use tokio::time::timeout;

/// Deadlines an eighth as long as the defaults, in the same proportions.
pub(crate) fn fast() -> Timing {
    Timing {
        beat_ms: 310,
        attempt_ms: 120,
        fence_ms: 700,
        stop_ms: 200,
        look_ms: 100,
        drain_ms: 5_000,
    }
}

pub(crate) struct World {
    pub(crate) local: Local,
    pub(crate) kinesis: Kinesis,
    pub(crate) dynamodb: DynamoDb,
    stream: String,
}

impl World {
    pub(crate) async fn start(stream: &str, shards: i32) -> Self {
        Self::on(Local::builder().start().await.unwrap(), stream, shards).await
    }

    pub(crate) async fn on(local: Local, stream: &str, shards: i32) -> Self {
        let http = || aws_smithy_http_client::Builder::new().build_http();
        let credentials = || Credentials::new("local", "local", None, None, "local");
        let kinesis = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(local.kinesis_endpoint())
            .region(Region::new(local.region()))
            .credentials_provider(credentials())
            .http_client(http())
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(local.dynamodb_endpoint())
            .region(Region::new(local.region()))
            .credentials_provider(credentials())
            .http_client(http())
            .build();
        let kinesis = Kinesis::from_conf(kinesis);
        let dynamodb = DynamoDb::from_conf(dynamodb);
        kinfolk::stream::create(&kinesis, &stream.into(), shards as u32).await.unwrap();
        Self { local, kinesis, dynamodb, stream: stream.to_owned() }
    }

    pub(crate) fn stream(&self) -> &str {
        &self.stream
    }

    pub(crate) fn builder(&self) -> Builder {
        Consumer::builder(self.stream.as_str(), "group")
            .initial(Initial::TrimHorizon)
            .timing(fast())
    }

    pub(crate) async fn consumer(&self) -> Consumer {
        self.builder().clients(self.kinesis.clone(), self.dynamodb.clone()).await.unwrap()
    }

    /// Starting is the caller's to repeat: only a running consumer outlives outages by itself.
    pub(crate) async fn consumer_despite_faults(&self) -> Consumer {
        for _ in 0..20 {
            let clients = (self.kinesis.clone(), self.dynamodb.clone());
            if let Ok(consumer) = self.builder().clients(clients.0, clients.1).await {
                return consumer;
            }
        }
        panic!("it does not start");
    }

    /// Puts records whose data is their number; each has a key of its own.
    pub(crate) async fn put(&self, numbers: Range<usize>) {
        for number in Self::expected(numbers) {
            let put = self.kinesis.put_record().stream_name(&self.stream);
            let put = put.partition_key(&number).data(Blob::new(number.as_bytes()));
            put.send().await.unwrap();
        }
    }

    /// The data of these records, in order.
    pub(crate) fn expected(numbers: Range<usize>) -> Vec<String> {
        numbers.map(|number| format!("{number:04}")).collect()
    }

    pub(crate) async fn split(&self, shard: &str) {
        kinfolk::stream::split(&self.kinesis, &self.stream.as_str().into(), &shard.into(), None)
            .await
            .unwrap();
    }

    /// How often GetRecords was called.
    pub(crate) fn reads(&self) -> u64 {
        self.local.counts().of(Server::Kinesis, "GetRecords")
    }

    pub(crate) async fn wait_until(&self, what: &str, wanted: impl Fn(&Snapshot) -> bool) {
        let store =
            LifionStore::new(&self.dynamodb, "lifion-kinesis-state", "group", self.stream.as_str());
        let begin = Instant::now();
        let mut last = None;
        while begin.elapsed() < Duration::from_secs(15) {
            last = store.look().await.unwrap();
            if last.as_ref().is_some_and(&wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what} did not come about: {last:#?}");
    }
}

/// How long something may take that is to happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) async fn next(consumer: &Consumer) -> Delivery {
    let next = async { consumer.records().next().await.expect("a record").expect("no error") };
    timeout(SOON, next).await.expect("a record in time")
}

/// Takes records until none comes for a while, and acknowledges them.
pub(crate) async fn drain(consumer: &Consumer) -> Vec<String> {
    let mut seen = Vec::new();
    let mut records = consumer.records();
    while let Ok(Some(record)) = timeout(Duration::from_millis(1_500), records.next()).await {
        let record = record.unwrap();
        seen.push(text(&record));
        assert!(record.ack());
    }
    seen
}

pub(crate) fn text(record: &Delivery) -> String {
    String::from_utf8(record.data().to_vec()).unwrap()
}

/// A folder that is gone at the end of the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kinfolk-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The path of a state in it.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("state.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
