//! Sequences of events in which it is easy to go wrong: each names what must not come of it.

use super::*;
use crate::id::SlotName;
use crate::limits::Throughput;
use crate::snapshot::Slot;

fn alone(name: Option<&str>, initial: Initial) -> Settings {
    Settings { mode: Mode::Standalone { name: name.map(Into::into) }, initial, ..settings() }
}

#[test]
fn a_silent_worker_of_another_home_makes_nobody_spin() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let me = solo.me();
    let entry =
        Worker { standalone: true, name: Some("tail".into()), ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("dead".into(), entry);
    let begin = solo.now;
    let mut steps = 0;
    while solo.now.at_least_since(&begin) < 30_000 {
        let pause = solo.coordinator.wake_in(&solo.now);
        solo.after(pause);
        steps += 1;
        if solo.written().is_some() {
            solo.commit();
        } else if solo.effects.contains(&Effect::Look) {
            let s = solo.state.clone();
            solo.step(Input::Looked(s));
        }
        if solo.effects.contains(&Effect::List) {
            solo.step(Input::Listed(listing(&["a"])));
        }
    }
    assert!(steps < 500, "{steps} steps in 30 s");
}

#[test]
fn a_home_that_begins_in_several_writes_begins_everywhere_alike() {
    let limits = Limits { room: 2, track: 1, ..Limits::NONE };
    let mut first =
        Solo::start_with(alone(Some("tail"), Initial::Latest), 7, &["a", "b", "c", "d"], None);
    first.commit();
    let state = first.state.clone();
    let s = Settings { initial: Initial::Latest, limits, ..settings() };
    let mut shared = Solo::start_with(s, 8, &["a", "b", "c", "d"], state);
    let l = listing(&["a", "b", "c", "d"]);
    shared.commit();
    run(&mut shared, 10_000, &l, &[]);
    let from: Vec<_> = shared
        .state()
        .shards
        .iter()
        .map(|(i, s)| (i.to_string(), s.from.is_some(), s.checkpoint.clone()))
        .collect();
    assert!(from.iter().all(|f| f.1), "{from:?}");
}

#[test]
fn a_reset_by_a_standalone_worker_begins_the_group_too() {
    let mut old = Solo::start(&["a"]);
    old.commit();
    old.state().workers.clear();
    let mut state = old.state.clone().unwrap();
    state.created_on = WallTime(-100_000); // an older stream
    let mut tail = Solo::start_with(alone(Some("tail"), Initial::Latest), 8, &["a"], Some(state));
    let c = tail.commit();
    assert!(matches!(c.chain, Chain::Reset { .. }));
    let state = tail.state.clone();
    let s = Settings { initial: Initial::Latest, ..settings() };
    let mut shared = Solo::start_with(s, 9, &["a"], state);
    shared.commit();
    let starts: Vec<_> = shared
        .history
        .iter()
        .filter_map(|e| match e {
            Effect::Start(s) => Some(s.from.clone()),
            _ => None,
        })
        .collect();
    let entry = shared.state().shards.get("a").cloned();
    assert!(
        entry.as_ref().is_none_or(|e| e.from.is_none()),
        "the group of the old stream begins at {entry:?} {starts:?}"
    );
}

#[test]
fn a_worker_that_comes_back_reads_shards_that_it_never_met_from_their_beginning() {
    let mut solo = Solo::start_with(alone(None, Initial::Latest), 7, &["a"], None);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.coordinator.progress(
        &"a".into(),
        epoch,
        Progress { checkpoint: Checkpoint::at("20"), arrival: None },
    );
    solo.after(2_500);
    solo.commit();
    // paused for 70 s; evicted meanwhile; the stream was split
    solo.state().workers.clear();
    solo.after(70_000);
    assert!(solo.effects.contains(&Effect::List), "both calls are under way");
    assert!(solo.written().is_some());
    let split: Listing = [info("a", &[], true), info("b", &["a"], false), info("c", &["a"], false)]
        .into_iter()
        .collect();
    solo.step(Input::Listed(split));
    solo.commit(); // refused: was evicted
    solo.commit(); // joins again
    let me = solo.me();
    let own = solo.state().workers[&me].shards.clone().unwrap();
    assert!(own["b"].from.is_none(), "b begins at its middle: {:?}", own["b"]);
}

fn registered(names: &[&str]) -> Registered {
    let ours = names.iter().map(|&name| (SlotName::from(name), format!("arn:{name}")));
    Registered { ours: ours.collect(), others: BTreeSet::new() }
}
fn settle(solo: &mut Solo) {
    for _ in 0..20 {
        if solo.written().is_none() {
            solo.step(Input::Tick);
        }
        if solo.written().is_none() {
            return;
        }
        solo.commit();
    }
    panic!("writes for ever");
}

