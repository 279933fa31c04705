//! Kinesis: `ferrokinesis` keeps the streams; what a call means, where that differs from AWS, is decided here.
//!
//! Records and shards are served straight from its [`Store`] (`put`, `get`, `iterator`, `shards`, `subscribe`), which
//! is where its gaps were; everything else goes through its own operations (`control`).

mod control;
mod wire;

use std::sync::Arc;

use axum::body::Body;
use ferrokinesis::{error::KinesisErrorResponse as Failure, store::Store};
use hyper::{Response, StatusCode};

use crate::{
    fault::Server,
    gate::{Backend, Call},
};
use wire::Encoding;

/// The Kinesis server. Clones share it.
#[derive(Clone)]
pub(crate) struct Kinesis(Arc<Inner>);

struct Inner {
    store: Store,
}

impl Kinesis {
    pub(crate) fn new(store: Store) -> Self {
        Self(Arc::new(Inner { store }))
    }

    async fn carry_out(&self, encoding: Encoding, call: &Call) -> Result<Body, Failure> {
        match call.operation.as_str() {
            _ => control::call(self, encoding, call).await,
        }
    }
}

impl Backend for Kinesis {
    const SERVER: Server = Server::Kinesis;

    async fn call(&self, call: Call) -> Response<Body> {
        let encoding = Encoding::of(&call.headers);
        match self.carry_out(encoding, &call).await {
            Ok(body) => encoding.answer(StatusCode::OK, body),
            Err(failure) => encoding.failure(&failure),
        }
    }

    fn refuse(&self, call: &Call, status: StatusCode, code: &str, message: &str) -> Response<Body> {
        Encoding::of(&call.headers).failure(&Failure::new(status.as_u16(), code, Some(message)))
    }
}
