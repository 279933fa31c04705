//! Single decisions, told by hand; the fleets that share one state are in `fleet`.

use super::*;
use crate::change::{
    Chain, Committed, Edit, Effect as ShardEffect, Guard, LeaseUpdate, Says, Update,
};
use crate::event::Event;
use crate::id::Version;
use crate::reader::Position;
use crate::sequence::{Checkpoint, Part};
use crate::snapshot::{Lease, Shard, Worker};
use crate::topology::{HashRange, ShardInfo};

mod fleet;
mod modes;
mod node;
mod room;
mod sequences;
mod slots;
mod tempo;

pub(super) fn settings() -> Settings {
    Settings {
        timing: Timing::LIFION,
        limits: Limits::NONE,
        initial: Initial::TrimHorizon,
        mode: Mode::Shared,
        fan_out: false,
        about: About::default(),
        strict_node_leases: false,
    }
}

pub(super) fn at(ms: u64) -> Now {
    Now { mono: 10_000, boot: 20_000, wall: WallTime(1_700_000_000_000) }.plus(ms)
}

pub(super) fn info(id: &str, parents: &[&str], closed: bool) -> ShardInfo {
    ShardInfo {
        id: id.into(),
        parent: parents.first().map(|&p| p.into()),
        adjacent: parents.get(1).map(|&p| p.into()),
        starting_sequence: "1000".into(),
        closed,
        hash_range: HashRange::ALL,
    }
}

pub(super) fn listing(ids: &[&str]) -> Listing {
    ids.iter().map(|id| info(id, &[], false)).collect()
}

impl Coordinator {
    /// The shards that it holds, with the epoch of each.
    fn held(&self) -> impl Iterator<Item = (&ShardId, u64)> {
        self.held.iter().map(|(shard, held)| (shard, held.epoch))
    }
}

/// A coordinator that is driven against one state by hand.
struct Solo {
    coordinator: Coordinator,
    state: Option<Snapshot>,
    now: Now,
    effects: Vec<Effect>,
    /// The write in flight.
    write: Option<Change>,
    history: Vec<Effect>,
}

impl Solo {
    fn start(ids: &[&str]) -> Self {
        Self::start_with(settings(), 7, ids, None)
    }

    fn start_with(settings: Settings, seed: u128, ids: &[&str], state: Option<Snapshot>) -> Self {
        let mut solo = Self {
            coordinator: Coordinator::new(settings, IdSource::new(seed), at(0)),
            state: state.clone(),
            now: at(0),
            effects: Vec::new(),
            write: None,
            history: Vec::new(),
        };
        solo.step(Input::Opened {
            created_on: WallTime(5),
            server_time: None,
            listing: listing(ids),
            state,
        });
        solo
    }

    fn step(&mut self, input: Input) {
        if matches!(input, Input::Committed(_) | Input::CommitFailed) {
            self.write = None;
        }
        self.effects = self.coordinator.step(&self.now, input);
        self.history.extend(self.effects.iter().cloned());
        for effect in &self.effects {
            if let Effect::Commit(change) = effect {
                let before = self.write.replace((**change).clone());
                assert_eq!(before, None, "one write at a time");
            }
        }
    }

    fn written(&self) -> Option<Change> {
        self.write.clone()
    }

    /// Carries out the write in flight and answers it.
    fn commit(&mut self) -> Change {
        let change = self.written().expect("a write is due");
        let committed = change.apply(self.state.as_ref());
        if let Committed::Applied(state) = &committed {
            self.state = Some(state.clone());
        }
        self.step(Input::Committed(committed));
        change
    }

    fn after(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
        self.step(Input::Tick);
    }

    fn state(&mut self) -> &mut Snapshot {
        self.state.as_mut().unwrap()
    }

    fn me(&self) -> WorkerId {
        self.coordinator.me().clone()
    }

    fn add_worker(&mut self, id: &str) {
        let me = self.me();
        let entry = self.state().workers[&me].clone();
        self.state().workers.insert(id.into(), entry);
    }