#[test]
fn a_place_in_a_slot_that_is_gone_goes_on_in_the_next_one() {
    let s = Settings { fan_out: true, ..alone(None, Initial::Latest) };
    let mut solo = Solo::start_with(s, 7, &["a"], None);
    solo.commit();
    // slot f1 holds a place of a former user
    let mut f1 = Slot::new("arn:f1", true, "v".into());
    let kept = Shard { checkpoint: Checkpoint::at("20"), ..Shard::new(None, None, "v".into()) };
    f1.shards = Some([("a".into(), kept)].into());
    solo.state().slots.insert("f1".into(), f1);
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    settle(&mut solo);
    let me = solo.me();
    assert_eq!(solo.state().slots["f1"].shards.as_ref().unwrap()["a"].owner, Some(me));
    // the consumer is deregistered: whoever drops entries (a Node consumer does) drops f1; f2 is there
    solo.state().slots.clear();
    solo.state().slots.insert("f2".into(), Slot::new("arn:f2", true, "v".into()));
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    settle(&mut solo);
    let a = solo.state().slots["f2"].shards.as_ref().unwrap()["a"].clone();
    assert_eq!(a.checkpoint.sequence, Some("20".into()), "{a:?}");
}

#[test]
fn a_slot_is_freed_with_the_last_of_several_writes_of_a_leave() {
    let limits = Limits {
        room: 8,
        slot: 1,
        track: 1,
        entry: 1,
        release: 1,
        take: 1,
        checkpoint: 1,
        ..Limits::NONE
    };
    let s = Settings { fan_out: true, limits, ..alone(None, Initial::TrimHorizon) };
    let ids = ["a", "b", "c", "d", "e", "f"];
    let mut solo = Solo::start_with(s, 7, &ids, None);
    solo.commit();
    solo.step(Input::Registered(registered(&["f1"])));
    settle(&mut solo);
    let l = listing(&ids);
    run(&mut solo, 5_000, &l, &[]);
    assert_eq!(solo.coordinator.held().count(), 6);
    let held: Vec<_> = solo.coordinator.held().map(|(i, e)| (i.clone(), e)).collect();
    let p = Progress { checkpoint: Checkpoint::at("2000"), arrival: None };
    solo.step(Input::Shutdown { limit_ms: 30_000 });
    if solo.written().is_some() {
        solo.commit();
    }
    for (shard, epoch) in held {
        solo.step(Input::Drained { shard, epoch, progress: Some(p.clone()) });
    }
    for _ in 0..10 {
        if solo.written().is_some() {
            solo.commit();
        }
    }
    let kept = solo.state().slots["f1"].shards.clone().unwrap();
    let stored: Vec<_> = kept
        .iter()
        .map(|(i, s)| (i.to_string(), s.owner.is_some(), s.checkpoint == Checkpoint::at("2000")))
        .collect();
    assert!(stored.iter().all(|s| !s.1 && s.2), "{stored:?} {:?}", solo.state().workers.len());
}

#[test]
fn an_absent_owner_is_given_as_long_as_the_longest_period_takes() {
    let throughput = Throughput { written_kb: 400, read_kb: 4_000, most_bytes: 400 * 1_024 };
    let s = Settings { limits: Limits { throughput, ..Limits::NONE }, ..settings() };
    let mut first = Solo::start_with(s.clone(), 7, &["a"], None);
    first.commit();
    let me = first.me();
    for n in 0..19 {
        first.add_worker(&format!("w{n}"));
        first.state().workers.get_mut(format!("w{n}").as_str()).unwrap().period_ms = Some(15_000);
        first.state().workers.get_mut(format!("w{n}").as_str()).unwrap().leaving = true;
    }
    first.state().workers.remove(&me); // a Node consumer evicted it, whose period was 15 s: fence 36 s
    let state = first.state.clone();
    let mut next = Solo {
        coordinator: Coordinator::new(s, IdSource::new(8), at(0)),
        state: state.clone(),
        now: at(0),
        effects: vec![],
        write: None,
        history: vec![],
    };
    next.coordinator.weighs(300 * 1_024);
    next.step(Input::Opened {
        created_on: WallTime(5),
        server_time: None,
        listing: listing(&["a"]),
        state,
    });
    next.commit();
    let live: Vec<String> = (0..19).map(|n| format!("w{n}")).collect();
    let live: Vec<&str> = live.iter().map(String::as_str).collect();
    run(&mut next, 20_000, &listing(&["a"]), &live);
    assert_eq!(
        next.coordinator.held().count(),
        0,
        "its own period is {:?}",
        next.coordinator.tempo
    );
}

