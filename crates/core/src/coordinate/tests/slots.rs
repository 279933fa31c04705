//! Fan-out slots: added, dropped, taken, freed, waited for.

use super::*;
use crate::id::SlotName;
use crate::snapshot::{Home, Slot};

fn fan_out(mode: Mode) -> Settings {
    Settings { mode, fan_out: true, ..settings() }
}

fn registered(names: &[&str]) -> Registered {
    let ours = names.iter().map(|&name| (SlotName::from(name), format!("arn:{name}")));
    Registered { ours: ours.collect(), others: BTreeSet::new() }
}

impl Solo {
    fn begin_fan_out(mode: Mode, seed: u128, names: &[&str], state: Option<Snapshot>) -> Self {
        let mut solo = Self::start_with(fan_out(mode), seed, &["a", "b"], state);
        assert!(solo.effects.contains(&Effect::Register));
        solo.commit();
        solo.step(Input::Registered(registered(names)));
        solo.settle();
        solo
    }

    /// Carries out every write that is due now.
    fn settle(&mut self) {
        for _ in 0..10 {
            if self.written().is_none() {
                self.step(Input::Tick);
            }
            if self.written().is_none() {
                return;
            }
            self.commit();
        }
        panic!("it writes for ever: {:?}", self.written());
    }

    fn active(&mut self) -> bool {
        let me = self.me();
        self.state().workers[&me].active
    }

    fn users(&mut self) -> Vec<Option<WorkerId>> {
        self.state().slots.values().map(|slot| slot.used_by.clone()).collect()
    }

    fn said(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let said = |e: &&Effect| matches!(e, Effect::Notice(event) if wanted(event));
        self.history.iter().filter(said).count()
    }
}

#[test]
fn registered_consumers_become_slots_and_one_is_taken_while_the_worker_polls_already() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1", "f2"], None);
    let me = solo.me();
    assert_eq!(solo.users(), [Some(me), None]);
    assert!(solo.active());
    assert_eq!(solo.coordinator.held().count(), 2);
    assert_eq!(solo.coordinator.consumer(), Some("arn:f1"));
    let slot = solo.state().slots["f1"].clone();
    assert_eq!((slot.arn.as_str(), slot.standalone, slot.shards), ("arn:f1", false, None));
    let took = |e: &Event| matches!(e, Event::TookSlot { arn, .. } if arn == "arn:f1");
    assert_eq!(solo.said(took), 1);
    assert_eq!(solo.said(|e| *e == Event::NoSlotFree), 0, "the consumers were not known yet");
    let at = |wanted: fn(&Effect) -> bool| solo.history.iter().position(wanted);
    let taken = at(|effect| matches!(effect, Effect::Notice(Event::TookSlot { .. })));
    assert!(at(|effect| matches!(effect, Effect::Start(_))) < taken, "registering takes seconds");
}

#[test]
fn a_worker_that_finds_every_slot_in_use_polls_and_takes_one_that_becomes_free() {
    for mode in [Mode::Shared, Mode::Standalone { name: Some("tail".into()) }] {
        let first = Solo::begin_fan_out(mode.clone(), 7, &["f1"], None);
        let holder = first.me();
        let mut second = Solo::begin_fan_out(mode, 8, &["f1"], first.state.clone());
        assert!(second.active(), "it counts, and has its share");
        assert_eq!(second.said(|e| *e == Event::NoSlotFree), 1);
        assert_eq!(second.coordinator.consumer(), None);
        // The first worker gives it its share.
        let state = second.state.clone().unwrap();
        let mut group = first;
        group.state = Some(state);
        group.after(750);
        let seen = group.state.clone();
        group.step(Input::Looked(seen));
        assert!(group.effects.iter().any(|e| matches!(e, Effect::Drain { .. })));
        // The holder goes.
        let slot = second.state().slots.get_mut("f1").unwrap();
        (slot.used_by, slot.version) = (None, "freed".into());
        second.state().workers.remove(&holder);
        second.after(750);
        let seen = second.state.clone();
        second.step(Input::Looked(seen));
        second.settle();
        assert_eq!(second.coordinator.consumer(), Some("arn:f1"));
    }
}

