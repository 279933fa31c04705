//! Opening a file: what is in it, and what must be set before it is used.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::fault::Fault;

/// Says that a file is ours: "KnFk".
const APPLICATION: i64 = 0x4b6e_466b;
/// The format that this version reads and writes.
const FORMAT: i64 = 1;

const SCHEMA: &str = include_str!("schema.sql");

/// How often opening is tried while others are at it: for some seconds. SQLite does not wait by
/// itself for all that happens then.
const ATTEMPTS: u32 = 100;
/// How long SQLite waits within an attempt, and how long the next attempt is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// How many prepared statements a connection keeps: all there are.
const STATEMENTS: usize = 32;

/// `synchronous`: an acknowledged write outlives a power cut. `fullfsync`: on macOS too.
/// `trusted_schema`: a table that somebody else brought in runs nothing.
const SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
";

/// Opens a file to take part in its groups: an empty one gets its tables.
pub(super) fn open(path: &Path) -> Result<Connection, Fault> {
    patiently(|| {
        let mut connection = connect(path)?;
        let empty = is_empty(&connection.transaction()?)?;
        if connection.is_readonly(MAIN_DB)? {
            return Err(Fault::from(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
                None,
            )));
        }
        let mode = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", mode)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(Fault::NoWal);
        }
        if empty {
            fill(&mut connection)?;
        }
        Ok(connection)
    })
}

/// Opens a file to look at what is in it. Nothing is made.
pub(super) fn open_existing(path: &Path) -> Result<Connection, Fault> {
    patiently(|| {
        let mut connection = connect(path)?;
        check(&connection.transaction()?)?;
        Ok(connection)
    })
}

/// Refuses a file that is not one of ours, in the format of this version.
pub(super) fn check(transaction: &Transaction<'_>) -> Result<(), Fault> {
    match is_empty(transaction)? {
        true => Err(Fault::Empty),
        false => Ok(()),
    }
}

fn connect(path: &Path) -> Result<Connection, Fault> {
    // The file is there, or nothing is opened: SQLite would make one that everybody reads.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PAUSE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

/// Whether nothing is in the file yet. What is neither empty nor ours is refused. In a transaction:
/// somebody else may be filling it.
fn is_empty(transaction: &Transaction<'_>) -> Result<bool, Fault> {
    let application = header(transaction, "PRAGMA application_id")?;
    let format = header(transaction, "PRAGMA user_version")?;
    match (application, format) {
        (APPLICATION, FORMAT) => Ok(false),
        (APPLICATION, found) => Err(Fault::Format { found, known: FORMAT }),
        (0, 0) if header(transaction, "SELECT count(*) FROM sqlite_schema")? == 0 => Ok(true),
        _ => Err(Fault::Foreign),
    }
}

fn header(transaction: &Transaction<'_>, sql: &str) -> Result<i64, Fault> {
    Ok(transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

/// Makes the tables, unless somebody else did meanwhile. All of them or none.
fn fill(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if is_empty(&transaction)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(transaction.commit()?)
}

fn patiently<T>(open: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    for _ in 1..ATTEMPTS {
        match open() {
            Err(fault) if fault.is_busy() => thread::sleep(PAUSE),
            // Later on the same means that a database of ours was damaged.
            Err(fault) if fault.is_no_database() => return Err(Fault::NoDatabase),
            opened => return opened,
        }
    }
    open()
}
