//! The table of workers.

use kinfolk::group::{Description, Member};

use super::{kind, name};
use crate::output::{duration, escape};
use crate::table::Table;

/// The table; nothing without workers.
pub(super) fn text(seen: &Description) -> String {
    if seen.workers.is_empty() {
        return String::new();
    }
    let mut table =
        Table::new(["WORKER", "APP", "HOST", ">PID", "KIND", ">BEAT", ">SHARDS", "NOTE"]);
    for worker in &seen.workers {
        table.row([
            name(&worker.id),
            escape(&worker.app),
            escape(&worker.host),
            worker.pid.to_string(),
            kind(worker.kind).to_owned(),
            duration(worker.beat_age_ms),
            worker.shards.len().to_string(),
            note(worker),
        ]);
    }
    table.to_string()
}

/// How it differs from a worker that shares shards.
fn note(worker: &Member) -> String {
    let reads = match &worker.name {
        Some(place) if worker.standalone => Some(format!("as \"{}\"", name(place))),
        None if worker.standalone && !worker.waits => Some("reads by itself".to_owned()),
        _ => None,
    };
    let does = match () {
        () if worker.leaving => Some("leaving".to_owned()),
        () if worker.waits => Some("waits for a fan-out slot".to_owned()),
        () => None,
    };
    reads.into_iter().chain(does).collect::<Vec<_>>().join(", ")
}