#[test]
fn a_standalone_worker_that_keeps_its_shards_in_its_slot_waits_for_one() {
    let alone = Mode::Standalone { name: None };
    let first = Solo::begin_fan_out(alone.clone(), 7, &["f1"], None);
    let mut second = Solo::begin_fan_out(alone, 8, &["f1"], first.state.clone());
    assert!(!second.active(), "it is in the group and reads nothing");
    assert_eq!(second.said(|e| *e == Event::NoSlotFree), 1);
    assert_eq!(second.coordinator.held().count(), 0);
}

#[test]
fn a_worker_that_leaves_frees_its_slot_in_the_same_write() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1"], None);
    solo.step(Input::Shutdown { limit_ms: 0 });
    assert_eq!(solo.coordinator.consumer(), Some("arn:f1"), "its shards are not polled for that");
    while solo.written().is_some() {
        solo.commit();
    }
    assert_eq!(solo.users(), [None]);
    assert!(solo.state().workers.is_empty());
}

#[test]
fn an_evicted_workers_slot_is_freed_with_it_and_an_absent_ones_after_a_silence() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1", "f2", "f3"], None);
    let me = solo.me();
    let silent = Worker { beat: WallTime(1), ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("silent".into(), silent);
    solo.state().slots.get_mut("f2").unwrap().used_by = Some("silent".into());
    solo.state().slots.get_mut("f3").unwrap().used_by = Some("gone".into());
    let shown = listing(&["a", "b"]);
    run(&mut solo, 5_000, &shown, &[]);
    assert_eq!(solo.users(), [Some(me.clone()), Some("silent".into()), Some("gone".into())]);
    run(&mut solo, 10_000, &shown, &[]);
    assert_eq!(solo.users(), [Some(me), None, None]);
}

#[test]
fn a_consumer_that_is_not_registered_any_more_is_dropped_unless_somebody_uses_it() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1", "f2"], None);
    let theirs = Slot::new("arn:theirs", false, "v".into());
    solo.state().slots.insert("theirs".into(), theirs.clone());
    let used = Slot { used_by: Some("node".into()), ..theirs };
    solo.state().slots.insert("used".into(), used);
    let me = solo.me();
    let node = Worker { period_ms: None, ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("node".into(), node);
    let shown = listing(&["a", "b"]);
    run(&mut solo, 50_000, &shown, &[]);
    let names = |solo: &mut Solo| -> Vec<_> {
        solo.state().slots.keys().map(ToString::to_string).collect()
    };
    let all = ["f1", "f2", "theirs", "used"];
    assert_eq!(names(&mut solo), all, "the last listing is older than what others registered");
    let asked =
        |solo: &Solo| solo.history.iter().filter(|effect| **effect == Effect::Register).count();
    for _ in 0..1_200 {
        run(&mut solo, 250, &shown, &["node"]);
    }
    assert_eq!(asked(&solo), 2, "they are listed again each five minutes");
    let others = BTreeSet::from([SlotName::from("theirs")]);
    solo.step(Input::Registered(Registered { others, ..registered(&["f1"]) }));
    solo.settle();
    assert_eq!(names(&mut solo), ["f1", "theirs", "used"], "f2 is gone; others' stay");
}

#[test]
fn a_standalone_worker_keeps_its_shards_in_its_slot_and_the_next_one_goes_on_there() {
    let alone = Mode::Standalone { name: None };
    let mut first = Solo::begin_fan_out(alone.clone(), 7, &["f1"], None);
    assert_eq!(first.coordinator.held().count(), 2);
    let epoch = first.coordinator.held().next().unwrap().1;
    let progress = Progress { checkpoint: Checkpoint::at("20"), arrival: None };
    first.coordinator.progress(&"a".into(), epoch, progress);
    first.after(2_500);
    assert_eq!(first.commit().home, Home::Slot("f1".into()));
    first.step(Input::Shutdown { limit_ms: 0 });
    while first.written().is_some() {
        first.commit();
    }
    let state = first.state.clone().unwrap();
    assert!(state.shards.is_empty() && state.slots["f1"].standalone);
    let kept = state.slots["f1"].shards.clone().unwrap();
    assert_eq!(kept["a"].checkpoint, Checkpoint::at("20"));
    let next = Solo::begin_fan_out(alone, 8, &["f1"], Some(state));
    let starts = next.history.iter().filter_map(|effect| match effect {
        Effect::Start(start) if start.shard.as_str() == "a" => Some(start.from.clone()),
        _ => None,
    });
    assert_eq!(starts.collect::<Vec<_>>(), [crate::reader::Position::After("20".into())]);
}

