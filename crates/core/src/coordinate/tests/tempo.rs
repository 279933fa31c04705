//! The beat follows the size of the state, and a state that is full stops nobody.

use super::*;
use crate::limits::Throughput;

fn weighed() -> Settings {
    let throughput = Throughput { written_kb: 400, read_kb: 4_000, most_bytes: 400 * 1_024 };
    Settings { limits: Limits { throughput, ..Limits::NONE }, ..settings() }
}

fn periods(solo: &Solo) -> Vec<u32> {
    let said = solo.history.iter().filter_map(|effect| match effect {
        Effect::Notice(Event::Period { beat_ms, .. }) => Some(*beat_ms),
        _ => None,
    });
    said.collect()
}

#[test]
fn a_large_state_of_many_workers_is_written_less_often() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.commit();
    for number in 0..9 {
        let id = format!("w{number}");
        solo.add_worker(&id);
        // Nobody is silent here.
        solo.state().workers.get_mut(id.as_str()).unwrap().period_ms = Some(60_000);
    }
    // 309 KB and 10 workers at 400 KB a second: 7.725 s, in steps of a quarter.
    solo.coordinator.weighs(309 * 1_024);
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    let change = solo.commit();
    assert!(matches!(change.chain, Chain::Beat { says, .. } if says.period_ms == Some(7_750)));
    assert_eq!(periods(&solo), [7_750]);
    let me = solo.me();
    assert_eq!(solo.state().workers[&me].period_ms, Some(7_750));
    // What it may believe grew with the period that the others judge it by, and not before.
    let beliefs = solo.history.iter().filter_map(|effect| match effect {
        Effect::Believe { fence_ms, .. } => Some(*fence_ms),
        _ => None,
    });
    assert_eq!(beliefs.collect::<Vec<_>>(), [6_000, 18_600]);
    solo.after(2_500);
    assert_eq!(solo.written(), None, "it beats every 7.75 s from now on");
    // A little less is no reason to change; much less is.
    solo.coordinator.weighs(280 * 1_024);
    solo.after(5_250);
    assert!(matches!(solo.commit().chain, Chain::Beat { says: Says::NOTHING, .. }));
    solo.coordinator.weighs(10 * 1_024);
    solo.step(Input::Tick);
    let shortened = Effect::Believe { since: solo.now, fence_ms: 6_000 };
    let change = solo.written().expect("it says so at once");
    assert!(matches!(change.chain, Chain::Beat { says, .. } if says.period_ms == Some(2_500)));
    let belief = solo.effects.iter().find(|e| matches!(e, Effect::Believe { .. }));
    assert_eq!(belief, Some(&shortened), "it believes for less long before others may expect it");
    solo.commit();
    assert_eq!(periods(&solo), [7_750, 2_500]);
}

#[test]
fn a_worker_too_many_is_refused_and_those_that_are_there_beat_as_seldom_as_they_may() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.commit();
    for number in 0..30 {
        solo.add_worker(&format!("w{number}"));
    }
    let state = solo.state.clone();
    let mut coordinator = Coordinator::new(weighed(), IdSource::new(8), at(0));
    coordinator.weighs(309 * 1_024);
    let effects = coordinator.step(
        &at(0),
        Input::Opened {
            created_on: WallTime(5),
            server_time: None,
            listing: listing(&["a"]),
            state: state.clone(),
        },
    );
    let refused = Effect::Fail(Failure::TooManyWorkers { workers: 32, bytes: 309 * 1_024 });
    assert!(effects.contains(&refused), "{effects:?}");
    solo.coordinator.weighs(309 * 1_024);
    solo.after(750);
    solo.step(Input::Looked(state));
    solo.commit();
    assert_eq!(periods(&solo), [15_000]);
}

