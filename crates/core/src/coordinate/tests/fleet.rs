//! Fleets of coordinators that share one state through a network that loses, delays and repeats,
//! on a stream whose shards split. The invariant is watched at every millisecond that matters:
//! no two workers hand out one shard. Every failure names its seed.

use super::*;
use crate::invariants;
use crate::sequence::SequenceNumber;
use crate::snapshot::Home;
use std::collections::VecDeque;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % below
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// A message on its way.
enum Mail {
    Request(Change),
    LookRequest,
    Input(Input),
}

struct Member {
    coordinator: Coordinator,
    believes: Option<(Now, u64)>,
    /// Shards that it hands out, by epoch.
    reads: BTreeMap<ShardId, u64>,
    draining: BTreeMap<ShardId, u64>,
    mail: Vec<(u64, Mail)>,
    alive: bool,
    paused_until: u64,
    wakes_at: u64,
    finished: bool,
}

struct World {
    dice: Dice,
    time: u64,
    state: Option<Snapshot>,
    members: Vec<Member>,
    listing: Vec<ShardInfo>,
    /// Late packets: repeated writes that arrive when nobody expects them.
    stray: VecDeque<(u64, Change)>,
    faults: bool,
    limits: Limits,
}

impl Member {
    /// Where its shards are, as far as it knows; `None` while it waits for a slot.
    fn home(&self) -> Option<Home> {
        let coordinator = &self.coordinator;
        let state = coordinator.view.as_ref()?;
        coordinator.home(state).filter(|_| !coordinator.is_idle(state))
    }
}

impl World {
    fn new(seed: u64, shards: usize) -> Self {
        Self {
            dice: Dice(seed),
            time: 0,
            state: None,
            members: Vec::new(),
            listing: (0..shards).map(|i| part(i, shards)).collect(),
            stray: VecDeque::new(),
            faults: true,
            limits: Limits::NONE,
        }
    }

    fn join(&mut self) {
        self.join_as(Mode::Shared, false);
    }

    fn join_as(&mut self, mode: Mode, fan_out: bool) {
        let seed = u128::from(self.dice.roll(u64::MAX >> 33)) << 40 | self.members.len() as u128;
        let now = at(self.time);
        let limits = self.limits.clone();
        let settings = Settings { mode, fan_out, limits, ..settings() };
        let mut coordinator = Coordinator::new(settings, IdSource::new(seed), now);
        let effects = coordinator.step(
            &now,
            Input::Opened {
                created_on: WallTime(5),
                server_time: None,
                listing: self.listing.iter().cloned().collect(),
                state: self.state.clone(),
            },
        );
        self.members.push(Member {
            coordinator,
            believes: None,
            reads: BTreeMap::new(),
            draining: BTreeMap::new(),
            mail: Vec::new(),
            alive: true,
            paused_until: 0,
            wakes_at: 0,
            finished: false,
        });
        let me = self.members.len() - 1;
        self.carry_out(me, effects);
    }