    fn started(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Start(start) => Some(start.shard.to_string()),
                _ => None,
            })
            .collect()
    }

    fn stopped(&self) -> Vec<String> {
        self.effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Stop { shard, .. } => Some(shard.to_string()),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn the_first_worker_creates_the_state_and_reads_in_its_first_write() {
    let mut solo = Solo::start(&["a", "b"]);
    let change = solo.commit();
    assert!(matches!(change.chain, Chain::Create { .. }));
    assert_eq!(solo.started(), ["a", "b"]);
    assert!(solo.effects.contains(&Effect::Believe { since: at(0), fence_ms: 6_000 }));
}

#[test]
fn a_group_that_begins_at_the_tip_begins_by_the_clock_of_kinesis() {
    let begin = |server_time: Option<i64>| {
        let settings = Settings { initial: Initial::Latest, ..settings() };
        let mut coordinator = Coordinator::new(settings, IdSource::new(7), at(0));
        let effects = coordinator.step(
            &at(0),
            Input::Opened {
                created_on: WallTime(5),
                server_time: server_time.map(|offset| at(0).wall.plus(offset)),
                listing: listing(&["a"]),
                state: None,
            },
        );
        let change = effects.iter().find_map(|effect| match effect {
            Effect::Commit(change) => Some(change.fresh()?.shards["a"].from?.0 - at(0).wall.0),
            _ => None,
        });
        change.expect("a write that creates the state")
    };
    assert_eq!(begin(None), -1_000);
    assert_eq!(begin(Some(-60_000)), -61_000, "this machine's clock is a minute ahead");
    assert_eq!(begin(Some(60_000)), -1_000, "one that is behind loses nothing");
}

#[test]
fn reading_begins_with_the_first_write_and_stops_if_that_is_refused() {
    let mut solo = Solo::start(&["a", "b"]);
    let prepared = |effects: &[Effect]| {
        let prepares = effects.iter().filter(|e| matches!(e, Effect::Prepare(_)));
        prepares.count()
    };
    assert_eq!(prepared(&solo.effects), 2);
    let mut other = Solo::start(&["a", "b"]);
    other.commit();
    solo.state = other.state;
    solo.coordinator.me = "another".into();
    solo.commit();
    assert_eq!(solo.stopped(), ["a", "b"]);
    solo.commit();
    assert_eq!(solo.started(), Vec::<String>::new());
}

#[test]
fn a_worker_that_loses_the_race_to_create_joins() {
    let mut solo = Solo::start(&["a", "b"]);
    let mut other = Solo::start(&["a", "b"]);
    other.coordinator = Coordinator::new(settings(), IdSource::new(8), at(0));
    other.write = None;
    other.step(Input::Opened {
        created_on: WallTime(5),
        server_time: None,
        listing: listing(&["a", "b"]),
        state: None,
    });
    other.commit();
    solo.state = other.state.clone();
    solo.commit();
    assert_eq!(solo.started(), Vec::<String>::new());
    assert!(matches!(solo.commit().chain, Chain::Join { .. }));
    assert_eq!(solo.state().workers.len(), 2);
}

#[test]
fn a_lost_answer_is_repeated_as_it_was_and_recognised() {
    let mut solo = Solo::start(&["a"]);
    let change = solo.written().unwrap();
    let Committed::Applied(state) = change.apply(None) else { panic!("refused") };
    solo.state = Some(state);
    solo.step(Input::CommitFailed);
    solo.after(1_000);
    assert_eq!(solo.written().as_ref(), Some(&change));
    solo.commit();
    assert_eq!(solo.started(), ["a"]);
    // P3: the belief counts from the first sending, not from the one that was answered.
    assert!(solo.effects.contains(&Effect::Believe { since: at(0), fence_ms: 6_000 }));
}

#[test]
fn a_write_that_fails_at_once_is_repeated_ever_more_seldom_however_short_an_attempt_is() {
    let timing = Timing { attempt_ms: 20, ..Timing::LIFION };
    let mut solo = Solo::start_with(Settings { timing, ..settings() }, 7, &["a"], None);
    let begin = solo.now;
    let mut attempts = 0;
    while solo.now.at_least_since(&begin) < 10_000 {
        if solo.written().is_some() {
            attempts += 1;
            solo.step(Input::CommitFailed);
        }
        let pause = solo.coordinator.wake_in(&solo.now);
        solo.after(pause);
    }
    assert!((10..25).contains(&attempts), "{attempts} attempts in 10 s");
}

#[test]
fn checkpoints_ride_on_the_beat_and_never_move_back() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    let progress = |s: &str| Progress { checkpoint: Checkpoint::at(s), arrival: None };
    solo.coordinator.progress(&"a".into(), epoch, progress("20"));
    solo.coordinator.progress(&"a".into(), epoch, progress("19"));
    solo.after(1_000);
    assert_eq!(solo.written(), None, "nothing is due before the beat");
    solo.after(1_500);
    let change = solo.commit();
    assert_eq!(change.shards.keys().map(ShardId::as_str).collect::<Vec<_>>(), ["a"]);
    assert_eq!(solo.state().shards["a"].checkpoint, Checkpoint::at("20"));
    solo.after(2_500);
    assert!(solo.commit().shards.is_empty(), "nothing moved since");
}

