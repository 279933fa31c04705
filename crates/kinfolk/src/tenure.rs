//! One tenure of a shard in this process: what was fetched, what is in hands, what is done.
//!
//! The reader task puts pages in at one end; handlers take records out at the other and
//! acknowledge them; the driver asks how far it is, drains it and closes it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinfolk_core::ack::Watermark;
use kinfolk_core::backoff::{self, Backoff};
use kinfolk_core::change::Progress;
use kinfolk_core::id::{ShardId, WorkerId};
use kinfolk_core::time::Now;
use tokio::sync::{Notify, watch};

use crate::fence::Fence;
use crate::record::{Opener, Page, Refused};

/// How long a shard rests before records that were not acknowledged come out again.
const REDELIVERY: Backoff = Backoff { base_ms: 100, max_ms: 30_000, factor: 2 };
/// How many pages may wait for the handler. Two let a read overlap the handling of the page
/// before; more only hold memory that other shards could use.
const PAGES_AHEAD: usize = 2;

/// Shared by the reader task, the deliveries and the driver.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(crate) shard: ShardId,
    pub(crate) epoch: u64,
    pub(crate) worker: WorkerId,
    fence: Arc<Fence>,
    /// The reader task's alone; it works without the lock of `state`.
    opener: Mutex<Opener>,
    state: Mutex<State>,
    /// There may be room for another page, or the gate moved: for the reader task.
    pub(crate) room: Notify,
    /// Records can be taken, or the fence moved: for whoever hands out. One for the worker.
    ready: Arc<Notify>,
    /// Something that the driver waits for may have happened: a drain, an end. One for the worker.
    stirred: Arc<Notify>,
    closed: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    watermark: Watermark,
    /// Pages with a record that is not done, each with the index of its first record.
    pages: VecDeque<(u64, Page)>,
    /// The next record to hand out.
    cursor: u64,
    /// Records in hands. Those of an earlier generation count, too: they are being handled.
    out: u64,
    /// The last record that is done, until the driver was told: a page that is kept holds memory
    /// of the budget.
    done: Option<(Page, usize)>,
    /// Nacks in a row, and when the records come out again.
    nacks: u32,
    rests_until: Option<Now>,
    /// The shard's children, once it was read to its end.
    end: Option<Vec<ShardId>>,
    /// When something was last acknowledged, or first handed out.
    moved_at: Option<Now>,
    warned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// The write that takes the shard is under way: pages may come in, nothing goes out.
    Prepared,
    Open,
    Draining,
    Closed,
}

/// Records that were handed out.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) page: Page,
    /// Their place in the page.
    pub(crate) range: Range<usize>,
    /// The index of the first of them in the tenure.
    pub(crate) first: u64,
    pub(crate) generation: u32,
}

/// What a tenure needs of its worker.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    pub(crate) fence: Arc<Fence>,
    pub(crate) ready: Arc<Notify>,
    pub(crate) stirred: Arc<Notify>,
}

impl Tenure {
    pub(crate) fn new(
        shard: ShardId,
        epoch: u64,
        worker: WorkerId,
        signals: Signals,
        opener: Opener,
    ) -> Self {
        Self {
            shard,
            epoch,
            worker,
            fence: signals.fence,
            opener: Mutex::new(opener),
            state: Mutex::new(State {
                gate: Gate::Prepared,
                watermark: Watermark::new(),
                pages: VecDeque::new(),
                cursor: 0,
                out: 0,
                done: None,
                nacks: 0,
                rests_until: None,
                end: None,
                moved_at: None,
                warned: false,
            }),
            room: Notify::new(),
            ready: signals.ready,
            stirred: signals.stirred,
            closed: watch::Sender::new(false),
        }
    }

    // The reader's end.

