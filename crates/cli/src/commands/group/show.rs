//! A group's description, for people and for scripts.

mod json;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use kinfolk::core::time::WallTime;
use kinfolk::group::{Description, Kind, Lag, ShardState, ShardStatus};

pub(super) use json::Json;

use super::table::Table;
use crate::output::{count, escape};

/// How many digits of a sequence number people see: the last ones differ.
const DIGITS: usize = 12;

/// What people see.
pub(super) fn text(seen: &Description) -> String {
    let mut text = format!("group {} on stream {}", name(&seen.group), name(&seen.stream));
    match seen.started_at.and_then(date) {
        Some(at) => _ = writeln!(text, ", started {at}"),
        None => text.push_str(", started by a Node consumer\n"),
    }
    if seen.outdated {
        text.push_str("the stream was deleted and made again since: the next worker starts over\n");
    }
    let _ = writeln!(text, "\n{}", shards(seen));
    if !seen.workers.is_empty() {
        let _ = writeln!(text, "{}", workers(seen));
    }
    text += &totals(seen);
    for shard in &seen.shards {
        if let Lag::Unknown(why) = &shard.lag {
            let _ = writeln!(text, "{}: lag unknown: {}", name(&shard.id), escape(why));
        }
    }
    text
}

fn shards(seen: &Description) -> Table<7> {
    let mut table =
        Table::new(["SHARD", "STATE", "OWNER", ">EPOCH", ">CHECKPOINT", ">AGE", ">LAG"]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for shard in &seen.shards {
        table.row([
            name(&shard.id),
            state(shard.state).to_owned(),
            or_dash(shard.owner.as_ref().map(name)),
            or_dash(shard.epoch.map(|epoch| epoch.to_string())),
            or_dash(checkpoint(shard)),
            or_dash(shard.checkpoint_age_ms.map(duration)),
            match shard.lag {
                Lag::Ms(ms) => duration(ms),
                Lag::Unknown(_) => "?".to_owned(),
                _ => "-".to_owned(),
            },
        ]);
    }
    table
}

fn workers(seen: &Description) -> Table<8> {
    let mut table =
        Table::new(["WORKER", "APP", "HOST", ">PID", "KIND", ">BEAT", ">SHARDS", "NOTE"]);
    for worker in &seen.workers {
        let note = match (worker.leaving, worker.shares) {
            (true, _) => "leaving",
            (false, false) => "reads by itself",
            (false, true) => "",
        };
        table.row([
            name(&worker.id),
            escape(&worker.app),
            escape(&worker.host),
            worker.pid.to_string(),
            kind(worker.kind).to_owned(),
            duration(worker.beat_age_ms),
            worker.shards.len().to_string(),
            note.to_owned(),
        ]);
    }
    table
}

fn totals(seen: &Description) -> String {
    let mut states = BTreeMap::<ShardState, u64>::new();
    for shard in &seen.shards {
        *states.entry(shard.state).or_default() += 1;
    }
    let plural = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number as u64)),
    };
    let mut text =
        plural(seen.workers.len(), "worker") + ", " + &plural(seen.shards.len(), "shard");
    let states = states.iter().map(|(of, number)| format!("{} {}", count(*number), state(*of)));
    let states = states.collect::<Vec<_>>().join(", ");
    if !states.is_empty() {
        let _ = write!(text, ": {states}");
    }
    if !seen.untracked.is_empty() {
        let _ = write!(text, "; {} not met yet", plural(seen.untracked.len(), "shard"));
    }
    let lags = seen.shards.iter().filter_map(|shard| match shard.lag {
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

fn checkpoint(shard: &ShardStatus) -> Option<String> {
    let done = shard.checkpoint.as_ref()?;
    let last = |text: &str| match text.char_indices().nth_back(DIGITS) {
        Some(_) => {
            let tail: String = text.chars().rev().take(DIGITS).collect();
            format!("…{}", tail.chars().rev().collect::<String>())
        }
        None => text.to_owned(),
    };
    let text = match &done.part {
        Some(part) => format!("{}:{}", last(part.sequence.as_str()), part.sub),
        None => last(done.sequence.as_ref()?.as_str()),
    };
    Some(escape(&text))
}

fn name(id: &impl ToString) -> String {
    escape(&id.to_string())
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

/// A span in its two largest units.
fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match () {
        () if ms == 0 => "0 s".to_owned(),
        () if minutes == 0 => format!("{seconds}.{} s", ms % 1_000 / 100),
        () if hours == 0 => format!("{minutes} m {} s", seconds % 60),
        () if hours < 24 => format!("{hours} h {} m", minutes % 60),
        () => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        let texts = [0, 40, 1_250, 61_000, 3_660_000, 90_000_000].map(duration);
        assert_eq!(texts, ["0 s", "0.0 s", "1.2 s", "1 m 1 s", "1 h 1 m", "1 d 1 h"]);
    }
}