    fn carry_out(&mut self, who: usize, effects: Vec<Effect>) {
        for effect in effects {
            let (time, wait) = (self.time, 1 + self.dice.roll(40));
            let lost = self.faults && self.dice.chance(5);
            let listing = self.listing.clone();
            let drain_wait = 1 + self.dice.roll(300);
            let member = &mut self.members[who];
            match effect {
                Effect::Look => member.mail.push((time + wait, Mail::LookRequest)),
                Effect::List => member
                    .mail
                    .push((time + wait, Mail::Input(Input::Listed(listing.into_iter().collect())))),
                Effect::Commit(_) if lost => {
                    member.mail.push((time + 1_000, Mail::Input(Input::CommitFailed)));
                }
                Effect::Commit(change) => member.mail.push((time + wait, Mail::Request(*change))),
                Effect::Believe { since, fence_ms } => member.believes = Some((since, fence_ms)),
                Effect::Start(start) => {
                    member.reads.insert(start.shard, start.epoch);
                }
                Effect::Drain { shard, epoch } => {
                    member.draining.insert(shard.clone(), epoch);
                    let drained = Input::Drained { shard, epoch, progress: None };
                    member.mail.push((time + drain_wait, Mail::Input(drained)));
                }
                Effect::Stop { shard, epoch } => {
                    if member.reads.get(&shard) == Some(&epoch) {
                        member.reads.remove(&shard);
                    }
                }
                Effect::Resume { shard, epoch } => {
                    member.draining.remove(&shard);
                    member.reads.insert(shard, epoch);
                }
                Effect::Fail(failure) => panic!("{failure:?}"),
                Effect::Finished => member.finished = true,
                Effect::Register => {
                    let ours = ["f1", "f2"].map(|name| (name.into(), format!("arn:{name}")));
                    let registered = Registered { ours: ours.into(), others: BTreeSet::new() };
                    member.mail.push((time + wait, Mail::Input(Input::Registered(registered))));
                }
                Effect::Notice(_) | Effect::Prepare(_) => {}
            }
        }
    }

    fn step(&mut self, who: usize, input: Input) {
        if let Input::Drained { shard, epoch, .. } = &input {
            // A drain that was called off meanwhile is not one any more.
            if self.members[who].draining.remove(shard) != Some(*epoch) {
                return;
            }
            self.members[who].reads.remove(shard);
        }
        let now = at(self.time);
        let member = &mut self.members[who];
        let effects = member.coordinator.step(&now, input);
        member.wakes_at = self.time + member.coordinator.wake_in(&now);
        self.carry_out(who, effects);
    }

    fn commit(&mut self, change: &Change) -> Committed {
        let committed = change.apply(self.state.as_ref());
        if let Committed::Applied(state) = &committed {
            let before = self.state.as_ref();
            let step = before.map_or(Ok(()), |before| invariants::check_step(before, state));
            step.unwrap_or_else(|violation| panic!("{violation} at {} ms", self.time));
            invariants::check_state(state).unwrap_or_else(|violation| panic!("{violation}"));
            let listing = self.listing.iter().cloned().collect();
            invariants::check_cover(&state.shards, &listing)
                .unwrap_or_else(|hole| panic!("{hole}"));
            self.state = Some(state.clone());
        }
        committed
    }

    /// One round of everything that is due now.
    fn tick(&mut self) {
        self.time += 5;
        while self.stray.front().is_some_and(|(due, _)| *due <= self.time) {
            if let Some((_, change)) = self.stray.pop_front() {
                // A late join brings back a ghost without leases, which falls silent. No other
                // late packet does anything.
                let before = self.state.clone();
                let joins = matches!(change.chain, Chain::Join { .. });
                self.commit(&change);
                assert!(joins || before == self.state, "a repeated packet did something");
            }
        }
        for who in 0..self.members.len() {
            if !self.members[who].alive || self.time < self.members[who].paused_until {
                continue;
            }
            let time = self.time;
            let mail = std::mem::take(&mut self.members[who].mail);
            let (due, later): (Vec<_>, Vec<_>) = mail.into_iter().partition(|(at, _)| *at <= time);
            self.members[who].mail = later;
            for (_, mail) in due {
                self.deliver(who, mail);
            }
            let progress = self.dice.chance(3);
            let reads = self.members[who].reads.clone();
            for (shard, epoch) in reads.into_iter().filter(|_| progress) {
                // Now and then in the middle of an aggregate.
                let sequence = |time| SequenceNumber::new(format!("{}", 1_000_000 + time));
                let next = Part { sequence: sequence(self.time + 1), sub: 3 };
                let part = self.time.is_multiple_of(3).then_some(next);
                let checkpoint = Checkpoint::new(Some(sequence(self.time)), part);
                let progress = Progress { checkpoint, arrival: None };
                self.members[who].coordinator.progress(&shard, epoch, progress);
                self.maybe_end(who, &shard, epoch);
            }
            if time >= self.members[who].wakes_at {
                self.step(who, Input::Tick);
            }
        }
        self.no_shard_is_handed_out_twice();
    }

