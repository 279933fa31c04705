//! Kinesis: `ferrokinesis` keeps the streams; what a call means, where that differs from AWS, is decided here.
//!
//! Records and shards are served straight from its [`Store`] (`put`, `get`, `start`, `shards`, `subscribe`), which is
//! where its gaps were; everything else goes through its own operations (`control`).

mod control;
mod get;
mod limits;
mod position;
mod put;
mod read;
mod reshard;
mod shards;
mod start;
mod stream;
mod subscribe;
mod wire;

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use ferrokinesis::{error::KinesisErrorResponse as Failure, store::Store};
use hyper::{Response, StatusCode};

use crate::{
    fault::Server,
    gate::{Backend, Call},
};
use stream::Streams;
use subscribe::Subscriptions;
use wire::Encoding;

/// The Kinesis server. Clones share it.
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Inner>);

struct Inner {
    store: Store,
    settings: Settings,
    streams: Streams,
    subscriptions: Subscriptions,
}

/// What the layer itself needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) read_limits: bool,
    pub(crate) iterator_life_ms: u64,
    pub(crate) event_records: usize,
    pub(crate) subscription: Duration,
    pub(crate) resubscribe_after: Duration,
    /// The size of the largest record that the store may hold already.
    pub(crate) largest_record: usize,
}

impl Kinesis {
    pub(crate) fn new(store: Store, settings: Settings) -> Self {
        let streams = Streams::new(store.clone(), settings.largest_record);
        Self(Arc::new(Inner { store, settings, streams, subscriptions: Subscriptions::default() }))
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
