//! DynamoDB: `dynoxide`, which only serves a listener of its own, one loopback hop behind the gate.

mod capacity;

use std::{net::SocketAddr, sync::Arc};

use axum::body::{Body, Bytes};
use hyper::{Method, Request, Response, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
};

use crate::{
    fault::Server,
    gate::{Backend, Call},
    serve::Tasks,
    units::Meter,
};
use capacity::Asked;

/// The server's own half: runs until its task is ended.
pub(crate) async fn run(listener: TcpListener, database: dynoxide::Database) {
    if let Err(error) =
        dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()).await
    {
        tracing::error!(error, "the local DynamoDB stopped");
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Hands the calls of one client connection on, over one connection of its own: no pool is needed.
#[derive(Debug, Clone)]
pub(crate) struct DynamoDb {
    address: SocketAddr,
    tasks: Tasks,
    meter: Meter,
    sender: Arc<Mutex<Option<http1::SendRequest<Body>>>>,
}

impl DynamoDb {
    pub(crate) fn new(address: SocketAddr, tasks: Tasks, meter: Meter) -> Self {
        Self { address, tasks, meter, sender: Arc::default() }
    }

    async fn forward(&self, call: &Call) -> Result<Response<Bytes>, Error> {
        let mut request = Request::new(Body::from(call.body.clone()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = call.headers.clone();
        let headers = request.headers_mut();
        headers.insert(header::HOST, header::HeaderValue::from_static("localhost"));
        // Copied from a request that may have come in chunks, or over HTTP/2.
        headers.remove(header::TRANSFER_ENCODING);
        headers.insert(header::CONTENT_LENGTH, call.body.len().into());

        let mut sender = self.sender.lock().await;
        let mut open = sender.take();
        let usable = match &mut open {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        let mut connection = match open {
            Some(connection) if usable => connection,
            _ => self.connect().await?,
        };
        let (head, body) = connection.send_request(request).await?.into_parts();
        // Read to its end, also when a fault drops it: otherwise the connection is of no more use.
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await?;
        *sender = Some(connection);
        Ok(Response::from_parts(head, body))
    }

    /// Charges a call, and gives its answer the form that its caller had asked for.
    fn settle(&self, call: &Call, asked: &Asked, answer: &mut Response<Bytes>) {
        let Ok(mut content) = serde_json::from_slice(answer.body()) else { return };
        self.meter.charge(&call.operation, asked.settle(&mut content));
        if asked.all() {
            return;
        }
        let Ok(body) = serde_json::to_vec(&content) else { return };
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        // Of the body as it was. Clients that check it do without.
        headers.remove("x-amz-crc32");
        *answer.body_mut() = body.into();
    }

    async fn connect(&self) -> Result<http1::SendRequest<Body>, Error> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the sender, so with the client's connection.
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the local DynamoDB ended early");
            }
        });
        Ok(sender)
    }
}

impl Backend for DynamoDb {
    const SERVER: Server = Server::DynamoDb;

    async fn call(&self, mut call: Call) -> Response<Body> {
        let asked = capacity::ask(&mut call);
        match self.forward(&call).await {
            Ok(mut answer) => {
                if let Some(asked) = asked {
                    self.settle(&call, &asked, &mut answer);
                }
                answer.map(Body::from)
            }
            Err(error) => {
                tracing::error!(error, "the local DynamoDB does not answer");
                self.refuse(
                    &call,
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "InternalServerError",
                    "no answer",
                )
            }
        }
    }

    fn refuse(&self, _: &Call, status: StatusCode, code: &str, message: &str) -> Response<Body> {
        // The two families of errors that DynamoDB answers with: its own, and those of the layer
        // before it.
        let family = match code {
            "AccessDeniedException"
            | "ExpiredTokenException"
            | "SerializationException"
            | "ServiceUnavailable" => "com.amazon.coral.service",
            _ => "com.amazonaws.dynamodb.v20120810",
        };
        let error = serde_json::json!({ "__type": format!("{family}#{code}"), "message": message });
        let mut response = Response::new(Body::from(error.to_string()));
        *response.status_mut() = status;
        let kind = header::HeaderValue::from_static("application/x-amz-json-1.0");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
