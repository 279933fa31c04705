//! The line that sums a group up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kinfolk::group::{Description, Lag, ShardState};

use super::state;
use crate::output::{count, duration};

/// The line.
pub(super) fn text(seen: &Description) -> String {
    let mut text = plural(seen.workers.len(), "worker");
    // A group whose readers are all standalone has no shards to share.
    if !seen.shards.is_empty() || seen.standalone.is_empty() {
        let _ = write!(text, ", {}", plural(seen.shards.len(), "shard"));
    }
    let mut states = BTreeMap::<ShardState, u64>::new();
    for shard in &seen.shards {
        *states.entry(shard.state).or_default() += 1;
    }
    let states = states.iter().map(|(of, number)| format!("{} {}", count(*number), state(*of)));
    let states = states.collect::<Vec<_>>().join(", ");
    if !states.is_empty() {
        let _ = write!(text, ": {states}");
    }
    if !seen.untracked.is_empty() {
        let _ = write!(text, "; {} not met yet", plural(seen.untracked.len(), "shard"));
    }
    if !seen.standalone.is_empty() {
        let _ = write!(text, "; {}", plural(seen.standalone.len(), "standalone reader"));
    }
    let standalone = seen.standalone.iter().flat_map(|standalone| &standalone.shards);
    let lags = seen.shards.iter().chain(standalone).filter_map(|shard| match shard.lag {
        Lag::Ms(ms) => Some(ms),
        _ => None,
    });
    match lags.max() {
        Some(0) => text += "; nothing behind",
        Some(most) => _ = write!(text, "; at most {} behind", duration(most)),
        None => {}
    }
    text + "\n"
}

fn plural(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number as u64)),
    }
}