    fn deliver(&mut self, who: usize, mail: Mail) {
        match mail {
            Mail::Request(change) => {
                let committed = self.commit(&change);
                if self.faults && self.dice.chance(5) {
                    let due = self.time + self.dice.roll(10_000);
                    self.stray.push_back((due, change));
                }
                let answer = match self.faults && self.dice.chance(5) {
                    true => (self.time + 900, Input::CommitFailed),
                    false => (self.time + 1 + self.dice.roll(40), Input::Committed(committed)),
                };
                self.members[who].mail.push((answer.0, Mail::Input(answer.1)));
            }
            Mail::LookRequest => {
                let answer =
                    (self.time + 1 + self.dice.roll(40), Input::Looked(self.state.clone()));
                self.members[who].mail.push((answer.0, Mail::Input(answer.1)));
            }
            Mail::Input(input) => self.step(who, input),
        }
    }

    fn maybe_end(&mut self, who: usize, shard: &ShardId, epoch: u64) {
        let closed = self.listing.iter().any(|info| info.id == *shard && info.closed);
        if closed && self.dice.chance(20) {
            let input =
                Input::Ended { shard: shard.clone(), epoch, progress: None, children: Vec::new() };
            self.members[who].mail.push((self.time + 5, Mail::Input(input)));
            self.members[who].reads.remove(shard);
        }
    }

    fn split(&mut self) {
        let open: Vec<usize> =
            (0..self.listing.len()).filter(|&i| !self.listing[i].closed).collect();
        let at = open[self.dice.roll(open.len() as u64) as usize];
        self.listing[at].closed = true;
        let (parent, range) = (self.listing[at].id.to_string(), self.listing[at].hash_range);
        let middle = range.start + (range.end - range.start) / 2;
        let halves = [(range.start, middle), (middle + 1, range.end)];
        for (start, end) in halves {
            let id = format!("s{:03}", self.listing.len());
            let hash_range = HashRange { start, end };
            self.listing.push(ShardInfo { hash_range, ..info(&id, &[&parent], false) });
        }
    }

    /// Merges the first open shard whose neighbour is open.
    fn merge(&mut self) {
        let open: Vec<usize> =
            (0..self.listing.len()).filter(|&i| !self.listing[i].closed).collect();
        let range = |i: usize| self.listing[i].hash_range;
        let touch = |a: usize, b: usize| range(a).end.checked_add(1) == Some(range(b).start);
        let pairs = open.iter().flat_map(|&a| open.iter().map(move |&b| (a, b)));
        let Some((a, b)) = pairs.into_iter().find(|&(a, b)| touch(a, b)) else { return };
        let hash_range = HashRange { start: range(a).start, end: range(b).end };
        let parents = [a, b].map(|i| self.listing[i].id.to_string());
        self.listing[a].closed = true;
        self.listing[b].closed = true;
        let id = format!("s{:03}", self.listing.len());
        let child = info(&id, &[&parents[0], &parents[1]], false);
        self.listing.push(ShardInfo { hash_range, ..child });
    }

    fn no_shard_is_handed_out_twice(&self) {
        let now = at(self.time);
        let mut readers: BTreeMap<(Option<Home>, &ShardId), usize> = BTreeMap::new();
        for (who, member) in self.members.iter().enumerate() {
            let holds = |(since, fence_ms)| now.at_most_since(&since) < fence_ms;
            let believes = member.believes.is_some_and(holds);
            // A paused worker wakes up with its clocks ahead: the fence is checked before each
            // delivery, so that it hands out nothing in the meantime.
            let runs = member.alive && self.time >= member.paused_until;
            for shard in member.reads.keys().filter(|_| believes && runs) {
                if let Some(other) = readers.insert((member.home(), shard), who) {
                    panic!("{shard} is handed out by {other} and {who} at {} ms", self.time);
                }
            }
        }
    }

