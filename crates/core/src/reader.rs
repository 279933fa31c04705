//! The reader of one shard: which call comes next, and when.
//!
//! It is asked by the shell ([`Reader::next`]) and told the answers ([`Reader::iterator`],
//! [`Reader::fetched`]); there is one call under way at a time, and a call that was dropped
//! before its answer came is simply asked for again.

mod exchange;
mod pace;
mod subscriber;

use std::sync::Arc;

pub use exchange::{Action, ChildShard, Fault, Fetch, Fetched, Position, Problem};
pub use pace::Pace;
pub use subscriber::{FallBack, Listen, Loss, Pushed, Step, Subscriber};

use crate::backoff::{self, Backoff};
use crate::id::ShardId;
use crate::time::Now;
use pace::{PROBLEM, Sizes, THROTTLED, UNAVAILABLE};

/// How old an iterator may get, in milliseconds. Kinesis forgets it after 5 minutes.
const ITERATOR_MS: u64 = 270_000;

/// Reads one shard by polling GetRecords, each record once and in order, whatever fails between.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reader {
    pace: Pace,
    seed: u64,
    position: Position,
    iterator: Option<ShardIterator>,
    asked: Asked,
    /// The spacing of reads, and whatever the last answer asks for: both must be over.
    spacing: Wait,
    rest: Wait,
    /// Milliseconds between reads at the tip.
    tip_ms: u64,
    sizes: Sizes,
    behind_ms: Option<u64>,
    /// Failed calls since the last read that succeeded.
    faults: u32,
    /// What of them is still to be reported, and what was reported last.
    problem: Option<Problem>,
    reported: Option<Problem>,
    end: Option<Vec<ChildShard>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ShardIterator {
    token: Arc<str>,
    /// When it was asked for: Kinesis counts its age from some moment after that.
    asked: Now,
}

/// The call whose answer is awaited, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Nothing,
    Iterator(Now),
    Records { at: Now, limit: u32 },
}

/// Nothing happens until so many milliseconds after a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Wait {
    since: Now,
    ms: u64,
}

impl Wait {
    /// By the slower clock: a limit must hold by the clock of Kinesis too.
    fn left(&self, now: &Now) -> u64 {
        self.ms.saturating_sub(now.at_least_since(&self.since))
    }
}

impl Reader {
    /// A reader of this shard that begins at `position`.
    ///
    /// [`Position::Latest`] means the moment of the first iterator: from then on the reader
    /// stands at that time, since an iterator that expires before a record came would otherwise
    /// skip those written meanwhile. The time is this machine's; if its clock runs ahead, an
    /// iterator lost that early skips as much.
    pub fn new(shard: &ShardId, position: Position, pace: Pace) -> Self {
        Self {
            seed: backoff::seed(shard.as_str()),
            position,
            iterator: None,
            asked: Asked::Nothing,
            spacing: Wait::default(),
            rest: Wait::default(),
            tip_ms: pace.tip_min_ms,
            sizes: Sizes::new(),
            behind_ms: None,
            faults: 0,
            problem: None,
            reported: None,
            end: None,
            pace,
        }
    }

    /// What to do next. Asking again, or too early, is harmless.
    pub fn next(&mut self, now: &Now) -> Action {
        if let Some(children) = &self.end {
            return Action::End { children: children.clone() };
        }
        if let Some(problem) = self.problem.take() {
            return Action::Report(problem);
        }
        let ms = self.spacing.left(now).max(self.rest.left(now));
        if ms > 0 {
            return Action::Sleep { ms };
        }
        match self.fresh_iterator(now) {
            Some(iterator) => self.fetch(now, iterator),
            None => {
                self.iterator = None;
                self.asked = Asked::Iterator(*now);
                Action::GetIterator(self.position.clone())
            }
        }
    }

    /// The last [`Fetch`] goes out only now, because its bytes had to be waited for: reads are
    /// spaced by when they go out.
    pub fn sent(&mut self, now: &Now) {
        self.spacing.since = *now;
        if let Asked::Records { at, .. } = &mut self.asked {
            *at = *now;
        }
    }

    /// The answer to [`Action::GetIterator`].
    pub fn iterator(&mut self, now: &Now, answer: Result<Arc<str>, Fault>) {
        let Asked::Iterator(asked) = self.asked else { return };
        self.asked = Asked::Nothing;
        match answer {
            Ok(token) => {
                if self.position == Position::Latest {
                    self.position = Position::At(asked.wall);
                }
                self.iterator = Some(ShardIterator { token, asked });
            }
            Err(fault) => self.failed(now, fault),
        }
    }