#[test]
fn an_eviction_that_does_not_fit_takes_nothing_the_next_time() {
    let mut solo = Solo::start(&["a", "b", "c"]);
    solo.commit();
    let me = solo.me();
    let node = Worker { period_ms: None, beat: solo.now.wall, ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("node".into(), node);
    for id in ["b", "c"] {
        let e = solo.state().shards.get_mut(id).unwrap();
        e.owner = Some("node".into());
        e.lease = None;
        e.version = "n".into();
        e.until = Some(at(300_000).wall);
    }
    run(&mut solo, 58_000, &listing(&["a", "b", "c"]), &[]);
    let (mut writes, begin) = (0, solo.now);
    while solo.now.at_least_since(&begin) < 10_000 {
        if let Some(change) = solo.written() {
            writes += 1;
            let assigns = change.shards.values().any(|e| {
                matches!(
                    &e.effect,
                    ShardEffect::Set(Update { lease: LeaseUpdate::Assign { .. }, .. })
                )
            });
            if assigns {
                solo.step(Input::Committed(Committed::TooLarge));
            } else {
                solo.commit();
            }
        }
        solo.after(10);
    }
    assert!(writes < 20, "{writes} writes in 10 s");
}

#[test]
fn a_slot_that_came_back_is_not_dropped_again() {
    let s = Settings { fan_out: true, ..settings() };
    let mut solo = Solo::start_with(s, 7, &["a"], None);
    solo.commit();
    solo.step(Input::Registered(registered(&["f1"])));
    settle(&mut solo);
    solo.state().slots.insert("f2".into(), Slot::new("arn:f2", false, "v".into()));
    let l = listing(&["a"]);
    let mut asked = false;
    for _ in 0..1_400 {
        solo.after(250);
        asked |= solo.effects.contains(&Effect::Register);
        if solo.written().is_some() {
            solo.commit();
        } else if solo.effects.contains(&Effect::Look) {
            let s = solo.state.clone();
            solo.step(Input::Looked(s));
        }
        if solo.effects.contains(&Effect::List) {
            solo.step(Input::Listed(l.clone()));
        }
        if asked {
            break;
        }
    }
    assert!(asked);
    solo.step(Input::Registered(registered(&["f1"])));
    settle(&mut solo);
    assert!(!solo.state().slots.contains_key("f2"));
    // registered again by another worker a minute later
    let mut dropped = 0;
    for _ in 0..40 {
        if !solo.state().slots.contains_key("f2") {
            dropped += 1;
            solo.state().slots.insert("f2".into(), Slot::new("arn:f2", false, "v2".into()));
        }
        run(&mut solo, 1_000, &l, &[]);
    }
    assert_eq!(dropped, 1);
}

#[test]
fn a_slot_that_does_not_fit_is_not_taken_in_a_hurry() {
    let s = Settings { fan_out: true, ..settings() };
    let mut solo = Solo::start_with(s, 7, &["a"], None);
    solo.commit();
    solo.state().slots.insert("f1".into(), Slot::new("arn:f1", false, "v".into()));
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    let (mut writes, begin) = (0, solo.now);
    while solo.now.at_least_since(&begin) < 10_000 {
        if let Some(change) = solo.written() {
            writes += 1;
            if change.slots.is_empty() {
                solo.commit();
            } else {
                solo.step(Input::Committed(Committed::TooLarge));
            }
        }
        solo.after(10);
    }
    assert!(writes < 20, "{writes} writes in 10 s");
}

#[test]
fn dead_workers_keep_nobody_out() {
    let throughput = Throughput { written_kb: 400, read_kb: 4_000, most_bytes: 400 * 1_024 };
    let s = Settings { limits: Limits { throughput, ..Limits::NONE }, ..settings() };
    let mut first = Solo::start_with(s.clone(), 7, &["a"], None);
    first.commit();
    for n in 0..18 {
        first.add_worker(&format!("w{n}"));
    }
    let state = first.state.clone(); // 19 workers; all of them die; an hour passes
    let now = at(3_600_000);
    let mut next = Coordinator::new(s, IdSource::new(8), now);
    next.weighs(309 * 1_024);
    let effects = next.step(
        &now,
        Input::Opened {
            created_on: WallTime(5),
            server_time: None,
            listing: listing(&["a"]),
            state,
        },
    );
    assert!(!effects.iter().any(|e| matches!(e, Effect::Fail(_))), "{effects:?}");
}

#[test]
fn a_reset_by_a_sharing_worker_begins_every_place_too() {
    let mut old = Solo::start_with(alone(Some("tail"), Initial::Latest), 7, &["a"], None);
    old.commit();
    old.state().workers.clear();
    let mut state = old.state.clone().unwrap();
    state.created_on = WallTime(-100_000);
    let s = Settings { initial: Initial::Latest, ..settings() };
    let mut shared = Solo::start_with(s, 8, &["a"], Some(state));
    assert!(matches!(shared.commit().chain, Chain::Reset { .. }));
    let state = shared.state.clone();
    let mut tail = Solo::start_with(alone(Some("tail"), Initial::Latest), 9, &["a"], state);
    tail.commit();
    let a = tail.state().places["tail"]["a"].clone();
    assert!(a.from.is_none(), "{a:?}");
}

#[test]
fn short_lives_without_a_name_do_not_pile_up() {
    let mut state = None;
    for life in 0..10u64 {
        let mut solo =
            Solo::start_with(alone(None, Initial::Latest), u128::from(life) + 7, &["a"], state);
        solo.commit();
        run(&mut solo, 50_000, &listing(&["a"]), &[]);
        state = solo.state.clone(); // killed
    }
    assert!(state.as_ref().unwrap().workers.len() < 4, "{} entries", state.unwrap().workers.len());
}