    fn run(&mut self, ms: u64) {
        let until = self.time + ms;
        while self.time < until {
            self.tick();
        }
    }

    fn leave(&mut self, who: usize) {
        if self.members[who].alive && !self.members[who].finished {
            self.step(who, Input::Shutdown { limit_ms: 2_000 });
        }
    }

    /// In each home that has a live worker, every open shard is read by exactly one of them, and
    /// shares differ by one at most.
    fn settles(&mut self) {
        self.faults = false;
        self.run(200_000);
        let open: Vec<_> =
            self.listing.iter().filter(|i| !i.closed).map(|i| i.id.clone()).collect();
        let live = || self.members.iter().enumerate().filter(|(_, m)| m.alive && !m.finished);
        let homes: BTreeSet<_> = live().filter_map(|(_, member)| member.home()).collect();
        let state = self.state.as_ref().unwrap();
        for home in &homes {
            let mates = || live().filter(|(_, m)| m.home().as_ref() == Some(home)).map(|(_, m)| m);
            for shard in &open {
                let readers = mates().filter(|m| m.reads.contains_key(shard)).count();
                assert_eq!(readers, 1, "{shard} has {readers} readers in {home:?}");
            }
            let counts: Vec<_> = mates().map(|m| m.reads.len()).collect();
            let (most, least) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
            assert!(most - least <= 1, "shares {counts:?} in {home:?}");
            let shards = state.shards_of(home);
            for info in self.listing.iter().filter(|info| info.closed) {
                // A place without a name begins anew with each process, at the open shards.
                let ended = shards.get(&info.id).is_none_or(|shard| shard.ended);
                assert!(ended, "{} is not ended in {home:?}", info.id);
            }
        }
        assert_eq!(state.workers.len(), live().count());
        for (name, slot) in &state.slots {
            let waiting = live().any(|(_, m)| m.coordinator.needs_slot(state));
            assert!(
                slot.used_by.is_some() || !waiting,
                "{name} is free, and somebody waits for it"
            );
            assert!(slot.used_by.iter().all(|user| state.workers.contains_key(user)));
        }
    }
}

/// One of so many shards that share the hash keys evenly.
fn part(index: usize, of: usize) -> ShardInfo {
    let width = u128::MAX / of as u128;
    let start = width * index as u128 + u128::from(index > 0);
    let end = if index + 1 == of { u128::MAX } else { width * (index as u128 + 1) };
    ShardInfo { hash_range: HashRange { start, end }, ..info(&format!("s{index:03}"), &[], false) }
}

