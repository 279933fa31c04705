//! The coordinator: what one worker decides, as a pure function of what it was told.
//!
//! [`Coordinator::step`] takes an input (time passed, a look came back, a write was refused, …)
//! and answers with effects for the shell to carry out. Losing a race is an ordinary input. The
//! rules P1 to P10 that the comments name are those of `docs/protocol.md`.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `exchange` | what it is told, and what it answers |
//! | `membership` | in which home it is, with whom, and whether it takes part |
//! | `enter` | the write that creates the group's state, or joins it |
//! | `adopt` | what a state says about this worker's own leases |
//! | `watch` | who is silent, and since when |
//! | `share` | which shards should be whose, and which of ours to drain |
//! | `due` | what is due when: a wake-up, a look, a listing |
//! | `draft` | the next write of a member |
//! | `leave` | the write with which it leaves |
//! | `end` | the write that ends a shard and makes its children readable |
//! | `room` | what a full state still takes |
//! | `slots` | what happens to fan-out slots, and which one is this worker's |
//! | `tempo` | how often it beats and looks |

use std::collections::{BTreeMap, BTreeSet};

use crate::backoff::Backoff;
use crate::balance::Plan;
use crate::change::{Chain, Change, Progress};
use crate::id::{IdSource, ShardId, WorkerId};
use crate::limits::Limits;
use crate::snapshot::{About, Shards, Snapshot};
use crate::time::{Now, WallTime};
use crate::topology::{Initial, Listing};

mod adopt;
mod draft;
mod due;
mod end;
mod enter;
mod exchange;
mod leave;
mod membership;
mod room;
mod settings;
mod share;
mod slots;
mod tempo;
mod watch;

pub use enter::{is_of, replaceable};
pub use exchange::{Effect, Failure, Input, Registered, Start};
pub use settings::{Mode, Settings, Timing};

/// How repeated attempts of one write are spaced. The first comes soon: three must fit before
/// the worker's own fence.
const RETRY: Backoff = Backoff { base_ms: 100, max_ms: 1_000, factor: 2 };

/// Decides for one worker of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinator {
    settings: Settings,
    ids: IdSource,
    me: WorkerId,
    phase: Phase,
    created_on: WallTime,
    /// How far this machine's clock is ahead of Kinesis'.
    ahead_ms: i64,
    listing: Listing,
    listed_at: Now,
    listing_now: bool,
    /// When the last listing failed: the next one waits a little.
    listing_failed: Option<Now>,
    /// The latest state that may be believed (P4).
    view: Option<Snapshot>,
    viewed_at: Now,
    looking: Option<u64>,
    /// My latest acknowledged beat, and when it was acknowledged.
    beat: WallTime,
    acked_at: Now,
    /// How many writes were acknowledged: a look that began before the last one is stale.
    acks: u64,
    sent_at: Now,
    write: Option<Write>,
    /// A write was refused: the next one is due at once.
    again: bool,
    /// Refusals in a row of writes that held more than a beat.
    refusals: u32,
    /// How often an entry made a write fail that was otherwise good.
    contested: BTreeMap<ShardId, u32>,
    held: BTreeMap<ShardId, Held>,
    /// The last shard whose place was written, while others wait for the next write.
    stored_up_to: Option<ShardId>,
    /// What the write that is to make this worker a member takes, with the epoch of each.
    prepared: BTreeMap<ShardId, u64>,
    /// The highest epoch of each shard that was let go of (P4).
    floor: BTreeMap<ShardId, u64>,
    /// How far shards were done that this worker held once, and the entries of its home as it
    /// last saw them: for a home that is gone.
    remembered: BTreeMap<ShardId, Progress>,
    known: Shards,
    /// How the shards begin of a home that was empty, until all of them are tracked.
    beginning: Shards,
    /// The state was deleted; `view` is what it was.
    missing: bool,
    watch: watch::Watch,
    tempo: tempo::Tempo,
    /// From when on the worker believes in its leases.
    believed_since: Option<Now>,
    /// When the state last had no room for a write.
    full_at: Option<Now>,
    /// How many places that take room the write may hold with which the worker leaves; `None`
    /// once even one without any did not fit.
    last_places: Option<usize>,
    pool: slots::Pool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Nothing is known yet.
    Opening,
    /// Known, but not a member: before joining, or after an eviction.
    Outside,
    Member,
    /// `comes_back`: under another id, because the wall clock was set back.
    Leaving {
        since: Now,
        limit_ms: u64,
        comes_back: bool,
    },
    Over,
}

