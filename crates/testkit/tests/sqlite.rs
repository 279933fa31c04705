//! The SQLite store does what the definition says, also when every call comes through another
//! connection to the file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kinfolk::Result;
use kinfolk::core::change::{Change, Committed};
use kinfolk::core::coordinate::Timing;
use kinfolk::core::limits::Limits;
use kinfolk::store::sqlite::SqliteStore;
use kinfolk::store::{BoxFuture, StateStore};
use kinfolk_core::snapshot::Snapshot;
use kinfolk_testkit::conformance::{self, Plan, Report, Verdict};

/// A folder that is gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kinfolk-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writers that never rest starve each other for longer than beats a second apart do.
fn open(file: &Path, group: &str) -> Result<SqliteStore> {
    Ok(SqliteStore::open(file, group, "orders")?.attempt_limit(Duration::from_secs(20)))
}

/// One state through several connections: each call takes the next.
#[derive(Debug)]
struct Crowd {
    stores: Vec<SqliteStore>,
    calls: AtomicUsize,
}

impl Crowd {
    fn open(file: &Path, group: &str, connections: usize) -> Result<Self> {
        let stores: Result<_> = (0..connections).map(|_| open(file, group)).collect();
        Ok(Self { stores: stores?, calls: AtomicUsize::new(0) })
    }

    fn next(&self) -> &SqliteStore {
        &self.stores[self.calls.fetch_add(1, Ordering::Relaxed) % self.stores.len()]
    }
}

impl StateStore for Crowd {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        self.next().look()
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        self.next().commit(change)
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        self.next().export()
    }

    fn limits(&self) -> Limits {
        self.next().limits()
    }

    fn timing(&self) -> Timing {
        self.next().timing()
    }
}

/// Checks states in one file, each in a group of its own, through so many connections each.
async fn check(folder: &Folder, connections: usize, plan: &Plan) -> Verdict<Report> {
    let file = folder.0.join(format!("{}.db", plan.seed));
    let groups = AtomicUsize::new(0);
    let make = async |state: Option<Snapshot>| {
        let group = format!("group {}", groups.fetch_add(1, Ordering::Relaxed));
        let crowd = Crowd::open(&file, &group, connections)?;
        if let Some(state) = &state {
            crowd.next().put(state).await?;
        }
        Ok(crowd)
    };
    conformance::check(make, plan).await
}

async fn conforms_through(connections: usize, seeds: u64) {
    let folder = Folder::new(&format!("conforms-{connections}"));
    for seed in 0..seeds {
        let report = check(&folder, connections, &Plan::new(seed)).await;
        let report = report.unwrap_or_else(|divergence| panic!("{divergence}"));
        println!("seed {seed}: {report:?}");
        assert!(report.applied > 100 && report.refused > 100);
        assert!(report.raced > 10 && report.outraced > 10);
        assert!(report.settled > 50 && report.stale > 10);
    }
}

#[tokio::test]
async fn conforms() {
    conforms_through(1, 8).await;
}

#[tokio::test]
async fn conforms_when_each_call_is_anothers() {
    conforms_through(3, 4).await;
}
