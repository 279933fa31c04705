//! The state in a SQLite file, for workers on one machine.

mod column;
mod difference;
mod fault;
mod file;
mod format;
mod groups;
mod key;
mod read;
mod session;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::change::{Change, Committed};
use kinfolk_core::coordinate::Timing;
use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;
use rusqlite::Connection;
use tokio::sync::Mutex;

use self::fault::Fault;
use self::file::StateFile;
use self::key::Key;
use self::session::Session;
use super::dynamo::lifion::document;
use super::usage::{Meter, Usage};
use super::{BoxFuture, StateStore};
use crate::error::{Error, ErrorKind, Result};
use crate::group::Listed;
use crate::supervise;

/// How long one attempt may take: τ of the protocol's section 8.
const ATTEMPT_LIMIT: Duration = Duration::from_millis(Timing::SQLITE.attempt_ms as u64);

/// The state of one group on one stream in a SQLite file, which several processes of one machine
/// may share, and several groups.
///
/// What was acknowledged outlives the process, and the machine's power: each write waits for the
/// disk. The file must be on a disk of this machine: processes that share it over a network do not
/// see each other's writes, and lose them.
///
/// A clone is another handle to the same connection; calls take turns. Workers that shall not wait
/// for each other each [`open`](Self::open) the file.
#[derive(Clone)]
pub struct SqliteStore {
    file: StateFile,
    key: Key,
    limit: Duration,
    session: Arc<Mutex<Session>>,
    meter: Arc<Meter>,
}

impl SqliteStore {
    /// Opens the file at this path. Where it is missing it is made, for its owner alone to read
    /// and write; its folder must be there. A file beside it, named with `-wal` at its end, holds
    /// what was written last: it belongs to the state.
    ///
    /// Blocks while the file is read, and for some seconds while others do not let go of it.
    ///
    /// # Errors
    /// `Config`: the path leads to something else, to a file in a format of another version, or to
    /// where this user may not write. `Unavailable`: the disk is full, or others did not let go of
    /// the file. `Data`: the file is damaged.
    pub fn open(
        path: impl AsRef<Path>,
        group: impl Into<GroupName>,
        stream: impl Into<StreamName>,
    ) -> Result<Self> {
        let file = StateFile::make(path.as_ref())?;
        Self::with(file, format::open, group.into(), stream.into())
    }

    /// Opens a file that is there, to look at a group in it. Nothing is made.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `Config` if there is no such file, or an empty one. A file that
    /// this user can only read is good enough to look.
    pub fn open_existing(
        path: impl AsRef<Path>,
        group: impl Into<GroupName>,
        stream: impl Into<StreamName>,
    ) -> Result<Self> {
        let file = StateFile::existing(path.as_ref())?;
        Self::with(file, format::open_existing, group.into(), stream.into())
    }

    /// The groups in a file, in the order of their names; none in an empty one. A group whose rows
    /// do not read has its error beside its name. Blocks while they are read.
    ///
    /// # Errors
    /// `Config` if there is no such file, otherwise as [`open_existing`](Self::open_existing).
    pub fn groups(path: impl AsRef<Path>) -> Result<Vec<Listed>> {
        groups::of(path.as_ref())
    }

    fn with(
        file: StateFile,
        open: impl Fn(&Path) -> Result<Connection, Fault>,
        group: GroupName,
        stream: StreamName,
    ) -> Result<Self> {
        let connection = open(file.path()).map_err(|fault| {
            fault.error(&format!("open the state file {}", file.path().display()))
        })?;
        let (key, meter) = (Key { group, stream }, Arc::<Meter>::default());
        let session = Session::new(file.clone(), key.clone(), connection, meter.clone());
        let session = Arc::new(Mutex::new(session));
        Ok(Self { file, key, limit: ATTEMPT_LIMIT, session, meter })
    }

    /// Limits the time of one attempt: τ of the protocol's section 8, 300 ms by default.
    #[must_use]
    pub fn attempt_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Puts a state as it is, over whatever is there: how a test begins.
    #[doc(hidden)]
    pub async fn put(&self, state: &Snapshot) -> Result<()> {
        let (state, wait) = (state.clone(), self.wait());
        self.call("write", move |session| session.put(&state, wait)).await
    }

    /// Lets the file grow to so many pages at the most, so that a test can have a full disk.
    #[doc(hidden)]
    pub async fn limit_pages(&self, pages: u32) -> Result<()> {
        self.call("limit", move |session| session.limit_pages(pages)).await
    }

    /// Makes one attempt. Dropping the future, or the end of its time, leaves open what became of
    /// it: a thread that has begun goes on to its end.
    async fn call<T: Send + 'static>(
        &self,
        verb: &str,
        work: impl FnOnce(&mut Session) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let attempt = async {
            // Not the standard library's: a future waits for it, and a panic does not poison it.
            let mut session = self.session.clone().lock_owned().await;
            supervise::blocking(move || work(&mut session)).await
        };
        match tokio::time::timeout(self.limit, attempt).await {
            Ok(outcome) => outcome?.map_err(|fault| fault.error(&self.doing(verb))),
            Err(_) => {
                let message = format!("cannot {}: no answer in {:?}", self.doing(verb), self.limit);
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        }
    }

    /// How long to wait for other processes: the rest of an attempt is for the work.
    fn wait(&self) -> Duration {
        self.limit * 2 / 3
    }

    fn doing(&self, verb: &str) -> String {
        format!("{verb} the state of {} in {}", self.key, self.file.path().display())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.file.path())
            .field("group", &self.key.group)
            .field("stream", &self.key.stream)
            .finish_non_exhaustive()
    }
}

impl StateStore for SqliteStore {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        let wait = self.wait();
        Box::pin(self.call("read", move |session| session.look(wait)))
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        let (change, wait) = (change.clone(), self.wait());
        Box::pin(self.call("write", move |session| session.commit(&change, wait)))
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(async {
            let state = self.look().await?;
            Ok(state.map(|state| document::write(&self.key.group, &self.key.stream, &state)))
        })
    }

    fn limits(&self) -> Limits {
        Limits::NONE
    }

    fn timing(&self) -> Timing {
        Timing::SQLITE
    }

    fn usage(&self) -> Usage {
        self.meter.usage()
    }
}

#[cfg(test)]
mod tests;