/// The one write in flight. It is repeated as it stands until its fate is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Write {
    change: Change,
    /// When it was *first* sent: the belief that it earns counts from here (P3), since from
    /// here on others may have seen its beat.
    first_sent: Now,
    last_sent: Now,
    attempts: u32,
    /// When to send it again; `None` while an answer is awaited.
    again_at: Option<Now>,
}

/// A shard that this worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Held {
    epoch: u64,
    stage: Stage,
    progress: Option<Progress>,
    /// A drain was called off a moment ago: no other before this.
    rest_until: Option<Now>,
    warned_ahead: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Reading,
    Draining { since: Now },
    Drained,
    Ended { since: Now, children: BTreeSet<ShardId> },
}

impl Coordinator {
    /// A coordinator for a worker that is about to start. Seed `ids` with randomness.
    pub fn new(settings: Settings, mut ids: IdSource, now: Now) -> Self {
        Self {
            tempo: tempo::Tempo::new(&settings.timing),
            settings,
            me: ids.worker(),
            ids,
            phase: Phase::Opening,
            created_on: WallTime::default(),
            ahead_ms: 0,
            listing: Listing::default(),
            listed_at: now,
            listing_now: false,
            listing_failed: None,
            view: None,
            viewed_at: now,
            looking: None,
            beat: WallTime::default(),
            acked_at: now,
            acks: 0,
            sent_at: now,
            write: None,
            again: false,
            refusals: 0,
            contested: BTreeMap::new(),
            held: BTreeMap::new(),
            stored_up_to: None,
            prepared: BTreeMap::new(),
            floor: BTreeMap::new(),
            remembered: BTreeMap::new(),
            known: Shards::new(),
            beginning: Shards::new(),
            missing: false,
            watch: watch::Watch::default(),
            believed_since: None,
            full_at: None,
            last_places: Some(usize::MAX),
            pool: slots::Pool::default(),
        }
    }

    /// The worker's id. It changes when the worker was evicted (P9).
    pub fn me(&self) -> &WorkerId {
        &self.me
    }

    /// Notes how far a shard is done; it is stored with the next beat. Moves only forward.
    pub fn progress(&mut self, shard: &ShardId, epoch: u64, progress: Progress) {
        if let Some(held) = self.held.get_mut(shard).filter(|held| held.epoch == epoch) {
            held.advance(Some(progress));
        }
    }

    /// Takes an input and says what to do.
    pub fn step(&mut self, now: &Now, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.phase == Phase::Over {
            // A look that was under way shows a worker that has left: that is no eviction.
            return out;
        }
        match input {
            Input::Tick => {}
            Input::Opened { created_on, server_time, listing, state } => {
                self.opened(now, created_on, server_time, listing);
                self.view = state;
            }
            Input::Looked(state) => self.looked(now, state, &mut out),
            Input::LookFailed => {
                self.looking = None;
                self.viewed_at = *now; // the next look is due in the usual time
            }
            Input::Committed(committed) => self.committed(now, committed, &mut out),
            Input::CommitFailed => self.commit_failed(now),
            Input::Listed(listing) => self.listed(now, listing),
            Input::ListFailed => {
                self.listing_now = false;
                self.listing_failed = Some(*now);
            }
            Input::Drained { shard, epoch, progress } => self.drained(&shard, epoch, progress),
            Input::Ended { shard, epoch, progress, children } => {
                self.ended(now, &shard, epoch, progress, children);
            }
            Input::Missing => {
                self.pool.doubted(now);
                self.ask_for_listing(&mut out);
            }
            Input::Registered(consumers) => self.pool.registered(now, consumers),
            Input::RegisterFailed => self.pool.register_failed(now),
            Input::Shutdown { limit_ms } => self.shutdown(now, limit_ms, &mut out),
        }
        self.decide(now, &mut out);
        out
    }

