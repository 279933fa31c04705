//! A group in numbers.

use kinfolk::core::time::WallTime;
use kinfolk::group::{Description, Listed, ShardState};
use serde::Serialize;

/// From which age of its beat on a worker counts as silent.
const SILENT_MS: u64 = 60_000;

/// A group of a list.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) group: String,
    pub(super) stream: String,
    pub(super) bytes: Option<u64>,
    /// The group in numbers, or why its state does not read.
    pub(super) counts: Result<Counts, String>,
}

/// What there is in a group.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Counts {
    /// Workers whose beat is young enough, by their own clocks.
    pub(super) workers_alive: usize,
    /// The others that have an entry.
    pub(super) workers_silent: usize,
    /// The shards that workers share.
    pub(super) shards: usize,
    pub(super) shards_ended: usize,
    /// Homes of shards other than the group's own.
    pub(super) standalone: usize,
    pub(super) slots: usize,
    pub(super) slots_used: usize,
    /// Of the youngest beat; `None` without workers.
    pub(super) beat_age_ms: Option<u64>,
    pub(super) note: Option<Note>,
}

/// What is special about a group that reads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) enum Note {
    /// No worker shares shards.
    #[serde(rename = "standalone")]
    Standalone,
    /// There are no workers.
    #[serde(rename = "left behind")]
    LeftBehind,
}

impl Summary {
    pub(super) fn of(listed: &Listed, now: WallTime) -> Self {
        let Listed { group, stream, bytes, state, .. } = listed;
        let counts = match state {
            Ok(state) => Ok(Counts::of(&Description::of_state(group, stream, state, now))),
            Err(error) => Err(error.report().to_string()),
        };
        Self { group: group.to_string(), stream: stream.to_string(), bytes: *bytes, counts }
    }
}

impl Counts {
    fn of(seen: &Description) -> Self {
        let silent = seen.workers.iter().filter(|worker| worker.beat_age_ms >= SILENT_MS).count();
        let ended = seen.shards.iter().filter(|shard| shard.state == ShardState::Ended);
        Self {
            workers_alive: seen.workers.len() - silent,
            workers_silent: silent,
            shards: seen.shards.len(),
            shards_ended: ended.count(),
            standalone: seen.standalone.len(),
            slots: seen.slots.len(),
            slots_used: seen.slots.iter().filter(|slot| slot.used_by.is_some()).count(),
            beat_age_ms: seen.workers.iter().map(|worker| worker.beat_age_ms).min(),
            note: match () {
                () if seen.workers.is_empty() => Some(Note::LeftBehind),
                () if seen.workers.iter().all(|worker| worker.standalone) => Some(Note::Standalone),
                () => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use kinfolk::core::snapshot::{About, Home, Shard, Slot, Snapshot, Worker};

    use super::*;

    fn worker(beat: i64, standalone: bool) -> Worker {
        Worker {
            beat: WallTime(beat),
            period_ms: None,
            leaving: false,
            active: true,
            standalone,
            name: None,
            shards: None,
            about: About::default(),
        }
    }

    fn state() -> Snapshot {
        Snapshot {
            created_on: WallTime(0),
            version: "v".into(),
            started_at: None,
            workers: [].into(),
            slots: [].into(),
            shards: [].into(),
            places: [].into(),
        }
    }

    fn counts(state: &Snapshot) -> Counts {
        let now = WallTime(100_000);
        Counts::of(&Description::of_state(&"billing".into(), &"orders".into(), state, now))
    }

    #[test]
    fn a_group_is_counted() {
        let shard = || Shard::new(None, None, "v".into());
        let used = Slot { used_by: Some("a".into()), ..Slot::new("arn", true, "v".into()) };
        let state = Snapshot {
            workers: [
                ("a".into(), worker(40_001, true)),
                ("b".into(), worker(40_000, false)),
                ("c".into(), worker(98_000, false)),
            ]
            .into(),
            slots: [("x".into(), used), ("y".into(), Slot::new("arn", false, "v".into()))].into(),
            shards: [
                ("0".into(), Shard { ended: true, ..shard() }),
                ("1".into(), shard()),
                ("2".into(), shard()),
            ]
            .into(),
            places: [("tail".into(), [("0".into(), shard())].into())].into(),
            ..state()
        };
        let homes: Vec<_> = state.homes().collect();
        assert_eq!(homes, [Home::Group, Home::Place("tail".into()), Home::Slot("x".into())]);
        let expected = Counts {
            workers_alive: 2,
            workers_silent: 1,
            shards: 3,
            shards_ended: 1,
            standalone: 2,
            slots: 2,
            slots_used: 1,
            beat_age_ms: Some(2_000),
            note: None,
        };
        assert_eq!(counts(&state), expected);
    }

    #[test]
    fn a_group_without_workers_or_sharing_says_so() {
        let left = counts(&state());
        assert_eq!((left.note, left.beat_age_ms), (Some(Note::LeftBehind), None));
        let workers = [("a".into(), worker(0, true))].into();
        assert_eq!(counts(&Snapshot { workers, ..state() }).note, Some(Note::Standalone));
    }
}
