//! Which groups are in a file.

use std::path::Path;

use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::snapshot::Snapshot;
use rusqlite::Connection;

use super::column::Columns;
use super::fault::Fault;
use super::file::StateFile;
use super::key::Key;
use super::{format, read};
use crate::error::Result;

/// A group of a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredGroup {
    /// The group.
    pub group: GroupName,
    /// The stream.
    pub stream: StreamName,
    /// Its state; the error if its rows do not read.
    pub state: Result<Snapshot>,
}

/// The groups of a file as they are at one moment, in the order of their names.
pub(super) fn of(path: &Path) -> Result<Vec<StoredGroup>> {
    let file = StateFile::existing(path)?;
    let path = file.path().display();
    all(&file, |key| format!("read the state of {key} in {path}"))
        .map_err(|fault| fault.error(&format!("list the groups in {path}")))
}

fn all(file: &StateFile, doing: impl Fn(&Key) -> String) -> Result<Vec<StoredGroup>, Fault> {
    let mut connection = match format::open_existing(file.path()) {
        Err(Fault::Empty) => return Ok(Vec::new()),
        opened => opened?,
    };
    let transaction = connection.transaction()?;
    let group = |key: Key| {
        // A group that was deleted while this reads is still there in this transaction.
        let state = match read::state(&transaction, &key) {
            Ok(state) => Ok(state?),
            Err(fault) => Err(fault.error(&doing(&key))),
        };
        Some(StoredGroup { group: key.group, stream: key.stream, state })
    };
    Ok(keys(&transaction)?.into_iter().filter_map(group).collect())
}

fn keys(connection: &Connection) -> Result<Vec<Key>, Fault> {
    let select = "SELECT group_name, stream FROM groups ORDER BY group_name, stream";
    let mut statement = connection.prepare(select)?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let mut row = Columns::new(row, "groups", 0);
        keys.push(Key { group: row.text()?, stream: row.text()? });
    }
    Ok(keys)
}