#[test]
fn a_part_of_a_record_is_handed_on_with_the_last_whole_one_or_by_itself() {
    let part = |sequence: &str, sub| Some(Part { sequence: sequence.into(), sub });
    let mut first = Solo::start(&["a", "b"]);
    first.commit();
    let epochs: BTreeMap<_, _> =
        first.coordinator.held().map(|(id, epoch)| (id.clone(), epoch)).collect();
    let mut done = |shard: &str, sequence: Option<&str>, sub| {
        let checkpoint = Checkpoint::new(sequence.map(Into::into), part("21", sub));
        let progress = Progress { checkpoint, arrival: None };
        first.coordinator.progress(&shard.into(), epochs[shard], progress);
    };
    done("a", Some("20"), 3);
    done("a", Some("20"), 2);
    done("b", None, 0);
    first.step(Input::Shutdown { limit_ms: 0 });
    while first.written().is_some() {
        first.commit();
    }
    let state = first.state.clone().unwrap();
    let stored = |shard: &str| state.shards[shard].checkpoint.clone();
    assert_eq!(stored("a"), Checkpoint::new(Some("20".into()), part("21", 3)));
    assert_eq!(stored("b"), Checkpoint::new(None, part("21", 0)));
    let mut next = Solo::start_with(settings(), 8, &["a", "b"], Some(state));
    next.commit();
    let starts = next.history.iter().filter_map(|effect| match effect {
        Effect::Start(start) => Some((start.from.clone(), start.part.clone())),
        _ => None,
    });
    let expected = [
        (Position::After("20".into()), part("21", 3)),
        (Position::From("21".into()), part("21", 0)),
    ];
    assert_eq!(starts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_refused_write_is_not_a_lost_lease() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.coordinator.progress(
        &"a".into(),
        epoch,
        Progress { checkpoint: Checkpoint::at("20"), arrival: None },
    );
    solo.after(2_500);
    solo.state().shards.get_mut("a").unwrap().version = "somebody's".into();
    solo.commit();
    assert_eq!(solo.stopped(), Vec::<String>::new());
    // Sent again at once, with what was learnt; then the bare beat; then the form that a
    // version cannot disturb.
    solo.state().shards.get_mut("a").unwrap().version = "again".into();
    solo.commit();
    let bare = solo.commit();
    assert!(bare.shards.is_empty());
    solo.after(2_500);
    let change = solo.commit();
    assert!(matches!(change.shards["a"].guard, Guard::Tenure(_)));
    assert_eq!(solo.state().shards["a"].checkpoint, Checkpoint::at("20"));
}

#[test]
fn a_look_that_began_before_the_last_write_says_nothing() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.after(750);
    assert!(solo.effects.contains(&Effect::Look));
    let stale = Snapshot { workers: BTreeMap::new(), ..solo.state().clone() };
    solo.after(1_750);
    solo.commit();
    solo.step(Input::Looked(Some(stale)));
    assert_eq!(solo.stopped(), Vec::<String>::new());
}

