//! What stands in front of the servers: it names the operation, counts it, and lets the faults
//! have their way.

use std::{future::Future, time::Duration};

use axum::body::{Body, Bytes};
use hyper::{HeaderMap, Request, Response, StatusCode, Uri, body::Incoming, http::request::Parts};
use tokio::sync::oneshot;

use crate::{
    counts::Counter,
    fault::{FaultKind, Faults, Server, Verdict},
    serve::{Answer, Dropped, Tasks},
};

/// Larger than any request that the services accept: 10 MiB of records in base64, with room for
/// their keys.
const MAX_BODY: usize = 24 * 1024 * 1024;

/// How long a lost request hangs before its connection is closed.
const HANG: Duration = Duration::from_millis(50);

/// A request, read whole, so that it can be carried out twice.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A server behind the gate.
pub(crate) trait Backend: Clone + Send + Sync + 'static {
    const SERVER: Server;

    /// What a request asks for; empty if that is nothing known.
    fn operation(head: &Parts) -> String {
        let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        target.and_then(|target| target.rsplit('.').next()).unwrap_or("").to_owned()
    }

    /// Carries a call out.
    fn call(&self, call: Call) -> impl Future<Output = Response<Body>> + Send;

    /// The service's own wording of an error.
    fn refuse(&self, call: &Call, status: StatusCode, code: &str, message: &str) -> Response<Body>;
}

/// Counts and faults around a backend.
#[derive(Debug, Clone)]
pub(crate) struct Gate<B> {
    pub(crate) backend: B,
    pub(crate) faults: Faults,
    pub(crate) counter: Counter,
    pub(crate) tasks: Tasks,
}

impl<B: Backend> Answer for Gate<B> {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let (head, body) = request.into_parts();
        let operation = B::operation(&head);
        let body = axum::body::to_bytes(Body::new(body), MAX_BODY).await;
        let too_large = body.is_err();
        let call = Call {
            operation,
            uri: head.uri,
            headers: head.headers,
            body: body.unwrap_or_default(),
        };
        if too_large {
            let message = "the request is larger than any that the service accepts";
            return Ok(self.backend.refuse(
                &call,
                StatusCode::PAYLOAD_TOO_LARGE,
                "SerializationException",
                message,
            ));
        }
        if !call.operation.is_empty() {
            self.counter.count(B::SERVER, &call.operation);
        }
        let verdict = self.faults.judge(B::SERVER, &call.operation);
        if verdict.delay.is_zero() && verdict.kind.is_none() {
            return Ok(self.backend.call(call).await);
        }
        self.misbehave_later(verdict, call).await
    }
}

impl<B: Backend> Gate<B> {
    /// In a task of its own: a request that was sent arrives, late or twice, though its caller has
    /// given up.
    async fn misbehave_later(
        &self,
        verdict: Verdict,
        call: Call,
    ) -> Result<Response<Body>, Dropped> {
        let (sender, answer) = oneshot::channel();
        let gate = self.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(verdict.delay).await;
            let done = match verdict.kind {
                None => Ok(gate.backend.call(call).await),
                Some(kind) => gate.misbehave(kind, call).await,
            };
            // Nobody may be waiting any more.
            drop(sender.send(done));
        });
        answer.await.unwrap_or(Err(Dropped))
    }

    async fn misbehave(&self, kind: FaultKind, call: Call) -> Result<Response<Body>, Dropped> {
        let refuse = |status, code, message| Ok(self.backend.refuse(&call, status, code, message));
        match kind {
            FaultKind::LoseRequest => {
                tokio::time::sleep(HANG).await;
                Err(Dropped)
            }
            FaultKind::LoseAnswer => {
                drop(self.backend.call(call).await);
                Err(Dropped)
            }
            FaultKind::Duplicate => {
                drop(self.backend.call(call.clone()).await);
                Ok(self.backend.call(call).await)
            }
            FaultKind::Throttle => refuse(
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "Rate exceeded (an injected fault)",
            ),
            FaultKind::ServerError => {
                let code = match B::SERVER {
                    Server::Kinesis => "InternalFailure",
                    Server::DynamoDb => "InternalServerError",
                    Server::S3 => "InternalError",
                };
                refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    code,
                    "Internal error (an injected fault)",
                )
            }
            FaultKind::Unavailable => refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "Unavailable (an injected fault)",
            ),
            FaultKind::Denied => refuse(
                StatusCode::BAD_REQUEST,
                "AccessDeniedException",
                "Not authorized (an injected fault)",
            ),
            FaultKind::ExpiredToken => refuse(
                StatusCode::BAD_REQUEST,
                "ExpiredTokenException",
                "The security token included in the request is expired (an injected fault)",
            ),
            FaultKind::ExpiredIterator => refuse(
                StatusCode::BAD_REQUEST,
                "ExpiredIteratorException",
                "Iterator expired (an injected fault)",
            ),
            // Delays were served before, and events are not calls.
            FaultKind::Delay(_) | FaultKind::Event(_) => Ok(self.backend.call(call).await),
        }
    }
}