    fn decide(&mut self, now: &Now, out: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Opening | Phase::Over) {
            return;
        }
        if self.gave_up_leaving(now) {
            return self.finish(out);
        }
        self.notice_clock_set_back(now);
        let plan = match self.phase {
            Phase::Member => self.plan(now),
            _ => Plan::default(),
        };
        self.notice_slot(out);
        self.warn_of_size(out);
        self.move_drains(now, &plan, out);
        self.drain_everything(now, out);
        match &mut self.write {
            Some(write) => {
                if write.again_at.is_some_and(|at| now.mono >= at.mono) {
                    write.again_at = None;
                    write.last_sent = *now;
                    write.attempts += 1;
                    out.push(Effect::Commit(Box::new(write.change.clone())));
                }
            }
            None => self.write_next(now, &plan, out),
        }
        self.ask_what_is_due(now, out);
    }

    fn write_next(&mut self, now: &Now, plan: &Plan, out: &mut Vec<Effect>) {
        self.begin_home(now);
        let rest = self.stored_up_to.is_some();
        let due = now.at_most_since(&self.sent_at) >= u64::from(self.tempo.beat_ms);
        let change = match self.phase {
            Phase::Outside => {
                let change = self.enter(now, out);
                self.prepare(change.as_ref(), out);
                change
            }
            Phase::Member | Phase::Leaving { .. } => self.draft(now, plan),
            Phase::Opening | Phase::Over => None,
        };
        if let Some(change) = change {
            self.sent_at = *now;
            self.again = false;
            self.tempo.writes(due, rest);
            self.shorten_belief(announced(&change), out);
            out.push(Effect::Commit(Box::new(change.clone())));
            let (first_sent, last_sent) = (*now, *now);
            let write = Write { change, first_sent, last_sent, attempts: 1, again_at: None };
            self.write = Some(write);
        }
    }

    fn commit_failed(&mut self, now: &Now) {
        if let Some(write) = &mut self.write {
            // An attempt that used up its limit has waited long enough already.
            let waited = now.at_most_since(&write.last_sent);
            let delay = match waited >= u64::from(self.settings.timing.attempt_ms) {
                true => 1,
                false => RETRY.delay(write.attempts - 1, write.first_sent.mono),
            };
            write.again_at = Some(now.plus(delay));
        }
    }

    fn drained(&mut self, shard: &ShardId, epoch: u64, progress: Option<Progress>) {
        if let Some(held) = self.held.get_mut(shard).filter(|held| held.epoch == epoch) {
            held.advance(progress);
            if matches!(held.stage, Stage::Draining { .. }) {
                held.stage = Stage::Drained;
            }
        }
    }

    fn ended(
        &mut self,
        now: &Now,
        shard: &ShardId,
        epoch: u64,
        progress: Option<Progress>,
        children: Vec<ShardId>,
    ) {
        if let Some(held) = self.held.get_mut(shard).filter(|held| held.epoch == epoch) {
            held.advance(progress);
            held.stage = Stage::Ended { since: *now, children: children.into_iter().collect() };
        }
    }

    fn shutdown(&mut self, now: &Now, limit_ms: u64, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Opening => self.finish(out),
            Phase::Outside if self.write.is_none() => self.finish(out),
            // A join that is in flight may be applied: it is waited for, and left again.
            Phase::Outside | Phase::Member | Phase::Leaving { comes_back: true, .. } => {
                self.phase = Phase::Leaving { since: *now, limit_ms, comes_back: false };
            }
            Phase::Leaving { .. } | Phase::Over => {}
        }
    }

    /// The state cannot be reached: what is stored stays, and the leases run out by silence.
    fn gave_up_leaving(&self, now: &Now) -> bool {
        let spare = 3 * u64::from(self.settings.timing.attempt_ms);
        matches!(self.phase, Phase::Leaving { since, limit_ms, comes_back: false }
            if now.at_most_since(&since) >= limit_ms.saturating_add(spare))
    }

    fn finish(&mut self, out: &mut Vec<Effect>) {
        self.drop_unstarted(out);
        let held = std::mem::take(&mut self.held);
        out.extend(held.into_iter().map(|(shard, held)| Effect::Stop { shard, epoch: held.epoch }));
        self.phase = Phase::Over;
        self.write = None;
        out.push(Effect::Finished);
    }
}

impl Held {
    fn advance(&mut self, progress: Option<Progress>) {
        let known = self.progress.as_ref().map(|p| &p.checkpoint);
        if progress.as_ref().map(|p| &p.checkpoint) > known {
            self.progress = progress;
        }
    }
}

/// The period that a write announces to the others.
fn announced(change: &Change) -> Option<u32> {
    match &change.chain {
        Chain::Beat { says, .. } => says.period_ms,
        Chain::Create { entry, .. } | Chain::Reset { entry, .. } | Chain::Join { entry, .. } => {
            entry.period_ms
        }
        Chain::Leave { .. } => None,
    }
}

#[cfg(test)]
mod tests;