    /// The answer to [`Action::Fetch`]. False if it came too late, after a
    /// [`rewind`](Self::rewind): its records must then be thrown away.
    #[must_use = "records of an answer that does not count must not be handed out"]
    pub fn fetched(&mut self, now: &Now, answer: Result<Fetched, Fault>) -> bool {
        let Asked::Records { at, limit } = self.asked else { return false };
        self.asked = Asked::Nothing;
        match answer {
            Ok(fetched) => self.read(at, limit, fetched),
            Err(fault) => self.failed(now, fault),
        }
        true
    }

    /// Reads on from here, because records must be fetched again; also after the end. The answer
    /// to a call under way no longer counts.
    pub fn rewind(&mut self, to: Position) {
        self.position = to;
        self.iterator = None;
        self.asked = Asked::Nothing;
        self.end = None;
    }

    /// Keeps further answers to about so many bytes, by asking for fewer records, since the
    /// worker's budget is small; `u64::MAX` lifts it. At least one record is asked for, however
    /// large.
    pub fn shrink(&mut self, max_bytes: u64) {
        self.sizes.shrink(max_bytes);
    }

    /// Where a successor would begin, to fetch what this reader has not.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// How far the last answer was behind the newest record, in milliseconds, if it said.
    pub fn behind_ms(&self) -> Option<u64> {
        self.behind_ms
    }

    fn fresh_iterator(&self, now: &Now) -> Option<Arc<str>> {
        let iterator = self.iterator.as_ref()?;
        (now.at_most_since(&iterator.asked) <= ITERATOR_MS).then(|| iterator.token.clone())
    }

    fn fetch(&mut self, now: &Now, iterator: Arc<str>) -> Action {
        let limit = self.sizes.limit(self.pace.limit);
        self.asked = Asked::Records { at: *now, limit };
        self.spacing = Wait { since: *now, ms: self.pace.spacing_ms() };
        Action::Fetch(Fetch { iterator, limit, reserve: self.sizes.reserve() })
    }

    /// Goes on behind the records of an answer to the read of `at`.
    fn read(&mut self, at: Now, limit: u32, fetched: Fetched) {
        (self.faults, self.problem, self.reported) = (0, None, None);
        self.sizes.learn(&fetched);
        self.behind_ms = fetched.behind_ms;
        let ms = self.tip_wait(&fetched, limit).max(self.pace.paid_after_ms(fetched.bytes));
        // Counted from the read itself, as Kinesis does: a slow answer is time that has passed.
        self.rest = Wait { since: at, ms };
        if let Some(last) = fetched.last {
            self.position = Position::After(last);
        }
        // An absent iterator arrives as an empty string from some clients.
        match fetched.next.filter(|token| !token.is_empty()) {
            Some(token) => self.iterator = Some(ShardIterator { token, asked: at }),
            None => {
                self.iterator = None;
                self.end = Some(fetched.children);
            }
        }
    }

    /// Milliseconds to leave to the other groups after a read; none while there is more to come.
    ///
    /// An empty answer that is behind the tip is not idleness: Kinesis crosses a gap in steps.
    fn tip_wait(&mut self, fetched: &Fetched, limit: u32) -> u64 {
        let more = fetched.behind_ms.is_some_and(|ms| ms > 0) || fetched.records >= limit;
        self.tip_ms = if more || fetched.records > 0 {
            self.pace.tip_min_ms
        } else {
            self.pace.longer_ms(self.tip_ms)
        };
        if more { 0 } else { self.tip_ms }
    }

    /// Backs off as the fault asks for, and drops the iterator where it may be to blame.
    fn failed(&mut self, now: &Now, fault: Fault) {
        match fault {
            Fault::Expired if self.iterator.take().is_some() => {}
            Fault::Throttled => self.back_off(now, &THROTTLED),
            // Nothing expires while asking for an iterator: do not spin if somebody says so.
            Fault::InUse | Fault::Expired | Fault::Unavailable => self.back_off(now, &UNAVAILABLE),
            Fault::Missing => self.trouble(now, Problem::Missing),
            Fault::Denied => self.trouble(now, Problem::Denied),
            Fault::Invalid => self.trouble(now, Problem::Invalid),
        }
    }

    fn trouble(&mut self, now: &Now, problem: Problem) {
        self.iterator = None;
        if self.reported != Some(problem) {
            (self.problem, self.reported) = (Some(problem), Some(problem));
        }
        self.back_off(now, &PROBLEM);
    }

    fn back_off(&mut self, now: &Now, backoff: &Backoff) {
        self.rest = Wait { since: *now, ms: backoff.delay(self.faults, self.seed) };
        self.faults = self.faults.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
