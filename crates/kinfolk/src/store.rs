//! Where a group's shared state lives.

pub mod dynamo;
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod usage;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use kinfolk_core::change::{Change, Committed};
use kinfolk_core::coordinate::Timing;
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;

pub use usage::Usage;

use crate::error::Result;

/// A future that can be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The shared state of one group on one stream: two verbs, and what there is to know of the store.
///
/// Every store does what [`Change::apply`] says, atomically, and shows every write that was
/// acknowledged before a look began. The conformance suite of `kinfolk-testkit` holds it to that.
///
/// Both verbs are one attempt with a limit in time; repeating is the coordinator's business. An
/// error of [`commit`](Self::commit) leaves open whether the change happened: sent again it is
/// then refused, and the state shows the writer's beat as the change sets it. Dropping a future
/// leaves it open in the same way.
pub trait StateStore: Debug + Send + Sync + 'static {
    /// Reads the state; `None` when there is none. The read is consistent.
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>>;

    /// Carries out a change, or refuses it.
    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>>;

    /// The whole state as JSON, with what this version of Kinfolk does not know: DynamoDB's typed
    /// JSON of the item in the form of `lifion-kinesis`, for backups and for people. `None` when
    /// there is no state.
    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>>;

    /// How much one change may hold.
    fn limits(&self) -> Limits;

    /// The deadlines that suit the store; those of the lifion layout by default.
    fn timing(&self) -> Timing {
        Timing::LIFION
    }

    /// What the store's use has cost so far; nothing by default.
    fn usage(&self) -> Usage {
        Usage::default()
    }
}
