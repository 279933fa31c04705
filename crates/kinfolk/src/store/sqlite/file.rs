//! The file itself: found, made for its owner alone, and still the same.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::fault::Fault;
use crate::error::{Error, ErrorKind, Result};

/// A file of states.
#[derive(Clone, Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Which file it was when it was opened, where the system tells.
    identity: Option<Identity>,
}

/// The device and the number of the file on it.
type Identity = (u64, u64);

impl StateFile {
    /// The file at this path, which is there.
    pub(super) fn existing(path: &Path) -> Result<Self> {
        let path = absolute(path)?;
        match fs::metadata(&path) {
            Ok(found) => Ok(Self { path, identity: identity(&found) }),
            Err(error) => Err(unusable("find", &path, error)),
        }
    }

    /// The file at this path; an empty one that its owner alone reads and writes is made where
    /// there is none. SQLite gives the files that it puts beside it the same permissions.
    pub(super) fn make(path: &Path) -> Result<Self> {
        let path = absolute(path)?;
        create(&path).map_err(|error| unusable("make", &path, error))?;
        Self::existing(&path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still leads to the file. Whoever opened it would otherwise go on in a
    /// file that nobody else sees, and share its shards with nobody.
    pub(super) fn check(&self) -> Result<(), Fault> {
        match fs::metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Ok(()), // SQLite will tell
            _ => Err(Fault::Replaced),
        }
    }
}

/// Makes the file where it is missing.
fn create(path: &Path) -> io::Result<()> {
    // Closing any handle to a file drops all locks that this process has on it, SQLite's too
    // (POSIX has it so). One at a time: nobody can have locked a file that was not there before.
    static CREATING: Mutex<()> = Mutex::new(());
    let _one = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A path that SQLite takes for nothing else, such as `:memory:` or a URI, and that stays the
/// same when the process goes to another folder.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| unusable("find", path, error))
}

fn unusable(verb: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Unavailable,
        _ => ErrorKind::Config,
    };
    Error::new(kind, format!("cannot {verb} the state file {}", path.display())).with_source(error)
}

#[cfg(unix)]
fn identity(file: &fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<Identity> {
    None
}
