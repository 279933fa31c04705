//! Kinesis: `ferrokinesis` keeps the streams, their shards and consumers, and numbers the records.
//!
//! The records are kept here (`log`), and the calls that read and write them are answered here too
//! (`put`, `get`, `start`, `shards`, `subscribe`), which is where `ferrokinesis` differs from AWS.
//! Everything else goes through its own operations (`control`).

mod control;
mod get;
mod journal;
mod limits;
mod log;
mod position;
mod put;
mod read;
mod reshard;
mod restore;
mod shards;
mod start;
mod stream;
mod subscribe;
mod wire;

use std::{io, sync::Arc, time::Duration};

use axum::body::Body;
use ferrokinesis::{error::KinesisErrorResponse as Failure, store::Store};
use hyper::{Response, StatusCode};

use crate::{
    fault::{Faults, Server},
    gate::{Backend, Call},
};
pub(crate) use journal::Journal;
use stream::Streams;
use subscribe::Subscriptions;
use wire::Encoding;

/// The Kinesis server. Clones share it.
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    journal: Option<Journal>,
    streams: Streams,
    subscriptions: Subscriptions,
    faults: Faults,
}

/// What the layer itself needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) read_limits: bool,
    pub(crate) iterator_life_ms: u64,
    pub(crate) event_records: usize,
    pub(crate) subscription: Duration,
    pub(crate) resubscribe_after: Duration,
}

impl Kinesis {
    /// Takes its records back from the journal, if there is one.
    pub(crate) async fn start(
        store: Store,
        settings: Settings,
        journal: Option<Journal>,
        faults: Faults,
    ) -> io::Result<Self> {
        let streams = Streams::new(store.clone());
        let subscriptions = Subscriptions::default();
        let inner = Inner { store, settings, journal, streams, subscriptions, faults };
        let kinesis = Self(Arc::new(inner));
        if let Some(journal) = kinesis.journal() {
            kinesis.restore(journal).await?;
        }
        Ok(kinesis)
    }

    fn journal(&self) -> Option<&Journal> {
        self.0.journal.as_ref()
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn streams(&self) -> &Streams {
        &self.0.streams
    }

    async fn carry_out(&self, encoding: Encoding, call: &Call) -> Result<Response<Body>, Failure> {
        let body = &call.body;
        let answer = match call.operation.as_str() {
            "GetRecords" => {
                encoding.write(&self.get_records(encoding.read(body)?).await?.answer())?
            }
            "PutRecords" => encoding.write(&self.put_records(encoding.read(body)?).await?)?,
            "PutRecord" => encoding.write(&self.put_record(encoding.read(body)?).await?)?,
            "GetShardIterator" => {
                encoding.write(&self.get_shard_iterator(encoding.read(body)?).await?)?
            }
            "ListShards" => encoding.write(&self.list_shards(encoding.read(body)?).await?)?,
            "UpdateShardCount" => {
                encoding.write(&self.update_shard_count(encoding.read(body)?).await?)?
            }
            "SubscribeToShard" => return self.subscribe(encoding, encoding.read(body)?).await,
            _ => control::call(self, encoding, call).await?,
        };
        Ok(encoding.answer(answer))
    }
}

impl Backend for Kinesis {
    const SERVER: Server = Server::Kinesis;

    async fn call(&self, call: Call) -> Response<Body> {
        let encoding = Encoding::of(&call.headers);
        self.carry_out(encoding, &call).await.unwrap_or_else(|failure| encoding.failure(&failure))
    }

    fn refuse(&self, call: &Call, status: StatusCode, code: &str, message: &str) -> Response<Body> {
        Encoding::of(&call.headers).failure(&Failure::new(status.as_u16(), code, Some(message)))
    }
}
