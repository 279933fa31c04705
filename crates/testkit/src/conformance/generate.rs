//! Random changes: each fits the state, but for the flaw that it is asked to have.

mod edit;
mod home;
mod slot;
mod state;

use kinfolk_core::change::{Chain, Change, Eviction, Says, SlotEdit};
use kinfolk_core::id::{IdSource, WorkerId};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::snapshot::{About, Snapshot, Worker};
use kinfolk_core::time::WallTime;

use super::flaw::Flaw;
use super::rng::Rng;

/// Makes states and changes of them.
#[derive(Debug)]
pub(super) struct Generator {
    pub(super) rng: Rng,
    ids: IdSource,
    clock: WallTime,
    resets: bool,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let ids = IdSource::new(u128::from(rng.next()) << 64 | u128::from(rng.next()));
        Self { rng, ids, clock: WallTime(1_795_362_983_072), resets: true }
    }

    /// The same without resets. What a reset leads to says nothing of the state before it, so that
    /// the order of changes could not be told from the states.
    pub(super) fn without_resets(self) -> Self {
        Self { resets: false, ..self }
    }

    /// A change of this state with this flaw. Where the state has nothing that the flaw needs, the
    /// change comes without it.
    pub(super) fn change(&mut self, state: Option<&Snapshot>, flaw: Option<Flaw>) -> Change {
        let Some(state) = state else { return self.first(flaw) };
        let (worker, chain) = self.chain(state, flaw);
        let mut change = Change::new(worker, chain, self.ids.version());
        self.home(&mut change, state, flaw);
        self.evict(&mut change, state, flaw);
        self.absent(&mut change, state, flaw);
        self.slots(&mut change, state, flaw);
        if self.has_no_entries(&change) {
            return change;
        }
        for _ in 0..self.rng.below(5) {
            self.edit(&mut change, state);
        }
        self.flawed_edit(&mut change, state, flaw);
        change
    }

    /// A change where there is no state: nothing but creating one fits.
    fn first(&mut self, flaw: Option<Flaw>) -> Change {
        let (worker, entry) = (self.ids.worker(), self.worker());
        let created_on = self.time();
        let chain = match flaw {
            None => Chain::Create { created_on, started_at: self.time(), entry },
            Some(Flaw::OtherStream) => Chain::Join { created_on, entry },
            Some(Flaw::OtherOld) => {
                let (started_at, places) = (self.time(), self.places());
                Chain::Reset { old: created_on, created_on, started_at, entry, places }
            }
            Some(_) => Chain::Beat { prev: created_on, next: self.time(), says: Says::NOTHING },
        };
        let mut change = Change::new(worker, chain, self.ids.version());
        if self.rng.chance(25) {
            self.found(&mut change);
            return change;
        }
        for _ in 0..self.rng.below(6) {
            self.track(&mut change);
        }
        change
    }

    fn chain(&mut self, state: &Snapshot, flaw: Option<Flaw>) -> (WorkerId, Chain) {
        let someone = self.rng.pick(&state.workers).map(|(id, worker)| (id.clone(), worker.beat));
        let created_on = state.created_on;
        let (later, started_at, entry) = (self.later(created_on), self.time(), self.worker());
        let id = self.ids.worker();
        match (flaw, someone) {
            (Some(Flaw::StateThere), _) => (id, Chain::Create { created_on, started_at, entry }),
            (Some(Flaw::OtherOld), _) => {
                let places = self.places();
                (id, Chain::Reset { old: later, created_on: later, started_at, entry, places })
            }
            (Some(Flaw::OtherStream), _) => (id, Chain::Join { created_on: later, entry }),
            (Some(Flaw::IdTaken), Some((id, _))) => (id, Chain::Join { created_on, entry }),
            (Some(Flaw::OtherBeat), Some((id, beat))) => {
                let other = if self.rng.chance(50) { beat.plus(1) } else { beat.plus(-1) };
                (id, self.onward(other))
            }
            (Some(Flaw::WriterGone), Some((_, beat))) => (id, self.onward(beat)),
            // Seldom, for it leaves little to go on with.
            (None, _) if self.resets && self.rng.chance(2) => {
                let places = self.places();
                (id, Chain::Reset { old: created_on, created_on: later, started_at, entry, places })
            }
            (_, Some((id, beat))) if self.rng.chance(75) => (id, self.onward(beat)),
            _ => (id, Chain::Join { created_on, entry }),
        }
    }

    /// A beat or, seldom, a leave after this beat.
    fn onward(&mut self, prev: WallTime) -> Chain {
        if self.rng.chance(10) {
            return Chain::Leave { prev };
        }
        let says = Says {
            leaving: self.rng.chance(10),
            active: self.rng.chance(20).then(|| self.rng.chance(50)),
            period_ms: self.rng.chance(20).then_some(5_000),
        };
        Chain::Beat { prev, next: self.later(prev), says }
    }

    fn evict(&mut self, change: &mut Change, state: &Snapshot, flaw: Option<Flaw>) {
        let wanted = matches!(flaw, Some(Flaw::OtherState | Flaw::VictimAlive | Flaw::VictimGone));
        if !wanted && !self.rng.chance(15) {
            return;
        }
        let others = state.workers.iter().filter(|(id, _)| **id != change.worker);
        let Some((victim, worker)) = self.rng.pick(others) else { return };
        let mut eviction =
            Eviction { victim: victim.clone(), beat: worker.beat, version: state.version.clone() };
        match flaw {
            Some(Flaw::OtherState) => eviction.version = self.ids.version(),
            Some(Flaw::VictimAlive) => eviction.beat = eviction.beat.plus(-1),
            Some(Flaw::VictimGone) => eviction.victim = self.ids.worker(),
            _ => {}
        }
        let victim = eviction.victim.clone();
        for (name, slot) in state.slots.iter().filter(|(_, s)| s.used_by.as_ref() == Some(&victim))
        {
            let free = SlotEdit::Free { user: victim.clone(), seen: slot.version.clone() };
            change.slots.insert(name.clone(), free);
        }
        change.evict = Some(eviction);
        if !self.has_no_entries(change) {
            self.edit_all_of(change, state, &victim);
        }
    }

    fn absent(&mut self, change: &mut Change, state: &Snapshot, flaw: Option<Flaw>) {
        if self.rng.chance(10) {
            change.absent.insert(self.ids.worker());
        }
        if flaw == Some(Flaw::WorkerThere) {
            change.absent.extend(self.rng.pick(state.workers.keys()).cloned());
        }
    }

    fn worker(&mut self) -> Worker {
        Worker {
            beat: self.time(),
            period_ms: (!self.rng.chance(25)).then_some(2_500),
            leaving: self.rng.chance(10),
            active: !self.rng.chance(10),
            standalone: self.rng.chance(10),
            name: self.rng.chance(10).then(|| "tail".into()),
            shards: None,
            about: About {
                app_name: "orders".to_owned(),
                host: "host \"é\"".to_owned(),
                pid: 4_711,
                started_on: self.time(),
            },
        }
    }

    /// A sequence number: short ones meet often, and in all orders of length and text.
    fn sequence(&mut self) -> SequenceNumber {
        let length = self.rng.pick([1, 2, 2, 3, 56]).unwrap_or(1);
        let digits = (0..length).map(|at| match at {
            0 => 1 + self.rng.below(9),
            _ => self.rng.below(10),
        });
        SequenceNumber::new(digits.map(|digit| digit.to_string()).collect::<String>())
    }

    /// A point in time that never came before.
    fn time(&mut self) -> WallTime {
        self.clock = self.later(self.clock);
        self.clock
    }

    fn later(&mut self, than: WallTime) -> WallTime {
        than.plus(1 + i64::try_from(self.rng.below(3_000)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
