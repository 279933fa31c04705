//! The operations of the Node library's state store, by their names.
//!
//! Each builds the change that a worker of ours makes for the same purpose, under the conditions of
//! `docs/protocol.md`, section 2.3, in the paths of the mode. `docs/state-table.md` has a row for
//! each.

mod consumers;
mod shards;
mod slots;

use std::sync::Arc;

use kinfolk_core::change::{Chain, Change, Committed, Says};
use kinfolk_core::coordinate::{self, Failure, Mode, Timing};
use kinfolk_core::id::{IdSource, WorkerId};
use kinfolk_core::snapshot::{About, Home, Snapshot, Worker};
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::Initial;
use tokio::sync::Mutex;

use super::LifionStore;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::store::StateStore;

/// One worker's hand on the state, operation by operation.
///
/// For tools, tests and peers that need single steps. A [`Consumer`](crate::Consumer) makes the
/// same changes by itself, many of them in one write.
#[derive(Debug)]
pub struct Operations {
    store: LifionStore,
    worker: WorkerId,
    mode: Mode,
    fan_out: bool,
    initial: Initial,
    about: About,
    clock: Arc<dyn Clock>,
    chain: Mutex<ChainState>,
}

/// What the next write of the worker is conditional on.
#[derive(Debug)]
struct ChainState {
    ids: IdSource,
    /// The last beat that was acknowledged; `None` before the worker is in the group.
    beat: Option<WallTime>,
    /// The beat of a write whose fate is not known.
    doubt: Option<WallTime>,
}

impl ChainState {
    /// A write whose answer was lost was applied if a state shows its beat.
    fn learn(&mut self, me: Option<&Worker>) {
        if me.is_some_and(|me| Some(me.beat) == self.doubt) {
            self.beat = self.doubt;
        }
    }
}

impl Operations {
    /// The operations of a worker with an id of its own, in this mode. `seed` is 128 random bits.
    pub fn new(store: LifionStore, mode: Mode, fan_out: bool, seed: u128) -> Self {
        let mut ids = IdSource::new(seed);
        Self {
            store,
            worker: ids.worker(),
            mode,
            fan_out,
            initial: Initial::default(),
            about: About::default(),
            clock: Arc::new(SystemClock),
            chain: Mutex::new(ChainState { ids, beat: None, doubt: None }),
        }
    }

    /// Where shards begin that are the first of their home; at the tip by default.
    #[must_use]
    pub fn initial(self, initial: Initial) -> Self {
        Self { initial, ..self }
    }

    /// What the worker says about itself; nothing by default.
    #[must_use]
    pub fn about(self, about: About) -> Self {
        Self { about, ..self }
    }

    /// Another clock; for tests.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The worker's id.
    pub fn worker(&self) -> &WorkerId {
        &self.worker
    }

    /// `start`: makes sure that there is a state of the stream that was created then, with this
    /// worker in it. The table is made by
    /// [`TableSettings::ensure`](crate::store::dynamo::table::TableSettings::ensure) and tagged by
    /// `ensure_tags`. The state of an older stream is replaced, on condition that it still is that.
    ///
    /// # Errors
    /// `Config`: the state is of a younger stream, or of an older one whose workers were alive
    /// within the last minute.
    pub async fn start(&self, created_on: WallTime) -> Result<()> {
        let state = self.store.look().await?;
        let (entry, started_at) = (self.entry(), self.clock.now().wall);
        let chain = match &state {
            None => Chain::Create { created_on, started_at, entry },
            Some(state) if coordinate::is_of(state, created_on) => return Ok(()),
            Some(state) => {
                coordinate::replaceable(state, created_on, started_at)
                    .map_err(|failure| self.cannot_replace(&failure))?;
                let (old, places) = (state.created_on, Default::default());
                Chain::Reset { old, created_on, started_at, entry, places }
            }
        };
        let mut held = self.chain.lock().await;
        let mut change = Change::new(self.worker.clone(), chain, held.ids.version());
        self.bring_home(&mut change, None);
        held.doubt = change.chain.beat();
        match self.store.commit(&change).await? {
            Committed::Applied(_) => held.beat = change.chain.beat(),
            // Somebody else was faster: there is a state.
            Committed::Refused(_) => {}
            Committed::TooLarge => return Err(self.too_large()),
        }
        Ok(())
    }

    /// The state, from a consistent read.
    async fn look(&self) -> Result<Snapshot> {
        self.store.look().await?.ok_or_else(|| {
            let message = format!("there is no state to work on: start first ({:?})", self.store);
            Error::new(ErrorKind::Config, message)
        })
    }

    /// Commits a change of a member. `None`: its conditions did not hold, although the worker is
    /// still in the group.
    async fn commit(
        &self,
        says: Says,
        fill: impl Fn(&mut Change),
    ) -> Result<Option<(Change, Snapshot)>> {
        let mut held = self.chain.lock().await;
        loop {
            let Some(prev) = held.beat else { return Err(self.not_in_the_group()) };
            let next = self.clock.now().wall.max(prev.plus(1));
            let chain = Chain::Beat { prev, next, says };
            let mut change = Change::new(self.worker.clone(), chain, held.ids.version());
            fill(&mut change);
            let doubt = held.doubt.replace(next);
            let state = match self.store.commit(&change).await? {
                Committed::Applied(after) => {
                    held.beat = Some(next);
                    return Ok(Some((change, after)));
                }
                Committed::Refused(state) => state,
                Committed::TooLarge => return Err(self.too_large()),
            };
            // Nothing of this one happened; the one before may have.
            held.doubt = doubt;
            let me = state.as_ref().and_then(|state| state.workers.get(&self.worker));
            match me.map(|me| me.beat) {
                Some(beat) if beat == prev => return Ok(None),
                Some(beat) if Some(beat) == doubt => held.learn(me),
                _ => return Err(self.not_in_the_group()),
            }
        }
    }

    fn entry(&self) -> Worker {
        let beat = self.clock.now().wall;
        let entry = self.mode.entry(beat, Timing::LIFION.beat_ms, self.about.clone());
        let own = self.mode.lives_in_slot() && !self.fan_out;
        Worker { shards: own.then(Default::default), ..entry }
    }

    /// A worker with a name founds its place with its entry, where there is none.
    fn bring_home(&self, change: &mut Change, state: Option<&Snapshot>) {
        if let Mode::Standalone { name: Some(name) } = &self.mode {
            let home = Home::Place(name.clone());
            if state.is_none_or(|state| !state.has_home(&home)) {
                (change.home, change.founds) = (home, Some(Default::default()));
            }
        }
    }

    fn home(&self, state: &Snapshot) -> Result<Home> {
        self.mode.home(self.fan_out, &self.worker, state).ok_or_else(|| {
            let message = format!(
                "worker {} has no fan-out slot, where its shards would be: take one with \
                 get_assigned_enhanced_consumer",
                self.worker
            );
            Error::new(ErrorKind::Config, message)
        })
    }

    fn not_in_the_group(&self) -> Error {
        let message = format!(
            "worker {} is not in the group, or somebody else writes under its id: register it, \
             and use another id if it was evicted ({:?})",
            self.worker, self.store
        );
        Error::new(ErrorKind::Closed, message)
    }

    fn cannot_replace(&self, failure: &Failure) -> Error {
        let message = format!("the state is another stream's: {failure:?} ({:?})", self.store);
        Error::new(ErrorKind::Config, message)
    }

    fn too_large(&self) -> Error {
        let message = format!("the state has no room for more ({:?})", self.store);
        Error::new(ErrorKind::Config, message)
    }
}