#[test]
fn a_lease_in_my_name_is_mine_unless_i_have_let_go_of_it() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    solo.add_worker("other");
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    // One of two is the other's share: it is drained first, and given only then (P5).
    let (shard, epoch) = solo
        .effects
        .iter()
        .find_map(|e| match e {
            Effect::Drain { shard, epoch } => Some((shard.clone(), *epoch)),
            _ => None,
        })
        .expect("a drain");
    assert_eq!(solo.written(), None);
    solo.step(Input::Drained { shard: shard.clone(), epoch, progress: None });
    solo.commit();
    assert_eq!(solo.state().shards[&shard].owner, Some("other".into()));
    assert_eq!(solo.stopped(), [shard.as_str()]);
    // Given back with a higher epoch it starts; shown with the old one it does not.
    let me = solo.me();
    let mut old = solo.state.clone().unwrap();
    let entry = old.shards.get_mut(&shard).unwrap();
    (entry.owner, entry.lease) = (Some(me.clone()), Some(Lease { epoch, owner: me.clone() }));
    solo.after(750);
    solo.step(Input::Looked(Some(old.clone())));
    assert_eq!(solo.started(), Vec::<String>::new());
    old.shards.get_mut(&shard).unwrap().lease = Some(Lease { epoch: epoch + 2, owner: me });
    solo.state = Some(old.clone());
    solo.after(750);
    solo.step(Input::Looked(Some(old)));
    assert_eq!(solo.started(), [shard.as_str()]);
}

#[test]
fn a_silent_worker_is_evicted_with_its_leases_in_one_write() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    solo.add_worker("other");
    let entry = solo.state().shards.get_mut("b").unwrap();
    entry.owner = Some("other".into());
    entry.lease = Some(Lease { epoch: u64::MAX / 2, owner: "other".into() });
    let mut evicted_after = None;
    for step in 1..80u64 {
        solo.after(250);
        if solo.effects.contains(&Effect::Look) {
            let seen = solo.state.clone();
            solo.step(Input::Looked(seen));
        }
        if let Some(change) = solo.written() {
            solo.commit();
            if let Some(eviction) = change.evict {
                assert_eq!(eviction.victim.as_str(), "other");
                evicted_after = Some(step * 250);
                break;
            }
        }
    }
    let after = evicted_after.expect("an eviction");
    assert!((7_500..=8_500).contains(&after), "evicted after {after} ms");
    assert_eq!(solo.started(), ["b"]);
}

#[test]
fn nobody_is_judged_while_my_own_beats_fail() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.add_worker("other");
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    for _ in 0..100 {
        solo.after(250);
        if let Some(change) = solo.written() {
            assert_eq!(change.evict, None);
            solo.step(Input::CommitFailed);
        }
    }
    while solo.written().is_none() {
        solo.after(50);
    }
    solo.commit();
    for _ in 0..20 {
        solo.after(250);
        if solo.written().is_some() {
            assert_eq!(solo.commit().evict, None, "the windows start again after an outage");
        }
    }
}

#[test]
fn an_evicted_worker_stops_and_joins_under_another_id() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let before = solo.me();
    solo.state().workers.clear();
    solo.after(2_500);
    solo.commit();
    assert_eq!(solo.stopped(), ["a"]);
    assert_ne!(solo.me(), before);
    assert!(matches!(solo.written().unwrap().chain, Chain::Join { .. }));
    solo.commit();
    assert_eq!(solo.started(), Vec::<String>::new(), "its old lease may be in wrong hands still");
}

#[test]
fn a_split_ends_the_parent_and_leases_its_children_in_one_write() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.after(100);
    solo.step(Input::Ended {
        shard: "a".into(),
        epoch,
        progress: Some(Progress { checkpoint: Checkpoint::at("77"), arrival: None }),
        children: vec!["b".into(), "c".into()],
    });
    assert_eq!(solo.effects, [Effect::List]);
    let split = [info("a", &[], true), info("b", &["a"], false), info("c", &["a"], false)];
    solo.step(Input::Listed(split.into_iter().collect()));
    solo.commit();
    assert_eq!(solo.started(), ["b", "c"]);
    let state = solo.state();
    assert!(state.shards["a"].ended && state.shards["a"].owner.is_none());
    assert_eq!(state.shards["a"].checkpoint, Checkpoint::at("77"));
    assert_eq!(state.shards["b"].checkpoint, Checkpoint::at("1000"));
}

