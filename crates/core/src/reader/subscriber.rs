//! The reader of one shard by enhanced fan-out: when to subscribe, and what to make of what comes.
//!
//! It is asked by the shell ([`Subscriber::next`]) and told what happened. There is one subscription
//! at a time; one that was dropped is simply asked for again.
//!
//! What fan-out cannot do is left to polling ([`Step::FallBack`]), which needs no consumer: it goes
//! on from the same place, and says in its own words what is wrong where it fails as well.

mod exchange;

pub use exchange::{FallBack, Listen, Loss, Pushed, Step};

use super::exchange::{ChildShard, Fault, Position};
use super::pace::{PROBLEM, Sizes, THROTTLED, UNAVAILABLE};
use super::{Fetched, Wait};
use crate::backoff::{self, Backoff};
use crate::id::ShardId;
use crate::sequence::SequenceNumber;
use crate::time::Now;

/// Milliseconds from one subscription to the next. Kinesis refuses another one of the same consumer
/// and shard within 5 seconds of one that it accepted, by its own clock.
const SPACING_MS: u64 = 5_250;
/// For how many milliseconds nothing may come. An event comes each 5 seconds at least, empty where
/// there is nothing to say; without one the connection is dead, however open it looks.
const SILENCE_MS: u64 = 15_000;
/// So many failures in a row, and the shard is polled.
const FAILURES: u32 = 5;
/// For how many milliseconds it is polled before fan-out is tried again.
const REST_MS: u64 = 300_000;
/// After [`Fault::InUse`]: the other subscription is at most 5 seconds old, or ends as this one
/// begins.
const IN_USE: Backoff = Backoff { base_ms: 1_000, max_ms: 5_000, factor: 2 };

/// Reads one shard by SubscribeToShard, each record once and in order, whatever fails between.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber {
    seed: u64,
    position: Position,
    stage: Stage,
    /// Between subscriptions, and whatever the last failure asks for: both must be over.
    spacing: Wait,
    rest: Wait,
    /// How many subscriptions were accepted.
    subscriptions: u32,
    /// Failures in a row.
    failures: u32,
    sizes: Sizes,
    end: Option<Vec<ChildShard>>,
    falls: Option<FallBack>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// No subscription.
    Apart,
    /// One was asked for then.
    Asked(Now),
    /// There is one, asked for then; whether any event has come.
    Open { since: Now, heard: bool },
}

impl Subscriber {
    /// A reader of this shard that begins at `position`.
    ///
    /// [`Position::Latest`] means the moment of the first subscription, as this machine's clock has
    /// it: see [`Reader::new`](super::Reader::new).
    pub fn new(shard: &ShardId, position: Position) -> Self {
        Self {
            seed: backoff::seed(shard.as_str()),
            position,
            stage: Stage::Apart,
            spacing: Wait::default(),
            rest: Wait::default(),
            subscriptions: 0,
            failures: 0,
            sizes: Sizes::of_events(),
            end: None,
            falls: None,
        }
    }

    /// What to do next. Asking again, or too early, is harmless.
    pub fn next(&mut self, now: &Now) -> Step {
        if let Some(children) = &self.end {
            return Step::End { children: children.clone() };
        }
        if let Some(reason) = self.falls.take() {
            self.failures = 0;
            return Step::FallBack { reason, ms: REST_MS };
        }
        if let Stage::Open { .. } = self.stage {
            return Step::Listen(Listen { silence_ms: SILENCE_MS, reserve: self.sizes.reserve() });
        }
        match self.spacing.left(now).max(self.rest.left(now)) {
            0 => {
                self.stage = Stage::Asked(*now);
                Step::Subscribe(self.position.clone())
            }
            ms => Step::Sleep { ms },
        }
    }

    /// The answer to [`Step::Subscribe`].
    pub fn subscribed(&mut self, now: &Now, answer: Result<(), Fault>) {
        let Stage::Asked(since) = self.stage else { return };
        match answer {
            Ok(()) => {
                if self.position == Position::Latest {
                    self.position = Position::At(since.wall);
                }
                self.subscriptions = self.subscriptions.saturating_add(1);
                // Kinesis counts from some moment before its answer came.
                self.spacing = Wait { since: *now, ms: SPACING_MS };
                self.stage = Stage::Open { since, heard: false };
            }
            Err(fault) => self.failed(now, fault),
        }
    }

    /// An event came. False if there is no subscription that it could belong to: its records must
    /// then be thrown away.
    #[must_use = "records of an event that does not count must not be handed out"]
    pub fn pushed(&mut self, now: &Now, event: Pushed) -> bool {
        let Stage::Open { since, heard } = &mut self.stage else { return false };
        *heard = true;
        // An event that comes at once and brings nothing shows only that the call was accepted.
        if event.records > 0 || now.at_least_since(since) >= SPACING_MS {
            self.failures = 0;
        }
        self.sizes.learn(&Fetched {
            records: event.records,
            bytes: event.bytes,
            ..Fetched::default()
        });
        // An absent one arrives as an empty string from some clients.
        let continuation = event.continuation.filter(|number| !number.as_str().is_empty());
        match continuation {
            Some(_) => {}
            None => {
                self.end = Some(event.children);
                self.stage = Stage::Apart;
            }
        }
        if let Some(place) = event.last.max(continuation) {
            self.moved(place);
        }
        true
    }

    /// The subscription is over, or nothing came for as long as a [`Listen`] says: it is to be
    /// dropped.
    pub fn lost(&mut self, now: &Now, loss: Loss) {
        let Stage::Open { heard, .. } = self.stage else { return };
        match loss {
            // Five minutes are over, or somebody restarts a server.
            Loss::Ended if heard => {
                self.failures = 0;
                self.stage = Stage::Apart;
            }
            Loss::Ended | Loss::Silent => self.failed(now, Fault::Unavailable),
            Loss::Failed(fault) => self.failed(now, fault),
        }
    }

    /// Reads on from here, after somebody else read the shard meanwhile. There is no subscription
    /// then.
    pub fn resume(&mut self, at: Position) {
        self.position = at;
        self.stage = Stage::Apart;
    }

    /// Another consumer reads from here on: the limits of the last one do not hold for it.
    pub fn switch(&mut self) {
        self.stage = Stage::Apart;
        (self.spacing, self.rest) = (Wait::default(), Wait::default());
        (self.failures, self.falls) = (0, None);
    }

    /// Where a successor would begin, to read what this reader has not.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// How many subscriptions were accepted so far: all but the first are resubscriptions.
    pub fn subscriptions(&self) -> u32 {
        self.subscriptions
    }

    /// Never back: what was delivered is not asked for again.
    fn moved(&mut self, place: SequenceNumber) {
        if !matches!(&self.position, Position::After(here) if *here >= place) {
            self.position = Position::After(place);
        }
    }

    fn failed(&mut self, now: &Now, fault: Fault) {
        self.stage = Stage::Apart;
        self.failures = self.failures.saturating_add(1);
        let backoff = match fault {
            Fault::InUse => &IN_USE,
            Fault::Throttled => &THROTTLED,
            Fault::Expired | Fault::Unavailable => &UNAVAILABLE,
            Fault::Missing | Fault::Denied | Fault::Invalid => &PROBLEM,
        };
        let ms = backoff.delay(self.failures - 1, self.seed);
        self.rest = Wait { since: *now, ms };
        self.falls = match fault {
            Fault::Missing => Some(FallBack::Missing),
            Fault::Denied | Fault::Invalid => Some(FallBack::Refused),
            _ => (self.failures >= FAILURES).then_some(FallBack::Failing),
        };
    }
}

#[cfg(test)]
mod tests;
