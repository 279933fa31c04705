//! The task that runs a worker: it tells the coordinator what happened and carries out what it
//! decides. No decision about leases is made here.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_core::change::{Chain, Change};
use kinfolk_core::coordinate::{Coordinator, Effect, Failure, Input, Start, Timing};
use kinfolk_core::id::{GroupName, ShardId, StreamName};
use kinfolk_core::reader::{FallBack, Loss, Problem};
use tokio::sync::{mpsc, watch};

use crate::backup::Keeper;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Announcer, Event};
use crate::fence::Fence;
use crate::hub::Hub;
use crate::read::{self, Listener, Reading};
use crate::record::{Opener, Refused};
use crate::store::{BoxFuture, StateStore};
use crate::supervise::Tasks;
use crate::tenure::Tenure;

/// For how long records may be in hands without an acknowledgement before an event says so.
const STALLED_MS: u64 = 60_000;

/// How long all pages of a listing may take: 10,000 shards are ten of them.
const LISTING: Duration = Duration::from_secs(15);

/// How long registering all fan-out consumers may take: Kinesis takes seconds for each.
const REGISTERING: Duration = Duration::from_secs(120);

/// What the consumer tells its driver.
#[derive(Debug)]
pub(crate) enum Command {
    /// Hand over and leave; wait so many milliseconds for handlers.
    Shutdown { limit_ms: u64 },
}

/// A worker at work.
pub(crate) struct Driver {
    pub(crate) coordinator: Coordinator,
    pub(crate) timing: Timing,
    pub(crate) group: GroupName,
    pub(crate) stream: StreamName,
    /// How many fan-out consumers the group is to have; 0 for none.
    pub(crate) fan_out: u32,
    pub(crate) keeper: Keeper,
    pub(crate) store: Arc<dyn StateStore>,
    pub(crate) reading: Reading,
    pub(crate) fence: Arc<Fence>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) announcer: Announcer,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// Readers say here that Kinesis does not know their shard, or the consumer they read by.
    pub(crate) missing: mpsc::Receiver<()>,
    /// The fan-out consumer that readers are to use.
    pub(crate) consumer: watch::Sender<Option<Arc<str>>>,
    pub(crate) listener: Arc<dyn Listener>,
}

/// Calls under way; at most one of each kind.
#[derive(Default)]
struct Calls {
    commit: Option<BoxFuture<'static, Input>>,
    look: Option<BoxFuture<'static, Input>>,
    list: Option<BoxFuture<'static, Input>>,
    register: Option<BoxFuture<'static, Input>>,
}

/// What an input led to.
enum Next {
    GoOn,
    Finished,
}

impl Driver {
    /// Runs until the worker has left, or cannot take part.
    pub(crate) async fn run(mut self, first: Input) -> Result<()> {
        let mut readers = Tasks::default();
        let result = self.work(first, &mut readers).await;
        // An error is told twice: to whoever waits for records, and to whoever shuts down.
        let copy = result.as_ref().err().map(|e| Error::new(e.kind(), e.report().to_string()));
        self.hub.finish(copy);
        readers.join().await;
        result
    }

    async fn work(&mut self, first: Input, readers: &mut Tasks) -> Result<()> {
        let mut calls = Calls::default();
        let mut told: BTreeSet<(ShardId, u64)> = BTreeSet::new();
        let mut inputs = vec![first];
        loop {
            for input in inputs.drain(..) {
                if let Next::Finished = self.step(input, &mut calls, readers)? {
                    return Ok(());
                }
            }
            let now = self.reading.clock.now();
            let pause = Duration::from_millis(self.coordinator.wake_in(&now));
            let hub = self.hub.clone();
            tokio::select! {
                biased;
                input = answer(&mut calls.commit) => { calls.commit = None; inputs.push(input); }
                input = answer(&mut calls.look) => { calls.look = None; inputs.push(input); }
                input = answer(&mut calls.list) => { calls.list = None; inputs.push(input); }
                input = answer(&mut calls.register) => {
                    calls.register = None;
                    inputs.push(input);
                }
                Some(Command::Shutdown { limit_ms }) = self.commands.recv() => {
                    inputs.push(Input::Shutdown { limit_ms });
                }
                Some(()) = self.missing.recv() => inputs.push(Input::Missing),
                () = hub.signals.stirred.notified() => self.look_at_tenures(&mut told, &mut inputs),
                ended = readers.next() => ended?,
                () = tokio::time::sleep(pause) => inputs.push(Input::Tick),
            }
        }
    }

