use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use kinfolk_core::change::{Chain, Edit, Effect, Guard, Says};
use kinfolk_core::id::{ShardId, WorkerId};
use kinfolk_core::snapshot::{Shard, Worker};
use kinfolk_core::time::WallTime;

use super::*;

mod crash;
mod files;
mod rows;
mod sharing;
mod space;
mod state;

/// A folder that is gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("kinfolk-sqlite-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.db")
    }

    fn store(&self) -> SqliteStore {
        open(&self.file())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A store with the patience that a loaded machine needs.
fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, "billing", "orders").unwrap().attempt_limit(Duration::from_secs(20))
}

/// A connection to the file as any other program has it.
fn by_hand(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection
}

/// What whoever shares the file would not do.
fn run_by_hand(path: &Path, sql: &str) {
    by_hand(path).execute_batch(sql).unwrap();
}

/// A worker that writes as the coordinator does: each write on the beat of the one before.
struct Writer {
    id: WorkerId,
    beat: i64,
}

impl Writer {
    fn new(id: &str) -> Self {
        Self { id: id.into(), beat: 1_000 }
    }

    fn entry(&self) -> Worker {
        Worker {
            beat: WallTime(self.beat),
            period_ms: Some(1_000),
            leaving: false,
            active: true,
            standalone: false,
            name: None,
            shards: None,
            about: Default::default(),
        }
    }

    fn create(&self) -> Change {
        let created_on = WallTime(1);
        let chain = Chain::Create { created_on, started_at: WallTime(2), entry: self.entry() };
        Change::new(self.id.clone(), chain, "created".into())
    }

    fn join(&self) -> Change {
        let chain = Chain::Join { created_on: WallTime(1), entry: self.entry() };
        Change::new(self.id.clone(), chain, "joined".into())
    }

    /// The beat after the last one that was acknowledged.
    fn beat(&self) -> Change {
        let (prev, next) = (WallTime(self.beat), WallTime(self.beat + 1));
        let chain = Chain::Beat { prev, next, says: Says::NOTHING };
        Change::new(self.id.clone(), chain, format!("beat {}", next.0).as_str().into())
    }

    /// The next beat, which leaves a shard behind that is named after it.
    fn mark(&self) -> Change {
        let mut change = self.beat();
        let entry = Shard::new(None, None, "v".into());
        let edit = Edit { guard: Guard::Absent, effect: Effect::Insert(entry) };
        change.shards.insert(self.marked(self.beat + 1), edit);
        change
    }

    fn marked(&self, beat: i64) -> ShardId {
        ShardId::from(format!("{}-{beat:06}", self.id))
    }
}

async fn applied(store: &SqliteStore, change: &Change) -> Snapshot {
    match store.commit(change).await.unwrap() {
        Committed::Applied(state) => state,
        other => panic!("not applied: {other:?}"),
    }
}
