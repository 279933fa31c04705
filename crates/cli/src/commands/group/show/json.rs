//! The description for scripts.

use kinfolk::group::{Description, Lag, Member, ShardStatus};
use serde::Serialize;

use super::{date, kind, state};

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(in super::super) struct Json {
    stream: String,
    group: String,
    stream_created_on: Option<String>,
    started_at: Option<String>,
    outdated: bool,
    workers: Vec<JsonWorker>,
    shards: Vec<JsonShard>,
    untracked: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JsonWorker {
    id: String,
    app: String,
    host: String,
    pid: u32,
    kind: &'static str,
    beat_age_ms: u64,
    leaving: bool,
    shares: bool,
    shards: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JsonShard {
    id: String,
    parents: Vec<String>,
    state: &'static str,
    owner: Option<String>,
    epoch: Option<u64>,
    /// All records up to this one are done, itself included.
    checkpoint: Option<String>,
    /// And of this aggregated record after it, those up to `checkpoint_sub`.
    checkpoint_part: Option<String>,
    checkpoint_sub: Option<u64>,
    checkpoint_age_ms: Option<u64>,
    lag_ms: Option<u64>,
    lag_error: Option<String>,
}

impl Json {
    pub(in super::super) fn of(seen: &Description) -> Self {
        Self {
            stream: seen.stream.to_string(),
            group: seen.group.to_string(),
            stream_created_on: date(seen.created_on),
            started_at: seen.started_at.and_then(date),
            outdated: seen.outdated,
            workers: seen.workers.iter().map(JsonWorker::of).collect(),
            shards: seen.shards.iter().map(JsonShard::of).collect(),
            untracked: texts(&seen.untracked),
        }
    }
}

impl JsonWorker {
    fn of(worker: &Member) -> Self {
        Self {
            id: worker.id.to_string(),
            app: worker.app.clone(),
            host: worker.host.clone(),
            pid: worker.pid,
            kind: kind(worker.kind),
            beat_age_ms: worker.beat_age_ms,
            leaving: worker.leaving,
            shares: worker.shares,
            shards: texts(&worker.shards),
        }
    }
}

impl JsonShard {
    fn of(shard: &ShardStatus) -> Self {
        let (lag_ms, lag_error) = match &shard.lag {
            Lag::Ms(ms) => (Some(*ms), None),
            Lag::Unknown(why) => (None, Some(why.clone())),
            _ => (None, None),
        };
        let done = shard.checkpoint.as_ref();
        let part = done.and_then(|done| done.part.as_ref());
        Self {
            id: shard.id.to_string(),
            parents: texts(&shard.parents),
            state: state(shard.state),
            owner: shard.owner.as_ref().map(ToString::to_string),
            epoch: shard.epoch,
            checkpoint: done.and_then(|done| done.sequence.as_ref()).map(ToString::to_string),
            checkpoint_part: part.map(|part| part.sequence.to_string()),
            checkpoint_sub: part.map(|part| part.sub),
            checkpoint_age_ms: shard.checkpoint_age_ms,
            lag_ms,
            lag_error,
        }
    }
}

fn texts(ids: &[impl ToString]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}