    fn step(&mut self, input: Input, calls: &mut Calls, readers: &mut Tasks) -> Result<Next> {
        let now = self.reading.clock.now();
        self.coordinator.weighs(self.store.usage().bytes);
        for tenure in self.hub.tenures() {
            if let Some(progress) = tenure.progress() {
                self.coordinator.progress(&tenure.shard, tenure.epoch, progress);
            }
            let for_ms = tenure.stalled_for(&now);
            if for_ms >= STALLED_MS && tenure.first_warning() {
                self.announcer.say(Event::Stalled { shard: tenure.shard.clone(), for_ms });
            }
        }
        let effects = self.coordinator.step(&now, input);
        // Before a reader starts, and at once for those that use another one.
        let consumer = self.coordinator.consumer();
        self.consumer.send_if_modified(|current| {
            let changes = current.as_deref() != consumer;
            if changes {
                *current = consumer.map(Arc::from);
            }
            changes
        });
        for effect in effects {
            match effect {
                Effect::Look => calls.look = Some(self.look()),
                Effect::List => calls.list = Some(self.list()),
                Effect::Register => calls.register = Some(self.register()),
                Effect::Commit(change) => calls.commit = Some(self.commit(*change)),
                Effect::Believe { since, fence_ms } => {
                    self.fence.believe(since, fence_ms);
                    self.hub.signals.ready.notify_waiters();
                }
                Effect::Prepare(start) => drop(self.read(start, readers)),
                Effect::Start(start) => self.start(start, readers),
                Effect::Drain { shard, epoch } => self.with(&shard, epoch, Tenure::drain),
                Effect::Resume { shard, epoch } => self.with(&shard, epoch, Tenure::resume),
                Effect::Stop { shard, epoch } => self.hub.close(&shard, epoch),
                Effect::Notice(event) => self.announcer.say(Event::Group(event)),
                Effect::Fail(failure) => return Err(self.cannot_take_part(&failure)),
                Effect::Finished => return Ok(Next::Finished),
            }
        }
        Ok(Next::GoOn)
    }

    fn start(&self, start: Start, readers: &mut Tasks) {
        let prepared = self.hub.get(&start.shard, start.epoch);
        self.hub.show(prepared.unwrap_or_else(|| self.read(start, readers)));
    }

    /// Reads a shard into a tenure that hands out nothing yet.
    fn read(&self, start: Start, readers: &mut Tasks) -> Arc<Tenure> {
        let Start { shard, epoch, from, part } = start;
        let worker = self.coordinator.me().clone();
        let opener = Opener::new(self.reading.deaggregate, &from, part);
        let signals = self.hub.signals.clone();
        let tenure = Arc::new(Tenure::new(shard, epoch, worker, signals, opener));
        self.hub.insert(&tenure);
        let (reading, listener) = (self.reading.clone(), self.listener.clone());
        readers.spawn(read::read(reading, tenure.clone(), from, listener));
        tenure
    }

    fn with(&self, shard: &ShardId, epoch: u64, act: impl Fn(&Tenure)) {
        if let Some(tenure) = self.hub.get(shard, epoch) {
            act(&tenure);
        }
    }

    /// Which tenures are drained, and which are done for good.
    fn look_at_tenures(&self, told: &mut BTreeSet<(ShardId, u64)>, inputs: &mut Vec<Input>) {
        let tenures = self.hub.tenures();
        told.retain(|(shard, epoch)| self.hub.get(shard, *epoch).is_some());
        for tenure in tenures {
            let (shard, epoch) = (tenure.shard.clone(), tenure.epoch);
            if let Some(children) = tenure.ended() {
                if told.insert((shard.clone(), epoch)) {
                    let progress = tenure.progress();
                    inputs.push(Input::Ended { shard, epoch, progress, children });
                }
            } else if tenure.is_drained() {
                let progress = tenure.progress();
                inputs.push(Input::Drained { shard, epoch, progress });
            }
        }
    }

