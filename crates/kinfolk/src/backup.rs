//! What becomes of a state that is about to be replaced.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinfolk_core::id::{GroupName, StreamName};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Announcer, Event};
use crate::store::StateStore;
use crate::supervise;

/// What a caller does with the state of a stream that was deleted and made again.
type Hook = dyn Fn(&[u8]) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>
    + Send
    + Sync;

/// Where it is kept.
#[derive(Clone)]
pub(crate) enum Backup {
    /// In a new file in this folder.
    Folder(PathBuf),
    /// The caller keeps it.
    Hook(Arc<Hook>),
}

/// Keeps the state of one group on one stream.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    backup: Backup,
    group: GroupName,
    stream: StreamName,
    /// What was kept last. The write that replaces it may have to be repeated for hours.
    kept: Arc<Mutex<Option<Value>>>,
}

impl Keeper {
    pub(crate) fn new(backup: Backup, group: GroupName, stream: StreamName) -> Self {
        Self { backup, group, stream, kept: Arc::default() }
    }

    /// Keeps the state as it is now, once. Nothing may replace it unless this succeeds.
    pub(crate) async fn keep(&self, store: &dyn StateStore, announcer: &Announcer) -> Result<()> {
        // There is nothing to keep: the write will find out.
        let Some(text) = store.export().await? else { return Ok(()) };
        let state = serde_json::from_slice(&text).ok();
        if state.is_some() && *self.kept() == state {
            return Ok(());
        }
        let this = self.clone();
        let file = supervise::blocking(move || this.write(&text)).await??;
        *self.kept() = state;
        if let Some(file) = file {
            announcer.say(Event::StateKept { file });
        }
        Ok(())
    }

    fn write(&self, text: &[u8]) -> Result<Option<PathBuf>> {
        let Self { group, stream, .. } = self;
        match &self.backup {
            Backup::Folder(folder) => write_new(folder, text).map(Some).map_err(|error| {
                let message = format!(
                    "cannot keep the state of group {group} on stream {stream} in {}, so that it \
                     is not replaced: make that folder writable, or name another one",
                    folder.display()
                );
                Error::new(ErrorKind::Unavailable, message).with_source(error)
            }),
            Backup::Hook(hook) => hook(text).map(|()| None).map_err(|error| {
                let message = format!(
                    "the state of group {group} on stream {stream} is not replaced, because it was \
                     not kept"
                );
                Error::new(ErrorKind::Unavailable, message).with_source(error)
            }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Value>> {
        // It is replaced as a whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a file that was not there, for its owner alone. Its name is taken first, by an empty file,
/// which all of it replaces at once: whoever finds a backup that is not empty finds all of it.
fn write_new(folder: &Path, text: &[u8]) -> std::io::Result<PathBuf> {
    let file = take_name(folder)?;
    let draft = file.with_extension("json.new");
    let written = write_private(&draft, text)
        .and_then(|()| std::fs::rename(&draft, &file))
        .and_then(|()| sync(folder));
    if written.is_err() {
        // What matters is the first error.
        let _ = std::fs::remove_file(&draft);
        let _ = std::fs::remove_file(&file);
    }
    written.map(|()| file)
}

fn take_name(folder: &Path) -> std::io::Result<PathBuf> {
    for number in 1..10_000 {
        let file = folder.join(format!("kinfolk-state-{number}.json"));
        match write_private(&file, b"") {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::other("there are 9,999 backups in it already"))
}

fn write_private(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    file.write_all(text)?;
    file.sync_all()
}

/// A name is on the disk once its folder is. Other systems than Unix open no folders.
fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backup::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Backup::Hook(_) => f.write_str("Hook"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_backup_is_a_new_file_that_its_owner_alone_reads() {
        let folder = std::env::temp_dir().join(format!("kinfolk-backup-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = [b"first".as_slice(), b"second"].map(|text| write_new(&folder, text).unwrap());
        assert_eq!(std::fs::read(&files[0]).unwrap(), b"first");
        assert_eq!(std::fs::read(&files[1]).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "no draft is left");
        #[cfg(unix)]
        for file in &files {
            let mode = std::fs::metadata(file).unwrap().permissions();
            assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(write_new(&folder, b"third").is_err(), "there is no such folder");
    }
}
