//! The course of the demo: what is done when, and what is counted.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::id::{ShardId, StreamRef};
use kinfolk::core::time::Now;
use kinfolk::group::Group;
use tokio::process::Child;
use tokio::sync::mpsc;

use super::chores::{Chore, split, watch};
use super::crew::Crew;
use super::feed::feed;
use super::happening::Happening;
use super::meter::Meter;
use super::records::Item;
use super::roster::{Roster, list, named, short};
use super::summary::Summary;
use super::takeover::Takeover;
use super::tally::Tally;
use super::view::{Scene, View};
use super::worker::Order;
use crate::exit::Failure;
use crate::signal;

/// How often the view is drawn.
const DRAW: Duration = Duration::from_millis(100);
/// After how many milliseconds it begins without those that have not joined.
const GATHERING_MS: u64 = 10_000;
/// After how many milliseconds without a record it gives up.
const PATIENCE_MS: u64 = 60_000;
/// How many milliseconds the workers have for leaving: more than they give themselves.
const LEAVING_MS: u64 = 40_000;

/// What is to happen.
pub(super) struct Plan {
    pub(super) items: Vec<Item>,
    pub(super) rate: u32,
    pub(super) kill: bool,
    pub(super) split: bool,
}

/// The demo under way.
pub(super) struct Stage {
    stream: StreamRef,
    kinesis: aws_sdk_kinesis::Client,
    group: Group,
    plan: Plan,
    /// How many records there are to put.
    total: u64,
    fed: bool,
    crew: Crew,
    roster: Roster,
    tally: Tally,
    takeover: Option<Takeover>,
    view: View,
    put: Meter,
    unique: Meter,
    began: Now,
    /// When a record was put or handled last.
    moved_ms: u64,
    /// Everything that goes on at the same time, all in this task.
    chores: FuturesUnordered<Chore>,
    say: mpsc::Sender<Happening>,
    hear: mpsc::Receiver<Happening>,
}

impl Stage {
    pub(super) fn new(
        stream: StreamRef,
        kinesis: aws_sdk_kinesis::Client,
        group: Group,
        plan: Plan,
    ) -> Self {
        let (say, hear) = mpsc::channel(1_024);
        let chores = FuturesUnordered::new();
        chores.push(Box::pin(watch(group.clone(), say.clone())) as Chore);
        Self {
            stream,
            kinesis,
            group,
            total: plan.items.len() as u64,
            plan,
            fed: false,
            crew: Crew::default(),
            roster: Roster::default(),
            tally: Tally::default(),
            takeover: None,
            view: View::new(),
            put: Meter::default(),
            unique: Meter::default(),
            began: SystemClock.now(),
            moved_ms: 0,
            chores,
            say,
            hear,
        }
    }

    /// Adds a worker.
    pub(super) fn hire(&mut self, child: Child) {
        self.chores.push(self.crew.hire(child, self.say.clone()));
    }

    /// Plays it to the end, and sends the workers home.
    pub(super) async fn play(&mut self) -> Result<Summary, Failure> {
        let stop = signal::asked_to_stop();
        tokio::pin!(stop);
        let played = tokio::select! {
            biased;
            _ = &mut stop => Err(Failure::failed("interrupted before the end")),
            played = self.play_on() => played,
        };
        self.view.clear();
        played?;
        Ok(Summary::new(self.tally.verdict(), self.takeover.as_ref(), self.now_ms()))
    }

    async fn play_on(&mut self) -> Result<(), Failure> {
        let mut draw = tokio::time::interval(DRAW);
        while !self.complete() && self.now_ms() < self.moved_ms.saturating_add(PATIENCE_MS) {
            self.turn(&mut draw).await?;
            self.direct();
        }
        let why = if self.complete() { "all is handled" } else { "nothing comes any more" };
        self.tell(&format!("{why}: the workers are asked to leave"));
        self.crew.order_all(Order::Leave);
        let late_ms = self.now_ms() + LEAVING_MS;
        while !self.crew.all_gone() {
            self.turn(&mut draw).await?;
            if self.now_ms() > late_ms {
                self.crew.order_all(Order::Kill);
            }
        }
        Ok(())
    }

    /// Waits for something to happen, and takes it in.
    async fn turn(&mut self, draw: &mut tokio::time::Interval) -> Result<(), Failure> {
        tokio::select! {
            biased;
            Some(happening) = self.hear.recv() => self.take(happening).await,
            Some(done) = self.chores.next() => done,
            _ = draw.tick() => {
                self.draw();
                Ok(())
            }
        }
    }