#[test]
fn a_merged_child_waits_for_both_parents_and_points_node_at_the_open_one() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    let merged = [info("a", &[], true), info("b", &[], true), info("c", &["a", "b"], false)];
    let listing: Listing = merged.into_iter().collect();
    let ended = |shard: &str| Input::Ended {
        shard: shard.into(),
        epoch,
        progress: None,
        children: vec!["c".into()],
    };
    solo.step(ended("a"));
    solo.step(Input::Listed(listing.clone()));
    solo.commit();
    assert_eq!(solo.started(), Vec::<String>::new());
    assert_eq!(solo.state().shards["c"].parent, Some("b".into()));
    assert_eq!(solo.state().shards["c"].adjacent, Some("a".into()));
    solo.step(ended("b"));
    solo.commit();
    assert_eq!(solo.started(), ["c"]);
}

/// Answers looks, listings and writes for so long; the listing is what the stream shows.
fn run(solo: &mut Solo, ms: u64, shown: &Listing, live: &[&str]) {
    for _ in 0..ms / 250 {
        solo.after(250);
        for id in live {
            let beat = solo.now.wall;
            solo.state().workers.get_mut(*id).unwrap().beat = beat;
        }
        let asked = solo.effects.contains(&Effect::List);
        if solo.written().is_some() {
            solo.commit();
        } else if solo.effects.contains(&Effect::Look) {
            let seen = solo.state.clone();
            solo.step(Input::Looked(seen));
        }
        if asked {
            solo.step(Input::Listed(shown.clone()));
        }
    }
}

#[test]
fn a_shard_whose_records_expired_is_ended_by_its_owner_whoever_audits() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    // Before me in the order: it audits, I do not.
    solo.add_worker("0");
    let entry = solo.state().shards.get_mut("b").unwrap();
    entry.owner = Some("0".into());
    entry.lease = Some(Lease { epoch: u64::MAX / 2, owner: "0".into() });
    // The stream has moved on: "a" is gone, and its child is there.
    let shown: Listing = [info("b", &[], false), info("c", &["a"], false)].into_iter().collect();
    solo.step(Input::Missing);
    assert!(solo.effects.contains(&Effect::List));
    solo.step(Input::Listed(shown.clone()));
    if solo.written().is_some() {
        solo.commit();
    }
    run(&mut solo, 55_000, &shown, &["0"]);
    assert!(!solo.state().shards["a"].ended, "one listing may lag");
    run(&mut solo, 10_000, &shown, &["0"]);
    assert!(solo.state().shards["a"].ended);
    let expired = |e: &Effect| matches!(e, Effect::Notice(Event::Expired { .. }));
    assert!(solo.history.iter().any(expired));
    assert!(solo.history.iter().any(|e| matches!(e, Effect::Start(s) if s.shard.as_str() == "c")));
}

#[test]
fn an_ended_shard_is_forgotten_long_after_the_stream_has_and_only_then() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let mut ended = Shard::new(None, None, "v".into());
    ended.ended = true;
    solo.state().shards.insert("old".into(), ended);
    let shown = listing(&["a"]);
    run(&mut solo, 800_000, &shown, &[]);
    assert!(solo.state().shards.contains_key("old"));
    run(&mut solo, 250_000, &shown, &[]);
    assert!(!solo.state().shards.contains_key("old"));
}

#[test]
fn places_that_do_not_fit_a_write_go_with_the_next_one_and_nobody_waits_for_ever() {
    let mut solo = Solo::start(&["a", "b", "c", "d", "e"]);
    solo.coordinator.settings.limits = Limits { room: 2, least: 1, checkpoint: 1, ..Limits::NONE };
    solo.commit();
    let held: Vec<_> = solo.coordinator.held().map(|(id, e)| (id.clone(), e)).collect();
    for round in 1..20u32 {
        for (shard, epoch) in &held {
            let checkpoint = Checkpoint::at(format!("{}", 100 + round).as_str());
            solo.coordinator.progress(shard, *epoch, Progress { checkpoint, arrival: None });
        }
        solo.after(2_500);
        while solo.written().is_some() {
            solo.commit();
        }
        let stored = solo.state().shards.values().map(|s| s.checkpoint.clone());
        let now = Checkpoint::at(format!("{}", 100 + round).as_str());
        assert!(stored.into_iter().all(|checkpoint| checkpoint == now), "in round {round}");
    }
}

