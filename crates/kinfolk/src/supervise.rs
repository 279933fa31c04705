//! The only file that spawns: every task has an owner here that joins it.

use std::future::Future;
use std::panic;

use tokio::task::{JoinHandle, JoinSet};

use crate::error::{Error, ErrorKind, Result};

/// Runs what blocks, such as file I/O, on a thread for that. Dropping the future leaves it running
/// to its end.
#[allow(clippy::disallowed_methods)] // whoever waits for the result is the owner
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Error::new(ErrorKind::Internal, "blocking work panicked").with_source(error)
    })
}

/// Tasks that end with their owner: dropping it aborts them.
#[derive(Debug, Default)]
pub(crate) struct Tasks(JoinSet<()>);

impl Tasks {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Waits for a task to end; a panic in it is an error. Waits for ever while there are none.
    ///
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<()> {
        match self.0.join_next().await {
            Some(Err(error)) if error.is_panic() => {
                Err(Error::new(ErrorKind::Internal, "a task panicked").with_source(error))
            }
            Some(_) => Ok(()),
            None => std::future::pending().await,
        }
    }

    /// Waits for all of them.
    pub(crate) async fn join(&mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// One task with a result. Dropping it aborts the task.
#[derive(Debug)]
pub(crate) struct Task<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> Task<T> {
    #[allow(clippy::disallowed_methods)] // the owner is what is returned
    pub(crate) fn spawn(task: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(tokio::spawn(task)))
    }

    /// Waits for its result. A panic goes on here. `None` if it was taken before.
    pub(crate) async fn join(&mut self) -> Option<T> {
        let result = self.0.as_mut()?.await;
        self.0 = None;
        match result {
            Ok(result) => Some(result),
            Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
