//! A stream's description, for people and for scripts.

use std::fmt::Write as _;

use kinfolk::stream::{ShardInfo, StreamInfo};
use serde::Serialize;

/// What `--json` prints. Hash keys are strings: they do not fit JSON's numbers.
#[derive(Debug, Serialize)]
pub(super) struct Json {
    stream: String,
    arn: String,
    status: String,
    on_demand: bool,
    retention_hours: u32,
    created: Option<String>,
    encrypted: bool,
    consumers: Option<u32>,
    open_shards: usize,
    shards: Vec<JsonShard>,
}

#[derive(Debug, Serialize)]
struct JsonShard {
    id: String,
    open: bool,
    parents: Vec<String>,
    first_hash_key: String,
    last_hash_key: String,
    starting_sequence: String,
}

impl Json {
    pub(super) fn of(info: &StreamInfo) -> Self {
        Self {
            stream: info.name.to_string(),
            arn: info.arn.clone(),
            status: info.status.to_string(),
            on_demand: info.on_demand,
            retention_hours: info.retention_hours,
            created: info.created.map(|time| time.to_string()),
            encrypted: info.encrypted,
            consumers: info.consumers,
            open_shards: open(info).count(),
            shards: info.shards.iter().map(JsonShard::of).collect(),
        }
    }
}

impl JsonShard {
    fn of(shard: &ShardInfo) -> Self {
        Self {
            id: shard.id.to_string(),
            open: !shard.closed,
            parents: parents(shard),
            first_hash_key: shard.hash_range.start.to_string(),
            last_hash_key: shard.hash_range.end.to_string(),
            starting_sequence: shard.starting_sequence.to_string(),
        }
    }
}

/// What people see.
pub(super) fn text(info: &StreamInfo) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<11}{value}");
    };
    line("stream", info.name.as_str());
    line("arn", &info.arn);
    line("status", &info.status.to_string());
    line("capacity", if info.on_demand { "on demand" } else { "provisioned" });
    line("retention", &format!("{} h", info.retention_hours));
    line("encrypted", if info.encrypted { "with a KMS key" } else { "no" });
    if let Some(created) = info.created {
        line("created", &created.to_string());
    }
    if let Some(consumers) = info.consumers {
        line("consumers", &format!("{consumers} registered for fan-out"));
    }
    let closed = info.shards.len() - open(info).count();
    line("shards", &format!("{} open, {closed} closed", open(info).count()));

    let width = info.shards.iter().map(|shard| shard.id.as_str().len()).max().unwrap_or(0);
    let _ = writeln!(text, "\n{:<width$}  STATE   SHARE    PARENTS", "SHARD");
    for shard in &info.shards {
        let state = if shard.closed { "closed" } else { "open" };
        let share = format!("{:.2} %", share(shard));
        let row =
            format!("{:<width$}  {state:<6}  {share:>7}  {}", shard.id, parents(shard).join(" "));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

fn open(info: &StreamInfo) -> impl Iterator<Item = &ShardInfo> {
    info.shards.iter().filter(|shard| !shard.closed)
}

fn parents(shard: &ShardInfo) -> Vec<String> {
    shard.parent.iter().chain(&shard.adjacent).map(ToString::to_string).collect()
}

/// How much of all hash keys a shard has, in per cent.
fn share(shard: &ShardInfo) -> f64 {
    let keys = shard.hash_range.end.saturating_sub(shard.hash_range.start) as f64 + 1.0;
    keys / 2f64.powi(128) * 100.0
}