#[test]
fn a_write_that_does_not_fit_is_followed_by_a_bare_beat_and_places_are_stored_as_before() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    let progress = |place: &str| Progress { checkpoint: Checkpoint::at(place), arrival: None };
    solo.coordinator.progress(&"a".into(), epoch, progress("10"));
    solo.after(2_500);
    solo.commit();
    let split = [info("a", &[], true), info("b", &["a"], false), info("c", &["a"], false)];
    solo.step(Input::Listed(split.into_iter().collect()));
    assert!(
        solo.written().is_some_and(|change| change.shards.len() == 2),
        "it tracks the new ones"
    );
    solo.step(Input::Committed(Committed::TooLarge));
    let full = |solo: &Solo| {
        solo.history.iter().filter(|e| **e == Effect::Notice(Event::StateFull)).count()
    };
    assert_eq!(full(&solo), 1);
    let bare = solo.commit();
    assert!(bare.shards.is_empty(), "its proof of life fits");
    solo.coordinator.progress(&"a".into(), epoch, progress("20"));
    let mut writes = 0;
    for _ in 0..40 {
        solo.after(250);
        if solo.written().is_some() {
            let change = solo.commit();
            assert!(change.shards.keys().all(|id| id.as_str() == "a"), "what is new waits");
            writes += 1;
        }
    }
    assert!((3..=5).contains(&writes), "{writes} writes in 10 s");
    assert_eq!(solo.state().shards["a"].checkpoint, Checkpoint::at("20"));
    // Later it is tried again.
    let shown: Listing = [info("a", &[], true), info("b", &["a"], false), info("c", &["a"], false)]
        .into_iter()
        .collect();
    run(&mut solo, 20_000, &shown, &[]);
    assert!(solo.state().shards.contains_key("c"));
    assert_eq!(full(&solo), 1);
}

#[test]
fn a_state_without_room_for_the_worker_is_a_failure_that_says_so() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.step(Input::Committed(Committed::TooLarge));
    assert!(solo.effects.contains(&Effect::Fail(Failure::StateFull)));
}

#[test]
fn a_state_that_is_nearly_full_is_warned_of_once() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.commit();
    solo.coordinator.weighs(330 * 1_024);
    for _ in 0..20 {
        solo.after(250);
        if solo.written().is_some() {
            solo.commit();
        }
    }
    let (bytes, most) = (330 * 1_024, 400 * 1_024);
    let warning = Effect::Notice(Event::StateLarge { bytes, most });
    assert_eq!(solo.history.iter().filter(|e| **e == warning).count(), 1);
}

#[test]
fn looks_become_rarer_where_all_of_them_would_be_too_many() {
    let mut solo = Solo::start_with(weighed(), 7, &["a"], None);
    solo.commit();
    for number in 0..19 {
        solo.add_worker(&format!("w{number}"));
    }
    let seen = solo.state.clone();
    solo.after(750);
    solo.step(Input::Looked(seen));
    assert_eq!(solo.coordinator.look_ms(), 750);
    solo.coordinator.weighs(300 * 1_024);
    assert_eq!(solo.coordinator.look_ms(), 1_500);
}

#[test]
fn a_beat_that_takes_several_writes_comes_as_much_more_seldom() {
    let mut settings = weighed();
    (settings.limits.room, settings.limits.checkpoint) = (2, 1);
    let mut solo = Solo::start_with(settings, 7, &["a", "b", "c", "d", "e"], None);
    solo.commit();
    // 1,000 KB and one worker: two and a half seconds for each write.
    solo.coordinator.weighs(1_000 * 1_024);
    let held: Vec<_> = solo.coordinator.held().map(|(id, e)| (id.clone(), e)).collect();
    for round in 1..4u32 {
        for (shard, epoch) in &held {
            let checkpoint = Checkpoint::at(format!("{}", 100 + round).as_str());
            solo.coordinator.progress(shard, *epoch, Progress { checkpoint, arrival: None });
        }
        solo.after(8_000);
        while solo.written().is_some() {
            solo.commit();
        }
    }
    // Five places at two a write are three writes of 2.5 s each.
    assert_eq!(periods(&solo), [7_500]);
    for _ in 0..3 {
        solo.after(8_000);
        while solo.written().is_some() {
            solo.commit();
        }
    }
    assert_eq!(periods(&solo), [7_500, 2_500], "without places it is one write again");
}