    /// Whether the reader may fetch another page.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state();
        let ahead =
            state.pages.iter().filter(|(first, page)| first + page.len() as u64 > state.cursor);
        matches!(state.gate, Gate::Prepared | Gate::Open) && ahead.count() < PAGES_AHEAD
    }

    /// Whether it is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().gate == Gate::Closed
    }

    /// Puts in what was fetched, its aggregates opened, and says which could not be.
    pub(crate) fn push(&self, page: Page) -> Option<Refused> {
        let mut opener = self.opener.lock().unwrap_or_else(PoisonError::into_inner);
        let (page, refused) = opener.open(page);
        {
            let mut state = self.state();
            if page.is_empty() || state.gate == Gate::Closed {
                return refused;
            }
            let count = u32::try_from(page.len()).unwrap_or(u32::MAX);
            let indices = state.watermark.deliver(count);
            state.pages.push_back((indices.start, page));
        }
        self.ready.notify_waiters();
        refused
    }

    /// The shard was read to its end.
    pub(crate) fn end(&self, children: Vec<ShardId>) {
        self.state().end = Some(children);
        self.stirred.notify_one();
    }

    // The handlers' end.

    /// Takes at most `most` records, all of one page, if any may be handed out now; otherwise
    /// how many milliseconds to wait at least, where that is known.
    pub(crate) fn take(&self, most: usize) -> Result<Handed, Option<u64>> {
        let mut state = self.state();
        let state = &mut *state;
        if state.gate != Gate::Open || state.cursor >= state.watermark.delivered() {
            return Err(None);
        }
        let now = self.fence.open().ok_or(None)?;
        if let Some(until) = state.rests_until.filter(|until| now.mono < until.mono) {
            return Err(Some(until.mono - now.mono));
        }
        let cursor = state.cursor;
        let found = state.pages.iter().find(|(first, page)| cursor < first + page.len() as u64);
        let (first, page) = found.ok_or(None)?;
        // The page holds the cursor, so that this is an index into it.
        let start = usize::try_from(cursor.saturating_sub(*first)).unwrap_or(usize::MAX);
        let range = start..page.len().min(start.saturating_add(most));
        let handed = Handed {
            page: page.clone(),
            first: cursor,
            generation: state.watermark.generation(),
            range,
        };
        if state.out == 0 {
            state.moved_at = Some(now);
        }
        state.cursor += handed.range.len() as u64;
        state.out += handed.range.len() as u64;
        self.room.notify_one();
        Ok(handed)
    }

    /// Acknowledges records. False if that does not count any more: the lease is lost, or they
    /// come out again.
    pub(crate) fn ack(&self, generation: u32, indices: Range<u64>) -> bool {
        let counts = {
            let mut state = self.state();
            if state.gate == Gate::Closed {
                return false;
            }
            let acked = state.watermark.ack_range(generation, indices) > 0;
            if acked {
                state.nacks = 0;
                state.advance();
                state.moved_at = self.fence.open();
                state.warned = false;
            }
            acked
        };
        if counts {
            self.room.notify_one();
            if self.is_read_to_the_end() {
                self.stirred.notify_one();
            }
        }
        counts
    }

    /// Records that were handed out left the handler's hands. Those that were not acknowledged
    /// come out again, in order, with everything after them, after a backoff.
    pub(crate) fn put_down(&self, count: u64, nack: Option<u32>) {
        let wake = {
            let mut state = self.state();
            state.out = state.out.saturating_sub(count);
            let current = nack == Some(state.watermark.generation());
            if current && state.gate != Gate::Closed {
                state.rewind();
                let seed = backoff::seed(self.shard.as_str());
                let delay = REDELIVERY.delay(state.nacks, seed);
                state.nacks = state.nacks.saturating_add(1);
                state.rests_until = self.fence.open().map(|now| now.plus(delay));
            }
            state.gate == Gate::Draining && state.out == 0
        };
        if wake {
            self.stirred.notify_one();
        }
        self.ready.notify_waiters();
    }

    /// Resolves when the tenure is over.
    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as `self`: this cannot fail.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    // The driver's end.

    /// How far it is, if that changed since the last time.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let (page, index) = self.state().done.take()?;
        let record = page.get(index)?;
        Some(Progress { checkpoint: record.checkpoint(), arrival: record.arrival() })
    }

    /// Hands out no more.
    pub(crate) fn drain(&self) {
        self.set(Gate::Draining);
        self.stirred.notify_one();
    }

    /// Hands out, for the first time or again.
    pub(crate) fn resume(&self) {
        self.set(Gate::Open);
        // It may have been read to its end already.
        self.stirred.notify_one();
        self.room.notify_one();
        self.ready.notify_waiters();
    }

    /// It is over.
    pub(crate) fn close(&self) {
        {
            let mut state = self.state();
            state.gate = Gate::Closed;
            state.pages.clear();
        }
        self.closed.send_replace(true);
        self.room.notify_one();
        self.ready.notify_waiters();
    }

    /// Whether nothing of it is in hands and no more comes out.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.state();
        state.gate == Gate::Draining && state.out == 0
    }

    /// The children, once everything is read, and everything is done.
    pub(crate) fn ended(&self) -> Option<Vec<ShardId>> {
        self.is_read_to_the_end().then(|| self.state().end.clone()).flatten()
    }

    fn is_read_to_the_end(&self) -> bool {
        let state = self.state();
        // Before the lease is there nobody can end the shard.
        state.gate != Gate::Prepared
            && state.end.is_some()
            && state.watermark.done() == state.watermark.delivered()
    }

    /// For how many milliseconds nothing was acknowledged while records are in hands.
    pub(crate) fn stalled_for(&self, now: &Now) -> u64 {
        let state = self.state();
        state.moved_at.filter(|_| state.out > 0).map_or(0, |since| now.at_least_since(&since))
    }

    /// Whether nobody was told yet that nothing moves.
    pub(crate) fn first_warning(&self) -> bool {
        !std::mem::replace(&mut self.state().warned, true)
    }

    fn set(&self, gate: Gate) {
        let mut state = self.state();
        if state.gate != Gate::Closed {
            state.gate = gate;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The watermark moved: pages that are done go, and the last record that is done is noted.
    fn advance(&mut self) {
        let done = self.watermark.done();
        while let Some((first, page)) = self.pages.front() {
            let end = first + page.len() as u64;
            let inside = done.min(end).saturating_sub(*first);
            if let Some(last) = inside.checked_sub(1) {
                let index = usize::try_from(last).unwrap_or(usize::MAX);
                self.done = Some((page.clone(), index));
            }
            if done < end {
                return;
            }
            self.pages.pop_front();
        }
    }

    /// Everything that is not done comes out again.
    fn rewind(&mut self) {
        let delivered = self.watermark.delivered();
        let done = self.watermark.rewind();
        let mut left = delivered.saturating_sub(done);
        while left > 0 {
            let count = u32::try_from(left).unwrap_or(u32::MAX);
            self.watermark.deliver(count);
            left -= u64::from(count);
        }
        self.cursor = done;
    }
}

#[cfg(test)]
mod tests;
