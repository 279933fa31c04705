//! The only file that starts tasks. Every task lives in a [`Tasks`], whose owner ends them all.

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use hyper::{Request, Response, body::Incoming, rt::Executor, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{net::TcpListener, task::JoinSet};

/// A set of tasks. Clones share it and may add to it until it is closed.
#[derive(Debug, Clone)]
pub(crate) struct Tasks(Arc<Mutex<Option<JoinSet<()>>>>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(JoinSet::new()))))
    }

    /// Starts a task, unless the set is closed: then the future is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = guard.as_mut() {
            // What has ended is let go here, so that the set holds no more than what runs.
            while set.try_join_next().is_some() {}
            set.spawn(task);
        }
    }

    /// Ends all tasks at their next await; nothing starts afterwards.
    pub(crate) fn abort(&self) {
        drop(self.close());
    }

    /// Ends all tasks and waits until they are gone.
    pub(crate) async fn shutdown(&self) {
        let set = self.close();
        if let Some(mut set) = set {
            set.shutdown().await;
        }
    }

    fn close(&self) -> Option<JoinSet<()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// The connection is closed without an answer.
#[derive(Debug)]
pub(crate) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the call was dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

/// Answers the calls of one client connection.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Body>, Dropped>> + Send;
}

/// Accepts connections for ever, each with an answerer of its own.
pub(crate) async fn accept<A: Answer>(
    listener: TcpListener,
    tasks: Tasks,
    answerer: impl Fn() -> A,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without this each small answer waits for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                tasks.spawn(connection(TokioIo::new(stream), tasks.clone(), answerer()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                // Out of file handles, most likely: others must be closed first.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection<A: Answer>(io: TokioIo<tokio::net::TcpStream>, tasks: Tasks, answerer: A) {
    let service = service_fn(move |request| {
        let answerer = answerer.clone();
        async move { answerer.answer(request).await }
    });
    if let Err(error) = auto::Builder::new(tasks).serve_connection(io, service).await {
        tracing::debug!(error, "a connection ended early");
    }
}

/// Listens on the loopback interface, and only there.
pub(crate) async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await
}