#[test]
fn an_old_listing_does_not_bring_forgotten_shards_back() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    solo.add_worker("0"); // it audits
    solo.state().shards.remove("a");
    let gone = listing(&["b"]);
    // Listings fail for long; then one succeeds.
    for _ in 0..2_400 {
        solo.after(250);
        let beat = solo.now.wall;
        solo.state().workers.get_mut("0").unwrap().beat = beat;
        let asked = solo.effects.contains(&Effect::List);
        if solo.now.at_least_since(&at(0)) < settings::LISTING_COUNTS_MS {
            solo.step(Input::Tick);
        } else if solo.written().is_some() {
            solo.commit();
        } else if solo.effects.contains(&Effect::Look) {
            let seen = solo.state.clone();
            solo.step(Input::Looked(seen));
        }
        if asked {
            solo.step(Input::ListFailed);
        }
        assert!(!solo.state().shards.contains_key("a"));
    }
    run(&mut solo, 5_000, &gone, &["0"]);
    assert!(!solo.state().shards.contains_key("a"));
}

#[test]
fn a_shutdown_while_the_worker_changes_its_id_ends_it() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.now.wall = solo.now.wall.plus(-3_600_000);
    solo.after(10);
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.step(Input::Shutdown { limit_ms: 1_000 });
    solo.commit();
    solo.step(Input::Drained { shard: "a".into(), epoch, progress: None });
    solo.commit();
    assert!(solo.history.contains(&Effect::Finished));
}

#[test]
fn an_eviction_while_the_worker_changes_its_id_does_not_end_it() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.now.wall = solo.now.wall.plus(-3_600_000);
    solo.after(10);
    solo.state().workers.clear();
    solo.commit();
    assert!(!solo.history.contains(&Effect::Finished));
    assert!(matches!(solo.commit().chain, Chain::Join { .. }));
}

#[test]
fn nothing_is_awaited_in_a_hurry_during_an_outage() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.add_worker("other");
    solo.after(750);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    let (begin, mut ticks) = (solo.now, 0);
    while solo.now.at_least_since(&begin) < 30_000 {
        let pause = solo.coordinator.wake_in(&solo.now);
        solo.after(pause);
        ticks += 1;
        if solo.written().is_some() {
            solo.now = solo.now.plus(1_000);
            solo.step(Input::CommitFailed);
        }
    }
    assert!(ticks < 200, "{ticks} wake-ups in 30 s");
}

#[test]
fn a_deleted_state_keeps_shards_that_an_old_listing_does_not_show() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let me = solo.me();
    let child = Shard {
        checkpoint: Checkpoint::at("5000"),
        ..Shard::new(Some("x".into()), None, "v".into())
    };
    solo.state().shards.insert("child".into(), child);
    solo.after(2_500);
    solo.commit();
    assert!(solo.state().workers.contains_key(&me));
    solo.state = None;
    for _ in 0..20 {
        solo.after(2_500);
        if solo.written().is_some() {
            solo.commit();
        }
    }
    assert!(solo.state().shards["child"].checkpoint >= Checkpoint::at("5000"));
}

