//! The tables of shards: those that workers share, and those of each standalone reader.

use kinfolk::core::snapshot::Home;
use kinfolk::group::{Description, Lag, ShardStatus};

use super::{dash, name, state};
use crate::output::{duration, escape};
use crate::table::Table;

/// How many digits of a sequence number people see: the last ones differ.
const DIGITS: usize = 12;

/// All of them, an empty line between two.
pub(super) fn text(seen: &Description) -> String {
    let mut parts: Vec<(Option<String>, &[ShardStatus])> = Vec::new();
    // A group whose readers are all standalone has no shards to share.
    if !seen.shards.is_empty() || seen.standalone.is_empty() {
        parts.push((None, &seen.shards));
    }
    let standalone = seen.standalone.iter();
    parts.extend(standalone.map(|of| (Some(heading(&of.home)), of.shards.as_slice())));
    let mut tables: Vec<_> = parts.iter().map(|(_, shards)| table(shards)).collect();
    Table::line_up(&mut tables);
    let parts = parts.into_iter().zip(tables).map(|part| match part {
        ((None, _), table) => table.to_string(),
        ((Some(heading), []), _) => format!("{heading}: no shards yet\n"),
        ((Some(heading), _), table) => format!("{heading}\n{table}"),
    });
    parts.collect::<Vec<_>>().join("\n")
}

fn heading(home: &Home) -> String {
    match home {
        Home::Group => "shared".to_owned(),
        Home::Place(place) => format!("standalone \"{}\"", name(place)),
        Home::Worker(id) => format!("standalone worker {}", name(id)),
        Home::Slot(slot) => format!("standalone, in fan-out slot {}", name(slot)),
    }
}

fn table(shards: &[ShardStatus]) -> Table<7> {
    let mut table =
        Table::new(["SHARD", "STATE", "OWNER", ">EPOCH", ">CHECKPOINT", ">AGE", ">LAG"]);
    for shard in shards {
        table.row([
            name(&shard.id),
            state(shard.state).to_owned(),
            shard.owner.as_ref().map_or_else(dash, name),
            shard.epoch.map_or_else(dash, |epoch| epoch.to_string()),
            checkpoint(shard).unwrap_or_else(dash),
            shard.checkpoint_age_ms.map_or_else(dash, duration),
            match shard.lag {
                Lag::Ms(ms) => duration(ms),
                Lag::Unknown(_) => "?".to_owned(),
                _ => dash(),
            },
        ]);
    }
    table
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