#[test]
fn a_named_standalone_worker_keeps_its_place_whichever_slot_it_uses() {
    let named = Mode::Standalone { name: Some("tail".into()) };
    let mut solo = Solo::begin_fan_out(named, 7, &["f1"], None);
    assert_eq!(solo.coordinator.held().count(), 2);
    assert_eq!(solo.state().places["tail"].len(), 2);
    assert_eq!(solo.state().slots["f1"].shards, Some(BTreeMap::new()));
}

#[test]
fn a_worker_whose_slot_is_taken_from_it_keeps_its_shards_without_a_consumer() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1"], None);
    solo.add_worker("other");
    let slot = solo.state().slots.get_mut("f1").unwrap();
    (slot.used_by, slot.version) = (Some("other".into()), "taken".into());
    // Alone in the home, so that nothing moves for another reason.
    solo.state().workers.get_mut("other").unwrap().standalone = true;
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    assert_eq!(solo.said(|e| matches!(e, Event::LostSlot { .. })), 1);
    assert_eq!(solo.coordinator.consumer(), None);
    solo.settle();
    assert_eq!(solo.coordinator.held().count(), 2);
    assert!(solo.active());
    let stopped = |e: &&Effect| matches!(e, Effect::Drain { .. } | Effect::Stop { .. });
    assert_eq!(solo.history.iter().filter(stopped).count(), 0);
}

#[test]
fn a_consumer_that_was_registered_again_takes_the_place_of_the_old_one() {
    let mut solo = Solo::begin_fan_out(Mode::Shared, 7, &["f1"], None);
    let asked = |solo: &Solo| solo.history.iter().filter(|e| **e == Effect::Register).count();
    assert_eq!(asked(&solo), 1);
    let shown = listing(&["a", "b"]);
    run(&mut solo, 6_000, &shown, &[]);
    // A reader is told that there is no such consumer; each of the others says the same.
    solo.step(Input::Missing);
    assert_eq!(asked(&solo), 2, "the next listing does not wait for its five minutes");
    let again = BTreeMap::from([(SlotName::from("f1"), "arn:again".to_owned())]);
    solo.step(Input::Registered(Registered { ours: again, others: BTreeSet::new() }));
    solo.step(Input::Missing);
    assert_eq!(asked(&solo), 2, "and is not repeated in a hurry");
    solo.settle();
    assert_eq!(solo.coordinator.consumer(), Some("arn:again"));
    assert_eq!(solo.state().slots["f1"].arn, "arn:again");
    assert_eq!(solo.coordinator.held().count(), 2, "its shards stay");
    run(&mut solo, 6_000, &shown, &[]);
    assert_eq!(asked(&solo), 3);
}

#[test]
fn a_worker_that_changes_its_slot_reads_on_though_its_clock_was_set_back_a_little() {
    let alone = Mode::Standalone { name: None };
    let mut solo = Solo::begin_fan_out(alone, 7, &["f1", "f2"], None);
    let before: Vec<_> = solo.coordinator.held().map(|(_, epoch)| epoch).collect();
    assert_eq!(before.len(), 2);
    solo.add_worker("other");
    let slot = solo.state().slots.get_mut("f1").unwrap();
    (slot.used_by, slot.version) = (Some("other".into()), "taken".into());
    solo.now.wall = solo.now.wall.plus(-900);
    solo.now.mono += 750;
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    solo.step(Input::Tick);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    solo.settle();
    // The entries in the other slot have no epoch to go on from: the clock alone would give them
    // one that the worker has let go of already (P4), and nobody would read them.
    let after: Vec<_> = solo.coordinator.held().map(|(_, epoch)| epoch).collect();
    assert_eq!(after.len(), 2);
    assert!(after.iter().all(|epoch| before.iter().all(|old| epoch > old)), "{before:?} {after:?}");
}
