//! Which groups are in a file.

use std::path::Path;

use rusqlite::Connection;

use super::column::Columns;
use super::fault::Fault;
use super::file::StateFile;
use super::key::Key;
use super::{format, read};
use crate::error::Result;
use crate::group::Listed;

/// The groups of a file as they are at one moment, in the order of their names.
pub(super) fn of(path: &Path) -> Result<Vec<Listed>> {
    let file = StateFile::existing(path)?;
    let path = file.path().display();
    all(&file, |key| format!("read the state of {key} in {path}"))
        .map_err(|fault| fault.error(&format!("list the groups in {path}")))
}

fn all(file: &StateFile, doing: impl Fn(&Key) -> String) -> Result<Vec<Listed>, Fault> {
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
        Some(Listed::new(key.group, key.stream, None, state))
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
