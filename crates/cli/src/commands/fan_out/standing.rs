//! Who uses a registered consumer, as far as the state of groups says.

use kinfolk::core::id::{GroupName, SlotName, StreamName, WorkerId};
use kinfolk::core::snapshot::Snapshot;
use kinfolk::core::time::WallTime;
use kinfolk::fan_out::Consumer;
use kinfolk::group::Listed;

/// A registered consumer, and the slots that it is in the groups of its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) consumer: Consumer,
    pub(super) slots: Vec<Slot>,
}

/// A slot of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) group: GroupName,
    pub(super) used_by: Option<WorkerId>,
    /// Its user has said within the last minute that it is alive, by its clock against this one.
    pub(super) alive: bool,
}

impl Standing {
    pub(super) fn of(
        consumer: Consumer,
        stream: &StreamName,
        groups: &[Listed],
        now: WallTime,
    ) -> Self {
        let of_stream = groups.iter().filter(|listed| listed.stream == *stream);
        let slots = of_stream.filter_map(|listed| {
            Slot::find(&consumer.name, &listed.group, listed.state.as_ref().ok()?, now)
        });
        let slots = slots.collect();
        Self { consumer, slots }
    }

    /// The slot of a worker that is there and reads by it.
    pub(super) fn in_use(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.alive)
    }

    /// Whether it is one of ours that nobody uses.
    pub(super) fn is_orphan(&self) -> bool {
        self.consumer.is_kinfolk() && self.in_use().is_none()
    }

    /// In a few words.
    pub(super) fn told(&self) -> String {
        match (self.in_use(), self.slots.first()) {
            (Some(Slot { group, used_by: Some(user), .. }), _) => {
                format!("in use by worker {user} of group {group}")
            }
            (_, Some(Slot { group, used_by: Some(user), .. })) => {
                format!("worker {user} of group {group} is not alive")
            }
            (_, Some(Slot { group, .. })) => format!("no worker of group {group} uses it"),
            (_, None) => "no group has it".to_owned(),
        }
    }
}

impl Slot {
    fn find(name: &SlotName, group: &GroupName, state: &Snapshot, now: WallTime) -> Option<Self> {
        let used_by = state.slots.get(name)?.used_by.clone();
        let worker = used_by.as_ref().and_then(|user| state.workers.get(user));
        let alive = worker.is_some_and(|worker| worker.may_be_alive(now));
        Some(Self { group: group.clone(), used_by, alive })
    }
}

#[cfg(test)]
mod tests {
    use kinfolk::core::snapshot::{About, Worker};

    use super::*;

    #[test]
    fn only_a_slot_whose_user_is_alive_is_in_use() {
        let worker = |beat| Worker {
            beat: WallTime(beat),
            period_ms: Some(2_500),
            leaving: false,
            active: true,
            standalone: false,
            name: None,
            shards: None,
            about: About::default(),
        };
        let slot = |user: Option<&str>| kinfolk::core::snapshot::Slot {
            used_by: user.map(WorkerId::from),
            ..kinfolk::core::snapshot::Slot::new("arn", false, "v".into())
        };
        let state = Snapshot {
            created_on: WallTime(0),
            version: "v".into(),
            started_at: None,
            workers: [("alive".into(), worker(40_001)), ("dead".into(), worker(40_000))].into(),
            slots: [
                ("a".into(), slot(Some("alive"))),
                ("b".into(), slot(Some("dead"))),
                ("c".into(), slot(Some("gone"))),
                ("d".into(), slot(None)),
            ]
            .into(),
            shards: [].into(),
            places: [].into(),
        };
        let alive = |name: &str| {
            let slot = Slot::find(&name.into(), &"group".into(), &state, WallTime(100_000))?;
            Some(slot.alive)
        };
        assert_eq!(alive("a"), Some(true));
        for name in ["b", "c", "d"] {
            assert_eq!(alive(name), Some(false), "{name}");
        }
        assert_eq!(alive("e"), None);
    }
}