#[test]
fn leaving_drains_then_hands_over_and_goes_in_one_write() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    solo.add_worker("other");
    solo.state().workers.get_mut("other").unwrap().beat = WallTime(1);
    solo.after(10);
    solo.step(Input::Shutdown { limit_ms: 30_000 });
    let announced = solo.commit();
    assert!(matches!(announced.chain, Chain::Beat { says: Says::LEAVING, .. }));
    for (shard, epoch) in [("a", 0), ("b", 0)]
        .map(|(s, _)| (s, solo.coordinator.held().find(|(id, _)| id.as_str() == s).unwrap().1))
    {
        let progress = Some(Progress { checkpoint: Checkpoint::at("9"), arrival: None });
        solo.step(Input::Drained { shard: shard.into(), epoch, progress });
    }
    let farewell = solo.commit();
    assert!(matches!(farewell.chain, Chain::Leave { .. }));
    assert!(solo.effects.contains(&Effect::Finished));
    let state = solo.state();
    assert_eq!(state.workers.len(), 1);
    for shard in state.shards.values() {
        assert_eq!(shard.owner, Some("other".into()));
        assert_eq!(shard.checkpoint, Checkpoint::at("9"));
    }
}

#[test]
fn a_handler_that_does_not_end_calls_the_hand_over_off() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    solo.add_worker("other");
    for beat in 0..160i64 {
        solo.after(250);
        solo.state().workers.get_mut("other").unwrap().beat = WallTime(beat);
        if solo.effects.contains(&Effect::Look) {
            let seen = solo.state.clone();
            solo.step(Input::Looked(seen));
        } else if solo.written().is_some() {
            solo.commit();
        }
    }
    assert!(solo.history.iter().any(|e| matches!(e, Effect::Resume { .. })));
    let me = solo.me();
    assert!(solo.state().shards.values().all(|shard| shard.owner.as_ref() == Some(&me)));
}

#[test]
fn a_recreated_stream_is_refused_while_its_workers_live_and_reset_after() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let state = solo.state.clone();
    let opened = |ms: i64| Input::Opened {
        created_on: WallTime(ms),
        server_time: None,
        listing: listing(&["a"]),
        state: state.clone(),
    };
    let fresh = || Coordinator::new(settings(), IdSource::new(9), at(0));
    assert!(matches!(
        fresh().step(&at(10_000), opened(90_000))[..],
        [Effect::Fail(Failure::StreamRecreated { .. })]
    ));
    assert!(matches!(
        fresh().step(&at(10_000), opened(-90_000))[..],
        [Effect::Fail(Failure::NewerStream { .. })]
    ));
    let write = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::Commit(change) => Some(change.chain.clone()),
            _ => None,
        })
    };
    match write(fresh().step(&at(120_000), opened(90_000))) {
        Some(Chain::Reset { old, .. }) => assert_eq!(old, WallTime(5)),
        other => panic!("{other:?}"),
    }
    // A date that one of the writers rounded is the same stream.
    let joins = write(fresh().step(&at(10_000), opened(6)));
    assert!(matches!(joins, Some(Chain::Join { .. })));
}

#[test]
fn a_deleted_state_is_made_again_with_everybodys_place() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    let epoch = solo.coordinator.held().next().unwrap().1;
    let progress = Progress { checkpoint: Checkpoint::at("50"), arrival: None };
    solo.coordinator.progress(&"a".into(), epoch, progress);
    solo.after(2_500);
    solo.state = None;
    solo.commit();
    assert_eq!(solo.stopped(), ["a", "b"]);
    solo.commit();
    assert_eq!(solo.started(), ["a", "b"]);
    assert_eq!(solo.state().shards["a"].checkpoint, Checkpoint::at("50"));
    assert!(solo.coordinator.held().all(|(_, next)| next > epoch));
}

#[test]
fn a_wall_clock_that_is_set_back_costs_the_worker_its_id_and_nothing_else() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    let before = solo.me();
    solo.now.wall = solo.now.wall.plus(-3_600_000);
    solo.after(10);
    let epoch = solo.coordinator.held().next().unwrap().1;
    solo.commit();
    solo.step(Input::Drained { shard: "a".into(), epoch, progress: None });
    assert!(matches!(solo.commit().chain, Chain::Leave { .. }));
    assert!(matches!(solo.commit().chain, Chain::Join { .. }));
    assert_ne!(solo.me(), before);
    assert_eq!(solo.started(), ["a"]);
}