    async fn take(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Put { id, key, number } => {
                self.tally.put(id, key, number);
                self.moved_ms = self.now_ms();
            }
            Happening::Handled { worker, id } => {
                self.moved_ms = self.now_ms();
                self.crew.handled(worker);
                self.taken_over(worker, &id.0);
                self.tally.handled(id);
            }
            Happening::Said { worker, text } => {
                self.tell(&format!("worker {} says: {text}", worker + 1));
            }
            Happening::Killed { worker } => self.killed(worker).await,
            Happening::Gone { worker, failed } => {
                let told = self.crew.gone(worker);
                if let Some(how) = failed.filter(|_| !told) {
                    let message = format!("worker {} ended by itself: {how}", worker + 1);
                    return Err(Failure::failed(message).hint("anything that it said is above"));
                }
            }
            Happening::Seen(seen) => {
                let roster = Roster::of(&seen, |pid| self.crew.of_pid(pid));
                for news in roster.news(&self.roster) {
                    self.tell(&news);
                }
                self.roster = roster;
            }
            Happening::Split { parent, children } => {
                let children: Vec<_> = children.iter().map(|it| it.id.to_string()).collect();
                let children = list(children.iter());
                self.tell(&format!("shard {} is split into {children}", short(&parent)));
            }
        }
        Ok(())
    }

    /// Does what is due.
    fn direct(&mut self) {
        let gathered = self.roster.members() == self.crew.len() || self.now_ms() > GATHERING_MS;
        if !self.fed && gathered {
            self.fed = true;
            let items = std::mem::take(&mut self.plan.items);
            let (kinesis, stream) = (self.kinesis.clone(), self.stream.clone());
            self.chores.push(Box::pin(feed(
                kinesis,
                stream,
                items,
                self.plan.rate,
                self.say.clone(),
            )));
        }
        // The split comes a little earlier, so that it is under way when the worker dies.
        let unique = self.tally.count_unique();
        if self.plan.split && unique * 5 >= self.total * 2 {
            self.plan.split = false;
            if let Some(shard) = self.roster.some_shard().map(|id| ShardId::from(id.as_str())) {
                let (kinesis, stream) = (self.kinesis.clone(), self.stream.clone());
                self.chores.push(Box::pin(split(kinesis, stream, shard, self.say.clone())));
            }
        }
        if self.plan.kill && unique * 2 >= self.total {
            self.plan.kill = false;
            if let Some(worker) = self.roster.busiest() {
                self.crew.order(worker, Order::Kill);
            }
        }
    }

    /// A worker is dead: its shards are those that the state still says are its own.
    async fn killed(&mut self, worker: usize) {
        let killed_ms = self.now_ms();
        if let Ok(seen) = self.group.describe().await {
            self.roster = Roster::of(&seen, |pid| self.crew.of_pid(pid));
        }
        let shards: Vec<_> = self.roster.held(worker).cloned().collect();
        let held = named(shards.iter());
        self.tell(&format!("worker {} is killed; it held {held}", worker + 1));
        self.takeover = Some(Takeover::new(worker, killed_ms, shards));
    }

    fn taken_over(&mut self, worker: usize, shard: &str) {
        let now_ms = self.now_ms();
        let Some(takeover) = &mut self.takeover else { return };
        if let Some(after_ms) = takeover.handled(worker, shard, now_ms) {
            let after = format!("{}.{} s", after_ms / 1_000, after_ms % 1_000 / 100);
            let (worker, shard) = (worker + 1, short(shard));
            self.tell(&format!("shard {shard} goes on at worker {worker}, {after} after the kill"));
        }
    }

    /// Everything was put and came out.
    fn complete(&self) -> bool {
        self.tally.count_put() == self.total && self.tally.count_unique() == self.total
    }

    fn draw(&mut self) {
        let now_ms = self.now_ms();
        let (put, unique) = (self.tally.count_put(), self.tally.count_unique());
        self.put.sample(now_ms, put);
        self.unique.sample(now_ms, unique);
        let scene = Scene {
            total: self.total,
            put,
            put_rate: self.put.per_second(),
            unique,
            unique_rate: self.unique.per_second(),
            workers: self.crew.rows(now_ms, &self.roster),
        };
        self.view.draw(now_ms, &scene);
    }

    fn tell(&mut self, text: &str) {
        self.view.tell(self.now_ms(), text);
    }

    fn now_ms(&self) -> u64 {
        SystemClock.now().at_least_since(&self.began)
    }
}
