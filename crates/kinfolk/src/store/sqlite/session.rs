//! An open file at work for one group.

use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::change::{Change, Committed};
use kinfolk_core::snapshot::Snapshot;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Fault;
use super::file::StateFile;
use super::key::Key;
use super::{format, read, write};
use crate::store::usage::Meter;

/// A connection, and what was last seen through it.
#[derive(Debug)]
pub(super) struct Session {
    file: StateFile,
    key: Key,
    connection: Connection,
    seen: Option<Seen>,
    meter: Arc<Meter>,
}

/// A state, and when it was the group's.
#[derive(Debug)]
struct Seen {
    /// SQLite's count of what other connections have written, to whichever group. What this
    /// connection writes does not move it.
    written: i64,
    state: Option<Snapshot>,
}

impl Session {
    pub(super) fn new(
        file: StateFile,
        key: Key,
        connection: Connection,
        meter: Arc<Meter>,
    ) -> Self {
        Self { file, key, connection, seen: None, meter }
    }

    /// The state now. Waits for others this long at the most.
    pub(super) fn look(&mut self, wait: Duration) -> Result<Option<Snapshot>, Fault> {
        self.prepare(wait)?;
        let transaction = self.connection.transaction()?;
        let seen = current(&transaction, &self.key, self.seen.take(), &self.meter)?;
        Ok(self.seen.insert(seen).state.clone())
    }

    /// Carries out a change or refuses it. Waits for others this long at the most.
    pub(super) fn commit(&mut self, change: &Change, wait: Duration) -> Result<Committed, Fault> {
        self.prepare(wait)?;
        self.meter.wrote(0.0);
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        // Taken, and put back at the end: after a failure the rows are read again.
        let Seen { written, state } =
            current(&transaction, &self.key, self.seen.take(), &self.meter)?;
        let committed = change.apply(state.as_ref());
        let state = match &committed {
            Committed::Applied(after) => {
                write::state(&transaction, &self.key, state.as_ref(), after)?;
                transaction.commit()?;
                Some(after.clone())
            }
            Committed::Refused(_) | Committed::TooLarge => state,
        };
        self.seen = Some(Seen { written, state });
        Ok(committed)
    }

    /// Writes a state over whatever is there.
    pub(super) fn put(&mut self, state: &Snapshot, wait: Duration) -> Result<(), Fault> {
        self.prepare(wait)?;
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let seen = current(&transaction, &self.key, self.seen.take(), &self.meter)?;
        write::state(&transaction, &self.key, seen.state.as_ref(), state)?;
        Ok(transaction.commit()?)
    }

    /// Lets the file grow to so many pages at the most, or to the size that it has.
    pub(super) fn limit_pages(&mut self, pages: u32) -> Result<(), Fault> {
        let now = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        self.connection.pragma_update_and_check(None, "max_page_count", pages, now)?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn prepare(&mut self, wait: Duration) -> Result<(), Fault> {
        self.file.check()?;
        // Where not even going back worked, the next one must not fail for it.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        Ok(self.connection.busy_timeout(wait)?)
    }
}

/// The group's state in a transaction. No row is read if nobody else wrote since it was last seen.
fn current(
    transaction: &Transaction<'_>,
    key: &Key,
    seen: Option<Seen>,
    meter: &Meter,
) -> Result<Seen, Fault> {
    let mut version = transaction.prepare_cached("PRAGMA data_version")?;
    let written = version.query_row([], |row| row.get(0))?;
    match seen {
        Some(seen) if seen.written == written => Ok(seen),
        _ => {
            meter.read(0.0);
            // A later version may have turned it into another format meanwhile.
            format::check(transaction)?;
            Ok(Seen { written, state: read::state(transaction, key)? })
        }
    }
}
