//! The memory store does what it is defined to do.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use kinfolk::store::memory::MemoryStore;
use kinfolk_core::snapshot::Snapshot;
use kinfolk_testkit::conformance::{self, Plan};

#[tokio::test]
async fn conforms() {
    let make = async |state: Option<Snapshot>| {
        Ok(state.map_or_else(MemoryStore::new, MemoryStore::holding))
    };
    for seed in 0..8 {
        let report = conformance::check(make, &Plan::new(seed)).await;
        let report = report.unwrap_or_else(|divergence| panic!("{divergence}"));
        println!("seed {seed}: {report:?}");
        assert!(report.applied > 100 && report.refused > 100);
        assert!(report.raced > 10 && report.outraced > 10);
        assert!(report.settled > 50 && report.stale > 10);
    }
}