/// Runs a scenario over seeds, as many as `KINFOLK_SEEDS` says; a failure prints the seed that
/// shows it.
fn seeds(count: u64, run: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let asked = std::env::var("KINFOLK_SEEDS").ok().and_then(|text| text.parse().ok());
    let count = asked.unwrap_or(count);
    for seed in 1..=count {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed * 7_919)) {
            eprintln!("seed {}", seed * 7_919);
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn workers_that_come_crash_pause_and_go_never_share_a_shard_and_settle() {
    seeds(25, |seed| {
        let mut world = World::new(seed, 7);
        for _ in 0..3 {
            world.join();
        }
        world.run(5_000);
        for _ in 0..12 {
            let who = world.dice.roll(world.members.len() as u64) as usize;
            match world.dice.roll(6) {
                0 => world.members[who].alive = false,
                1 => world.members[who].paused_until = world.time + world.dice.roll(20_000),
                2 => world.leave(who),
                3 => world.split(),
                4 => world.merge(),
                _ => world.join(),
            }
            let ms = 500 + world.dice.roll(8_000);
            world.run(ms);
        }
        if !world.members.iter().any(|m| m.alive && !m.finished) {
            world.join();
        }
        world.join();
        world.settles();
    });
}

#[test]
fn a_join_moves_no_more_shards_than_it_must() {
    seeds(5, |seed| {
        let mut world = World::new(seed, 12);
        world.faults = false;
        for _ in 0..3 {
            world.join();
        }
        world.run(10_000);
        let before: Vec<_> = world.members.iter().map(|m| m.reads.clone()).collect();
        world.join();
        world.run(10_000);
        let moved: usize = world
            .members
            .iter()
            .zip(&before)
            .map(|(m, b)| b.keys().filter(|s| !m.reads.contains_key(*s)).count())
            .sum();
        assert_eq!(moved, 3);
        assert_eq!(world.members[3].reads.len(), 3);
    });
}

#[test]
fn standalone_workers_come_crash_and_go_beside_a_group_and_each_home_is_read_by_itself() {
    seeds(12, |seed| {
        let mut world = World::new(seed, 4);
        let modes = [
            Mode::Shared,
            Mode::Standalone { name: None },
            Mode::Standalone { name: Some("tail".into()) },
            Mode::Standalone { name: Some("audit".into()) },
        ];
        world.join();
        world.join_as(modes[2].clone(), false);
        world.run(5_000);
        for _ in 0..12 {
            let who = world.dice.roll(world.members.len() as u64) as usize;
            let mode = modes[world.dice.roll(4) as usize].clone();
            match world.dice.roll(7) {
                0 => world.members[who].alive = false,
                1 => world.members[who].paused_until = world.time + world.dice.roll(20_000),
                2 => world.leave(who),
                3 => world.split(),
                4 => world.merge(),
                _ => world.join_as(mode, false),
            }
            let ms = 500 + world.dice.roll(8_000);
            world.run(ms);
        }
        for mode in modes {
            world.join_as(mode, false);
        }
        world.settles();
    });
}

#[test]
fn workers_that_come_and_go_use_no_fan_out_slot_twice_and_leave_none_unused() {
    seeds(12, |seed| {
        let mut world = World::new(seed, 4);
        let modes = [
            Mode::Shared,
            Mode::Standalone { name: None },
            Mode::Standalone { name: Some("tail".into()) },
        ];
        for mode in &modes {
            world.join_as(mode.clone(), true);
        }
        world.run(5_000);
        for _ in 0..12 {
            let who = world.dice.roll(world.members.len() as u64) as usize;
            let mode = modes[world.dice.roll(3) as usize].clone();
            match world.dice.roll(6) {
                0 => world.members[who].alive = false,
                1 => world.members[who].paused_until = world.time + world.dice.roll(20_000),
                2 => world.leave(who),
                3 => world.split(),
                _ => world.join_as(mode, true),
            }
            let ms = 500 + world.dice.roll(8_000);
            world.run(ms);
        }
        world.join_as(Mode::Shared, true);
        world.settles();
    });
}

#[test]
fn workers_whose_writes_hold_little_settle_as_well() {
    seeds(8, |seed| {
        let mut world = World::new(seed, 9);
        let (entry, take, release) = (1, 1, 1);
        world.limits =
            Limits { room: 7, entry, take, release, track: 1, insert: 1, slot: 1, ..Limits::NONE };
        for (mode, fan_out) in [
            (Mode::Shared, false),
            (Mode::Standalone { name: None }, true),
            (Mode::Standalone { name: Some("tail".into()) }, false),
        ] {
            world.join_as(mode, fan_out);
        }
        world.run(8_000);
        for _ in 0..8 {
            let who = world.dice.roll(world.members.len() as u64) as usize;
            match world.dice.roll(5) {
                0 => world.members[who].alive = false,
                1 => world.leave(who),
                2 => world.split(),
                3 => world.join_as(Mode::Standalone { name: None }, true),
                _ => world.join(),
            }
            let ms = 500 + world.dice.roll(8_000);
            world.run(ms);
        }
        world.join();
        world.settles();
    });
}