    fn look(&self) -> BoxFuture<'static, Input> {
        let (store, announcer, limit) = (self.store.clone(), self.announcer.clone(), self.limit());
        Box::pin(async move {
            match tokio::time::timeout(limit, store.look()).await {
                Ok(Ok(state)) => Input::Looked(state),
                Ok(Err(error)) => unreachable(&announcer, &error, Input::LookFailed),
                Err(_) => unreachable(&announcer, &late("the state", limit), Input::LookFailed),
            }
        })
    }

    fn commit(&self, change: Change) -> BoxFuture<'static, Input> {
        let (store, announcer, limit) = (self.store.clone(), self.announcer.clone(), self.limit());
        let keeper = self.keeper.clone();
        Box::pin(async move {
            // A state that is about to be replaced is kept first, or it is not replaced.
            if matches!(change.chain, Chain::Reset { .. })
                && let Err(error) = keeper.keep(store.as_ref(), &announcer).await
            {
                return unreachable(&announcer, &error, Input::CommitFailed);
            }
            match tokio::time::timeout(limit, store.commit(&change)).await {
                Ok(Ok(committed)) => Input::Committed(committed),
                Ok(Err(error)) => unreachable(&announcer, &error, Input::CommitFailed),
                Err(_) => unreachable(&announcer, &late("the state", limit), Input::CommitFailed),
            }
        })
    }

    fn list(&self) -> BoxFuture<'static, Input> {
        let source = self.reading.source.clone();
        Box::pin(async move {
            let listed = tokio::time::timeout(LISTING, source.list()).await;
            match listed.unwrap_or_else(|_| Err(late("the stream", LISTING))) {
                Ok(listing) => Input::Listed(listing),
                Err(error) => {
                    tracing::warn!(error = %error.report(), "cannot list the shards, trying again");
                    Input::ListFailed
                }
            }
        })
    }

    fn register(&self) -> BoxFuture<'static, Input> {
        let source = self.reading.source.clone();
        let (group, wanted) = (self.group.clone(), self.fan_out);
        Box::pin(async move {
            let registered = tokio::time::timeout(REGISTERING, source.register(&group, wanted));
            let late = || late("registering fan-out consumers", REGISTERING);
            match registered.await.unwrap_or_else(|_| Err(late())) {
                Ok(registered) => Input::Registered(registered),
                Err(error) => {
                    let error = error.report();
                    tracing::warn!(%error, "cannot register fan-out consumers, trying again");
                    Input::RegisterFailed
                }
            }
        })
    }

    fn cannot_take_part(&self, failure: &Failure) -> Error {
        let Self { group, stream, .. } = self;
        let why = reason(failure);
        let message = format!("cannot take part in group {group} on stream {stream}: {why}");
        Error::new(ErrorKind::Config, message)
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.timing.attempt_ms.into())
    }
}

async fn answer(call: &mut Option<BoxFuture<'static, Input>>) -> Input {
    match call {
        Some(call) => call.await,
        None => pending().await,
    }
}

fn unreachable(announcer: &Announcer, error: &Error, input: Input) -> Input {
    announcer.say(Event::StateUnreachable { message: error.report().to_string() });
    input
}

fn late(what: &str, limit: Duration) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{what} did not answer within {limit:?}"))
}

/// Why a worker cannot take part, and what to do about it.
fn reason(failure: &Failure) -> String {
    match failure {
        Failure::NewerStream { .. } => {
            "the state belongs to a stream of this name that was created later: this client sees \
             an older one. Check the region and the endpoint"
                .to_owned()
        }
        Failure::StreamRecreated { alive, .. } => format!(
            "the stream was deleted and made again, but worker {alive} of the old one's group was \
             alive within the last minute: stop it first, or use another group"
        ),
        Failure::StateFull => {
            "the state is as large as its store can hold, and has no room for another worker or \
             shard: remove the item's `kfPlace:` attributes of names that nobody uses any more, or \
             use another group"
                .to_owned()
        }
        Failure::TooManyWorkers { workers, bytes } => format!(
            "{workers} workers cannot share a state of {bytes} bytes: each of their writes costs \
             as much as the whole state, and together they would be more than a DynamoDB partition \
             takes. Run fewer workers of this group"
        ),
        other => format!("{other:?}"),
    }
}

/// Tells the driver and the listeners what readers meet.
pub(crate) struct Report {
    pub(crate) announcer: Announcer,
    pub(crate) missing: mpsc::Sender<()>,
}

impl Listener for Report {
    fn problem(&self, tenure: &Tenure, problem: Problem, error: Option<Error>) {
        let (shard, message) = (tenure.shard.clone(), said(error));
        self.announcer.say(Event::Problem { shard, problem, message });
        if problem == Problem::Missing {
            // A full queue holds the same message already.
            let _ = self.missing.try_send(());
        }
    }

    fn subscribed(&self, tenure: &Tenure, times: u32) {
        self.announcer.say(Event::Subscribed { shard: tenure.shard.clone(), times });
    }

    fn unsubscribed(&self, tenure: &Tenure, loss: Loss, error: Option<Error>) {
        let (shard, message) = (tenure.shard.clone(), said(error));
        self.announcer.say(Event::Unsubscribed { shard, loss, message });
    }

    fn fell_back(&self, tenure: &Tenure, reason: FallBack, error: Option<Error>) {
        let (shard, message) = (tenure.shard.clone(), said(error));
        self.announcer.say(Event::FellBack { shard, reason, message });
        if reason == FallBack::Missing {
            let _ = self.missing.try_send(());
        }
    }

    fn fetched(&self, tenure: &Tenure, records: u32, bytes: u64, behind_ms: Option<u64>) {
        let shard = tenure.shard.clone();
        self.announcer.say(Event::Fetched { shard, records, bytes, behind_ms });
    }

    fn refused(&self, tenure: &Tenure, Refused { sequence, why, records }: Refused) {
        let shard = tenure.shard.clone();
        self.announcer.say(Event::Malformed { shard, sequence, why, records });
    }
}

fn said(error: Option<Error>) -> String {
    error.map(|error| error.report().to_string()).unwrap_or_default()
}
