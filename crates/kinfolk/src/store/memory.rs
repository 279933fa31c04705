//! The state in this process's memory: for tests, and for groups that live in one process.

use kinfolk_core::change::{Change, Committed};
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;
use tokio::sync::watch;

use super::dynamo::lifion::document;
use super::{BoxFuture, StateStore};
use crate::error::Result;

/// A store that runs [`Change::apply`] as it stands.
///
/// A clone is another handle to the same state.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: watch::Sender<Option<Snapshot>>,
}

impl MemoryStore {
    /// A store without a state.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds this state.
    pub fn holding(state: Snapshot) -> Self {
        Self { state: watch::Sender::new(Some(state)) }
    }

    /// Follows the state: the receiver wakes with every applied change.
    pub fn subscribe(&self) -> watch::Receiver<Option<Snapshot>> {
        self.state.subscribe()
    }
}

impl StateStore for MemoryStore {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        Box::pin(async { Ok(self.state.borrow().clone()) })
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(async {
            let mut outcome = Committed::Refused(None);
            // The closure runs under the state's lock: that makes the change atomic.
            self.state.send_if_modified(|state| {
                outcome = change.apply(state.as_ref());
                if let Committed::Applied(after) = &outcome {
                    *state = Some(after.clone());
                    return true;
                }
                false
            });
            Ok(outcome)
        })
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(async {
            let state = self.state.borrow().clone();
            // It does not know whose state it is.
            Ok(state.map(|state| document::write(&"memory".into(), &"memory".into(), &state)))
        })
    }

    fn limits(&self) -> Limits {
        Limits::NONE
    }
}
