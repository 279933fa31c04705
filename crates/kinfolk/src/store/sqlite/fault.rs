//! What a failure of SQLite means, and what to do about it.

use rusqlite::{Error as Sqlite, ErrorCode};

use crate::error::{Error, ErrorKind};

/// Why a call did not work.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite says so.
    Sqlite(Sqlite),
    /// A row does not read: somebody changed it by hand.
    Row { table: &'static str, column: String, row: String, expected: &'static str },
    /// The file is something else.
    NoDatabase,
    /// A database, but not of ours.
    Foreign,
    /// There is nothing in the file yet.
    Empty,
    /// The file is in a format that this version does not know.
    Format { found: i64, known: i64 },
    /// The file system does not do what several processes need.
    NoWal,
    /// Another file has the path by now, or none.
    Replaced,
}

impl From<Sqlite> for Fault {
    fn from(error: Sqlite) -> Self {
        Self::Sqlite(error)
    }
}

impl Fault {
    /// Whether somebody else was at work for too long, so that trying again may help.
    pub(super) fn is_busy(&self) -> bool {
        use ErrorCode::{DatabaseBusy, DatabaseLocked, FileLockingProtocolFailed};
        let code = self.code();
        matches!(code, Some(DatabaseBusy | DatabaseLocked | FileLockingProtocolFailed))
    }

    /// Whether the file's first bytes are not those of a database.
    pub(super) fn is_no_database(&self) -> bool {
        self.code() == Some(ErrorCode::NotADatabase)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            _ => None,
        }
    }

    /// The error of whoever was doing this.
    pub(super) fn error(self, doing: &str) -> Error {
        let (kind, why) = self.meaning();
        let error = Error::new(kind, format!("cannot {doing}: {why}"));
        match self {
            Self::Sqlite(source) => error.with_source(source),
            _ => error,
        }
    }

    fn meaning(&self) -> (ErrorKind, String) {
        let (kind, why) = match self {
            Self::Sqlite(error) => of_sqlite(error),
            Self::Row { table, column, row, expected } => {
                let why = format!("table {table}, row {row}, column {column} is not {expected}");
                return (ErrorKind::Data, why);
            }
            Self::Format { found, known } => {
                let why = format!(
                    "it is in format {found} of another version of Kinfolk, and this one knows \
                     {known}: use that version, or give another path"
                );
                return (ErrorKind::Config, why);
            }
            Self::NoDatabase => (
                ErrorKind::Config,
                "it is not a SQLite database; nothing in it was changed: give another path",
            ),
            Self::Foreign => (
                ErrorKind::Config,
                "it is the database of another application; nothing in it was changed: give \
                 another path",
            ),
            Self::Empty => (
                ErrorKind::Config,
                "it is empty: the first worker that is started with it puts a group into it",
            ),
            Self::NoWal => (
                ErrorKind::Config,
                "its file system cannot share it among processes: give a path on a disk of this \
                 machine",
            ),
            Self::Replaced => (
                ErrorKind::Config,
                "the file was removed or replaced while it was in use: put it back, or stop all \
                 workers and start them again",
            ),
        };
        (kind, why.to_owned())
    }
}

fn of_sqlite(error: &Sqlite) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Data, Internal, Unavailable};
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            Sqlite::SqlInputError { .. } => (Data, "its tables are not as Kinfolk made them"),
            Sqlite::ToSqlConversionFailure(_) => (Data, "it would hold a number beyond 64 bits"),
            _ => (Internal, "SQLite was not called as it must be"),
        };
    };
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => {
            (Unavailable, "other processes kept it busy for too long")
        }
        ErrorCode::DiskFull => (
            Unavailable,
            "there is no space left for it. What is stored stays as it is: free some space on its \
             disk, and it goes on by itself",
        ),
        ErrorCode::SystemIoFailure => (Unavailable, "its disk or its file system failed"),
        ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted
        | ErrorCode::SchemaChanged => (Unavailable, "SQLite gave up"),
        ErrorCode::ReadOnly => {
            (Config, "it can only be read: let this user write it and its folder")
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => (
            Config,
            "it or a file beside it (-wal, -shm) cannot be opened: let this user read and write \
             them and their folder",
        ),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => (
            Data,
            "the file is damaged: stop the workers and keep a copy of it and its -wal; \
             `sqlite3 FILE .recover` saves what can still be read",
        ),
        _ => (Internal, "SQLite refused what must work"),
    }
}
