//! The description for scripts.

use kinfolk::core::snapshot::Home;
use kinfolk::group::{Description, Lag, Member, ShardStatus, SlotStatus, Standalone};
use serde::Serialize;

use super::{Origin, date, kind, state};

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(in super::super) struct Json {
    stream: String,
    group: String,
    /// It is the state of a file, at most as new as the youngest beat.
    saved_item: bool,
    /// Of any worker, by its own clock.
    youngest_beat: Option<String>,
    stream_created_on: Option<String>,
    started_at: Option<String>,
    outdated: bool,
    workers: Vec<JsonWorker>,
    shards: Vec<JsonShard>,
    standalone: Vec<JsonStandalone>,
    slots: Vec<JsonSlot>,
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
    waits_for_slot: bool,
    standalone: bool,
    /// Of its place, if it is standalone and has one.
    name: Option<String>,
    shards: Vec<String>,
}

#[derive(Debug, Serialize)]
struct JsonStandalone {
    /// Where the shards' entries are, and so whose they are: place, worker or slot.
    home: &'static str,
    /// Of the place, the worker or the slot.
    name: String,
    shards: Vec<JsonShard>,
}

#[derive(Debug, Serialize)]
struct JsonSlot {
    name: String,
    arn: String,
    used_by: Option<String>,
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
    pub(in super::super) fn of(seen: &Description, origin: Origin) -> Self {
        let beats = seen.workers.iter().map(|worker| worker.beat);
        Self {
            stream: seen.stream.to_string(),
            group: seen.group.to_string(),
            saved_item: origin == Origin::SavedItem,
            youngest_beat: beats.max().and_then(date),
            stream_created_on: date(seen.created_on),
            started_at: seen.started_at.and_then(date),
            outdated: seen.outdated,
            workers: seen.workers.iter().map(JsonWorker::of).collect(),
            shards: seen.shards.iter().map(JsonShard::of).collect(),
            standalone: seen.standalone.iter().map(JsonStandalone::of).collect(),
            slots: seen.slots.iter().map(JsonSlot::of).collect(),
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
            waits_for_slot: worker.waits,
            standalone: worker.standalone,
            name: worker.name.as_ref().map(ToString::to_string),
            shards: texts(&worker.shards),
        }
    }
}

impl JsonStandalone {
    fn of(standalone: &Standalone) -> Self {
        let (home, name) = match &standalone.home {
            Home::Group => ("group", String::new()),
            Home::Place(name) => ("place", name.to_string()),
            Home::Worker(id) => ("worker", id.to_string()),
            Home::Slot(name) => ("slot", name.to_string()),
        };
        Self { home, name, shards: standalone.shards.iter().map(JsonShard::of).collect() }
    }
}

impl JsonSlot {
    fn of(slot: &SlotStatus) -> Self {
        Self {
            name: slot.name.to_string(),
            arn: slot.arn.clone(),
            used_by: slot.used_by.as_ref().map(ToString::to_string),
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
