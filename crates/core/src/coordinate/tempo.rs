//! How often the worker beats and looks: as its settings say, or less often where the state is so
//! large that all those writes and reads would be more than the store takes (protocol, 3.2).

use super::{Coordinator, Effect, Failure, Timing};
use crate::event::Event;
use crate::limits::Throughput;
use crate::snapshot::Snapshot;

/// The longest period: Node consumers evict after 40 seconds, and one attempt may fail.
const LONGEST_MS: u64 = 15_000;
/// Periods are whole multiples of this, so that a state that grows a little changes none.
const STEP_MS: u64 = 250;
/// A period is shortened only when it could be shorter by this many hundredths.
const SLACK: u64 = 20;
/// A state that fills this many hundredths of its store is large.
const LARGE: u64 = 80;

/// The tempo in force.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tempo {
    /// How often the worker beats, as others know by an acknowledged write.
    pub(super) beat_ms: u32,
    /// The size of the state as it was last seen.
    bytes: u64,
    /// How many writes the beat that is under way has taken so far, and the last two took: one
    /// write may not hold the places of all shards.
    writes: u64,
    writes_before: [u64; 2],
    warned_large: bool,
}

impl Tempo {
    pub(super) fn new(timing: &Timing) -> Self {
        let (writes, writes_before) = (1, [1; 2]);
        Self { beat_ms: timing.beat_ms, bytes: 0, writes, writes_before, warned_large: false }
    }

    /// A write goes out: a beat that was due, one that holds what did not fit the one before, or
    /// one in between.
    pub(super) fn writes(&mut self, due: bool, rest: bool) {
        if rest {
            self.writes += 1;
        } else if due {
            let [_, last] = self.writes_before;
            self.writes_before = [last, std::mem::replace(&mut self.writes, 1)];
        }
    }
}

impl Coordinator {
    /// Notes how large the state is, in bytes, where the store counts them.
    pub fn weighs(&mut self, bytes: u64) {
        self.tempo.bytes = bytes;
    }

    /// How long an acknowledged beat lets the worker believe, at this period.
    pub(super) fn fence_ms(&self, beat_ms: u32) -> u64 {
        let timing = &self.settings.timing;
        u64::from(timing.fence_ms) * u64::from(beat_ms) / u64::from(timing.beat_ms.max(1))
    }

    /// The period that so many workers need, without a limit.
    fn needed_ms(&self, workers: usize) -> u64 {
        let throughput = &self.settings.limits.throughput;
        // The others are taken to need as many writes for a beat as this worker.
        let writes = self.tempo.writes_before.into_iter().max().unwrap_or(1);
        let written = self.tempo.bytes.div_ceil(1_024) * workers as u64 * writes;
        let needed = (written * 1_000).div_ceil(throughput.written_kb.max(1));
        needed.div_ceil(STEP_MS) * STEP_MS
    }

    /// The period for so many workers.
    pub(super) fn period_for(&self, workers: usize) -> u32 {
        let own = u64::from(self.settings.timing.beat_ms);
        let period = self.needed_ms(workers).clamp(own, LONGEST_MS.max(own));
        u32::try_from(period).unwrap_or(u32::MAX)
    }

    /// For how long somebody who is absent is left alone, at the least, and if this worker never saw
    /// how often it beats: one of ours may have beaten as seldom as the store can ask for.
    pub(super) fn silences(&self, ours: bool) -> (u64, u64) {
        let period = self.tempo.beat_ms.max(self.settings.timing.beat_ms);
        let silence = Timing::silence_ms(period);
        let stretches = self.settings.limits.throughput != Throughput::NONE;
        match ours && stretches {
            true => (silence, silence.max(3 * LONGEST_MS)),
            false => (silence, silence),
        }
    }

    /// Why the worker cannot be one more of so many, if it cannot.
    pub(super) fn crowded(&self, workers: usize) -> Result<(), Failure> {
        let longest = LONGEST_MS.max(self.settings.timing.beat_ms.into());
        match self.needed_ms(workers) > longest {
            true => Err(Failure::TooManyWorkers { workers, bytes: self.tempo.bytes }),
            false => Ok(()),
        }
    }

    /// The period that the next beat is to announce, if it is another one.
    pub(super) fn next_period(&self, state: &Snapshot) -> Option<u32> {
        let (now, wanted) = (self.tempo.beat_ms, self.period_for(state.workers.len()));
        let shorter = u64::from(now) * (100 - SLACK) / 100;
        (wanted > now || u64::from(wanted) < shorter).then_some(wanted)
    }

    /// Before a write that announces a shorter period is sent: from then on others may judge the
    /// worker by it, so that it must believe for less long at once.
    pub(super) fn shorten_belief(&self, period: Option<u32>, out: &mut Vec<Effect>) {
        if let (Some(since), Some(period)) = (self.believed_since, period)
            && period < self.tempo.beat_ms
        {
            out.push(Effect::Believe { since, fence_ms: self.fence_ms(period) });
        }
    }

    /// A write that announced a period was acknowledged.
    pub(super) fn set_period(&mut self, period: Option<u32>, out: &mut Vec<Effect>) {
        let Some(beat_ms) = period.filter(|period| *period != self.tempo.beat_ms) else { return };
        self.tempo.beat_ms = beat_ms;
        out.push(Effect::Notice(Event::Period { beat_ms, bytes: self.tempo.bytes }));
    }

    /// How often the worker looks: no more often than the store can be read by all.
    pub(super) fn look_ms(&self) -> u64 {
        let throughput = &self.settings.limits.throughput;
        let workers = self.view.as_ref().map_or(1, |state| state.workers.len()) as u64;
        let read = self.tempo.bytes.div_ceil(1_024) * workers;
        let needed = (read * 1_000).div_ceil(throughput.read_kb.max(1));
        needed.max(self.settings.timing.look_ms.into())
    }

    /// Warns once while there is still room.
    pub(super) fn warn_of_size(&mut self, out: &mut Vec<Effect>) {
        let (bytes, most) = (self.tempo.bytes, self.settings.limits.throughput.most_bytes);
        let large = bytes > most / 100 * LARGE;
        if large && !self.tempo.warned_large {
            out.push(Effect::Notice(Event::StateLarge { bytes, most }));
        }
        self.tempo.warned_large = large;
    }
}
