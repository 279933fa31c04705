//! A store between which and its user things go wrong.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinfolk::store::{BoxFuture, StateStore};
use kinfolk::{Error, ErrorKind, Result};
use kinfolk_core::change::{Change, Committed};
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;

/// What goes wrong with one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request never arrives.
    LoseRequest,
    /// The request is carried out, its answer never arrives.
    LoseAnswer,
    /// The request arrives only when [`Faulty::deliver`] is called; its answer never.
    Late,
    /// The request is carried out and answered, and arrives once more when [`Faulty::deliver`] is
    /// called.
    Twice,
    /// The store asks to slow down and does nothing.
    Throttle,
}

impl Fault {
    /// Every fault.
    pub const ALL: &[Fault] =
        &[Fault::LoseRequest, Fault::LoseAnswer, Fault::Late, Fault::Twice, Fault::Throttle];
}

/// A store whose commits suffer the faults that were ordered with [`inject`](Self::inject), one
/// each, in order; and all calls fail during an [`outage`](Self::outage).
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn StateStore>,
    weather: Mutex<Weather>,
}

#[derive(Debug, Default)]
struct Weather {
    outage: bool,
    ordered: VecDeque<Fault>,
    held: Vec<Change>,
}

impl Faulty {
    /// Wraps a store; nothing goes wrong until it is ordered.
    pub fn new(inner: Arc<dyn StateStore>) -> Self {
        Self { inner, weather: Mutex::default() }
    }

    /// Orders a fault for the next commit that has none yet.
    pub fn inject(&self, fault: Fault) {
        self.weather().ordered.push_back(fault);
    }

    /// Begins or ends an outage: no request arrives.
    pub fn outage(&self, on: bool) {
        self.weather().outage = on;
    }

    /// Delivers the requests that are late or come twice, and says what became of them.
    pub async fn deliver(&self) -> Result<Vec<(Change, Committed)>> {
        let held = std::mem::take(&mut self.weather().held);
        let mut outcomes = Vec::with_capacity(held.len());
        for change in held {
            let outcome = self.inner.commit(&change).await?;
            outcomes.push((change, outcome));
        }
        Ok(outcomes)
    }

    async fn send(&self, change: &Change) -> Result<Committed> {
        let fault = {
            let mut weather = self.weather();
            let outage = weather.outage.then_some(Fault::LoseRequest);
            let fault = outage.or_else(|| weather.ordered.pop_front());
            if matches!(fault, Some(Fault::Late | Fault::Twice)) {
                weather.held.push(change.clone());
            }
            fault
        };
        match fault {
            None | Some(Fault::Twice) => self.inner.commit(change).await,
            Some(Fault::LoseRequest | Fault::Late) => Err(lost()),
            Some(Fault::LoseAnswer) => self.inner.commit(change).await.and_then(|_| Err(lost())),
            Some(Fault::Throttle) => Err(Error::new(ErrorKind::Unavailable, "throttled")),
        }
    }

    /// A panic elsewhere leaves the weather as it is.
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Unavailable, "no answer in time")
}

impl StateStore for Faulty {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        Box::pin(async {
            let outage = self.weather().outage;
            if outage { Err(lost()) } else { self.inner.look().await }
        })
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.send(change))
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        self.inner.export()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}
