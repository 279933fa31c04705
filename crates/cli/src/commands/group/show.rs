//! A group's description, for people and for scripts.

mod json;
mod shards;
mod totals;
mod workers;

use std::fmt::Write as _;

use jiff::Timestamp;
use kinfolk::core::time::WallTime;
use kinfolk::group::{Description, Kind, Lag, ShardState, SlotStatus};

pub(super) use json::Json;

use crate::output::{duration, escape};
use crate::table::Table;

/// Where a description comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The group's store, and the stream.
    Store,
    /// An item in a file.
    SavedItem,
}

/// What people see.
pub(super) fn text(seen: &Description, origin: Origin) -> String {
    let mut text = format!("group {} on stream {}", name(&seen.group), name(&seen.stream));
    match seen.started_at.and_then(date) {
        Some(at) => _ = writeln!(text, ", started {at}"),
        None => text.push_str(", started by a Node consumer\n"),
    }
    if origin == Origin::SavedItem {
        let _ = writeln!(text, "from a saved item: {}", youngest(seen));
    }
    if seen.outdated {
        text.push_str("the stream was deleted and made again since: the next worker starts over\n");
    }
    text.push('\n');
    for part in [&shards::text(seen), &workers::text(seen), &slots(&seen.slots)] {
        if !part.is_empty() {
            let _ = writeln!(text, "{part}");
        }
    }
    text + &totals::text(seen) + &unknown_lags(seen)
}

/// Up to when a saved item can be right.
fn youngest(seen: &Description) -> String {
    let youngest = seen.workers.iter().max_by_key(|worker| worker.beat);
    match youngest.and_then(|worker| Some((date(worker.beat)?, worker.beat_age_ms))) {
        Some((at, age)) => format!("its youngest beat is of {at}, {} ago", duration(age)),
        None => "no worker was in the group".to_owned(),
    }
}

fn slots(slots: &[SlotStatus]) -> String {
    if slots.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["SLOT", "USED BY"]);
    for slot in slots {
        table.row([name(&slot.name), slot.used_by.as_ref().map_or_else(dash, name)]);
    }
    table.to_string()
}

fn unknown_lags(seen: &Description) -> String {
    let mut text = String::new();
    let standalone = seen.standalone.iter().flat_map(|standalone| &standalone.shards);
    for shard in seen.shards.iter().chain(standalone) {
        if let Lag::Unknown(why) = &shard.lag {
            let _ = writeln!(text, "{}: lag unknown: {}", name(&shard.id), escape(why));
        }
    }
    text
}

fn name(id: &impl ToString) -> String {
    escape(&id.to_string())
}

fn dash() -> String {
    "-".to_owned()
}

fn state(state: ShardState) -> &'static str {
    match state {
        ShardState::Waiting => "waiting",
        ShardState::Free => "free",
        ShardState::Reading => "reading",
        ShardState::Orphaned => "orphaned",
        ShardState::Ended => "ended",
        ShardState::Expired => "expired",
        _ => "unknown",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Kinfolk => "kinfolk",
        Kind::Node => "node",
        _ => "unknown",
    }
}

fn date(time: WallTime) -> Option<String> {
    Some(format!("{:.3}", Timestamp::from_millisecond(time.0).ok()?))
}

#[cfg(test)]
mod tests;
