//! Standalone workers: where their place is, and how it is found again.

use super::*;
use crate::snapshot::Home;

fn standalone(name: Option<&str>) -> Settings {
    let name = name.map(Into::into);
    Settings { mode: Mode::Standalone { name }, ..settings() }
}

fn progress(solo: &mut Solo, shard: &str, sequence: &str) {
    let held = solo.coordinator.held().find(|(id, _)| id.as_str() == shard);
    let epoch = held.expect("it holds the shard").1;
    let progress = Progress { checkpoint: Checkpoint::at(sequence), arrival: None };
    solo.coordinator.progress(&shard.into(), epoch, progress);
}

#[test]
fn one_without_a_name_keeps_its_shards_in_its_own_entry_and_the_groups_stay_empty() {
    let mut solo = Solo::start_with(standalone(None), 7, &["a", "b"], None);
    solo.commit();
    assert_eq!(solo.started(), ["a", "b"]);
    let me = solo.me();
    progress(&mut solo, "a", "20");
    solo.after(2_500);
    let change = solo.commit();
    assert_eq!(change.home, Home::Worker(me.clone()));
    let state = solo.state();
    assert!(state.shards.is_empty() && state.places.is_empty());
    assert!(state.workers[&me].standalone);
    let own = state.workers[&me].shards.clone().unwrap();
    assert_eq!(own["a"].checkpoint, Checkpoint::at("20"));
    assert_eq!(own["b"].owner, Some(me.clone()));
    // Its place goes with its entry, in one write that touches nothing inside it.
    solo.step(Input::Shutdown { limit_ms: 0 });
    let farewell = solo.commit();
    assert!(matches!(farewell.chain, Chain::Leave { .. }) && farewell.shards.is_empty());
    assert!(solo.state().workers.is_empty());
}

#[test]
fn one_with_a_name_goes_on_from_its_place_when_it_is_started_again() {
    let mut first = Solo::start_with(standalone(Some("tail")), 7, &["a", "b"], None);
    first.commit();
    progress(&mut first, "a", "20");
    first.after(2_500);
    assert_eq!(first.commit().home, Home::Place("tail".into()));
    first.step(Input::Shutdown { limit_ms: 0 });
    while first.written().is_some() {
        first.commit();
    }
    let state = first.state.clone().unwrap();
    assert!(state.workers.is_empty() && state.shards.is_empty());
    let place = &state.places["tail"];
    assert_eq!(place["a"].checkpoint, Checkpoint::at("20"));
    assert!(place.values().all(|shard| shard.owner.is_none()), "it released what it held");

    let mut again = Solo::start_with(standalone(Some("tail")), 8, &["a", "b"], Some(state));
    again.commit();
    let starts = again.history.iter().filter_map(|effect| match effect {
        Effect::Start(start) if start.shard.as_str() == "a" => Some(start.from.clone()),
        _ => None,
    });
    assert_eq!(starts.collect::<Vec<_>>(), [crate::reader::Position::After("20".into())]);
    assert_eq!(again.started().len(), 2);
}

#[test]
fn one_that_crashed_is_evicted_by_the_next_of_its_name_before_its_shards_are_read() {
    let mut first = Solo::start_with(standalone(Some("tail")), 7, &["a"], None);
    first.commit();
    let state = first.state.clone();
    let mut next = Solo::start_with(standalone(Some("tail")), 8, &["a"], state);
    next.commit();
    assert_eq!(next.started(), Vec::<String>::new(), "its predecessor may be alive");
    let shown = listing(&["a"]);
    run(&mut next, 7_000, &shown, &[]);
    assert_eq!(next.coordinator.held().count(), 0);
    run(&mut next, 2_000, &shown, &[]);
    assert_eq!(next.coordinator.held().count(), 1);
    assert_eq!(next.state().workers.len(), 1);
}

#[test]
fn those_of_one_name_share_its_shards_and_others_have_all_of_them() {
    let mut first = Solo::start_with(standalone(Some("tail")), 7, &["a", "b"], None);
    first.commit();
    let me = first.me();
    let entry = first.state().workers[&me].clone();
    first.state().workers.insert("mate".into(), entry.clone());
    let other = Worker { name: Some("audit".into()), ..entry.clone() };
    first.state().workers.insert("other".into(), other);
    first
        .state()
        .workers
        .insert("sharing".into(), Worker { standalone: false, name: None, ..entry });
    first.after(750);
    let seen = first.state.clone();
    first.step(Input::Looked(seen));
    let drains = first.effects.iter().filter(|e| matches!(e, Effect::Drain { .. })).count();
    assert_eq!(drains, 1, "one of two is the mate's share, and nobody else's");
}

#[test]
fn an_evicted_worker_without_a_name_goes_on_from_what_it_knows() {
    let mut solo = Solo::start_with(standalone(None), 7, &["a"], None);
    solo.commit();
    progress(&mut solo, "a", "20");
    solo.state().workers.clear();
    solo.after(2_500);
    solo.commit();
    assert_eq!(solo.stopped(), ["a"]);
    solo.commit();
    let starts = solo.effects.iter().filter_map(|effect| match effect {
        Effect::Start(start) => Some(start.from.clone()),
        _ => None,
    });
    let from = crate::reader::Position::After("20".into());
    assert_eq!(starts.collect::<Vec<_>>(), [from], "its place went with its entry");
}

#[test]
fn a_worker_that_is_the_first_to_share_begins_where_it_was_told_to() {
    let mut alone = Solo::start_with(standalone(None), 7, &["a"], None);
    alone.commit();
    let state = alone.state.clone();
    let latest = Settings { initial: Initial::Latest, ..settings() };
    let mut first = Solo::start_with(latest, 8, &["a"], state);
    first.commit();
    assert!(first.state().shards["a"].from.is_some(), "nobody has shared the shards before");
    assert!(first.state().shards["a"].checkpoint.sequence.is_none());
}

#[test]
fn a_dead_worker_of_another_home_is_left_to_its_mates_for_a_while() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let me = solo.me();
    let entry =
        Worker { standalone: true, name: Some("tail".into()), ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("dead".into(), entry);
    let held = Shard { owner: Some("dead".into()), ..Shard::new(None, None, "v".into()) };
    solo.state().places.insert("tail".into(), [("a".into(), held)].into());
    let shown = listing(&["a"]);
    run(&mut solo, 50_000, &shown, &[]);
    assert!(solo.state().workers.contains_key("dead"));
    run(&mut solo, 15_000, &shown, &[]);
    assert!(!solo.state().workers.contains_key("dead"));
    assert_eq!(solo.state().places["tail"]["a"].owner, None, "its shards are free with that");
    assert_eq!(solo.coordinator.held().count(), 1, "mine has the same name and is another one");
}

#[test]
fn a_split_is_followed_in_a_place_of_its_own() {
    let mut solo = Solo::start_with(standalone(Some("tail")), 7, &["a"], None);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.step(Input::Ended {
        shard: "a".into(),
        epoch,
        progress: None,
        children: vec!["b".into(), "c".into()],
    });
    let split = [info("a", &[], true), info("b", &["a"], false), info("c", &["a"], false)];
    solo.step(Input::Listed(split.into_iter().collect()));
    solo.commit();
    assert_eq!(solo.started(), ["b", "c"]);
    assert!(solo.state().places["tail"]["a"].ended);
    assert!(solo.state().shards.is_empty());
}