#[test]
fn nodes_leases_are_left_alone_until_their_date_and_its_silence_judged_by_its_own_rules() {
    let mut solo = Solo::start(&["a", "b"]);
    solo.commit();
    let start = solo.now.wall;
    let me = solo.me();
    let node = Worker { period_ms: None, beat: start, ..solo.state().workers[&me].clone() };
    solo.state().workers.insert("node".into(), node);
    for shard in ["a", "b"] {
        let entry = solo.state().shards.get_mut(shard).unwrap();
        entry.owner = Some("node".into());
        entry.until = Some(start.plus(100_000));
        entry.version = Version::new("node's");
    }
    let mut taken_after = None;
    for step in 0..800u64 {
        solo.after(250);
        // It beats every 20 s.
        let beat = start.plus((step as i64 * 250) / 20_000 * 20_000);
        solo.state().workers.get_mut("node").unwrap().beat = beat;
        if solo.effects.contains(&Effect::Look) {
            let seen = solo.state.clone();
            solo.step(Input::Looked(seen));
        }
        if let Some(change) = solo.written() {
            solo.commit();
            assert_eq!(change.evict, None, "a live Node consumer is never evicted");
            let takes = |edit: &Edit| {
                matches!(
                    &edit.effect,
                    ShardEffect::Set(Update { lease: LeaseUpdate::Assign { .. }, .. })
                )
            };
            if change.shards.values().any(takes) {
                taken_after.get_or_insert(step * 250);
            }
        }
    }
    let after = taken_after.expect("an expired lease is taken");
    assert!((104_000..106_500).contains(&after), "taken after {after} ms");
}

#[test]
fn the_default_deadlines_satisfy_their_inequalities() {
    assert_eq!(Timing::LIFION.check(), Ok(()));
    assert!(Timing { fence_ms: 6_500, ..Timing::LIFION }.check().is_err());
    assert!(Timing { attempt_ms: 1_200, ..Timing::LIFION }.check().is_err());
    assert!(Timing { look_ms: 0, ..Timing::LIFION }.check().is_err());
    let slow = Timing { beat_ms: 40_000, fence_ms: 90_000, ..Timing::LIFION };
    assert!(slow.check().is_err(), "Node would evict it");
}

#[test]
fn writes_are_filled_to_their_room_and_the_rest_goes_next() {
    let ids: Vec<String> = (0..200).map(|i| format!("s{i:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut solo = Solo::start(&ids);
    solo.coordinator.settings.limits =
        Limits { room: 90, checkpoint: 1, dated: 1, release: 1, give: 1, ..Limits::NONE };
    solo.commit();
    let held: Vec<_> = solo.coordinator.held().map(|(id, e)| (id.clone(), e)).collect();
    for (shard, epoch) in &held {
        let progress = Progress { checkpoint: Checkpoint::at("5"), arrival: None };
        solo.coordinator.progress(shard, *epoch, progress);
    }
    solo.after(2_500);
    assert_eq!(solo.commit().shards.len(), 90);
    solo.step(Input::Shutdown { limit_ms: 30_000 });
    for (shard, epoch) in held {
        solo.step(Input::Drained { shard, epoch, progress: None });
        if solo.written().is_some() {
            solo.commit();
        }
    }
    let mut writes = 0;
    while solo.written().is_some() {
        solo.commit();
        writes += 1;
    }
    assert!(solo.effects.contains(&Effect::Finished), "after {writes} writes");
    assert!(
        solo.state()
            .shards
            .values()
            .all(|s: &Shard| s.owner.is_none() && s.checkpoint == Checkpoint::at("5"))
    );
}

#[test]
fn a_worker_that_gave_up_leaving_stays_away_whatever_it_is_still_told() {
    let mut solo = Solo::start(&["a"]);
    solo.commit();
    solo.after(750);
    assert!(solo.effects.contains(&Effect::Look));
    // The state cannot be written any more, and others evict the worker meanwhile.
    solo.step(Input::Shutdown { limit_ms: 0 });
    solo.after(60_000);
    assert!(solo.effects.contains(&Effect::Finished));
    let me = solo.me();
    solo.state().workers.remove(&me);
    let seen = solo.state.clone();
    solo.step(Input::Looked(seen));
    assert_eq!((solo.effects.clone(), solo.me()), (vec![], me));
}
