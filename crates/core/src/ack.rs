//! Which records of a lease are done: the contiguous-ack watermark.

use std::collections::VecDeque;
use std::ops::Range;

const WORD: u64 = u64::BITS as u64;

/// The watermark of one lease tenure: every record below [`done`](Self::done) is acknowledged,
/// whatever the order of the acknowledgements.
///
/// Records are counted from 0 in the order in which they are handed out. Only the open window
/// costs memory: a bit for each record from the watermark up to the furthest acknowledged one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watermark {
    done: u64,
    delivered: u64,
    generation: u32,
    /// What is acknowledged: the first word is the one that `done` falls into. The last word
    /// holds a bit that is set, or there is none, so that equal watermarks have equal words.
    acked: VecDeque<u64>,
}

impl Watermark {
    /// A watermark before the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a batch of records as handed out, and says which indices they have.
    pub fn deliver(&mut self, count: u32) -> Range<u64> {
        let start = self.delivered;
        self.delivered = start.saturating_add(u64::from(count));
        start..self.delivered
    }

    /// Acknowledges a record that was handed out under `generation`.
    ///
    /// False, and without effect, when it was acknowledged before, was never handed out, or
    /// belongs to another generation.
    pub fn ack(&mut self, generation: u32, index: u64) -> bool {
        self.ack_range(generation, index..index.saturating_add(1)) > 0
    }

    /// Acknowledges records that were handed out under `generation`, 64 at a time, and returns
    /// how many of them were open until now. The others are ignored, as by [`ack`](Self::ack).
    pub fn ack_range(&mut self, generation: u32, range: Range<u64>) -> u64 {
        let open = range.start.max(self.done)..range.end.min(self.delivered);
        if generation != self.generation || open.is_empty() {
            return 0;
        }
        let fresh = self.mark(open);
        self.advance();
        fresh
    }

    /// The first index that is not acknowledged, or not handed out yet.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The index that the next record handed out gets.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What the acknowledgements of records handed out now must carry.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Goes back to the watermark, which it returns, after a record was refused: the record with
    /// this index and all after it are to be handed out again, in order and under these indices.
    ///
    /// It forgets what was acknowledged beyond, and starts a generation: a record may be handed
    /// out twice with one index, and an acknowledgement of the first must not count for the second.
    pub fn rewind(&mut self) -> u64 {
        self.generation = self.generation.wrapping_add(1);
        self.delivered = self.done;
        let offset = self.done % WORD;
        self.acked.truncate(usize::from(offset > 0));
        for word in &mut self.acked {
            *word &= bits(0..offset);
        }
        self.done
    }

    /// Sets the bits of a range that is not empty and not below the watermark, and returns how
    /// many were not set.
    fn mark(&mut self, range: Range<u64>) -> u64 {
        let base = self.done - self.done % WORD;
        let (start, end) = (range.start - base, range.end - base);
        let (first, words) = ((start / WORD) as usize, end.div_ceil(WORD) as usize);
        if self.acked.len() < words {
            self.acked.resize(words, 0);
        }
        let mut fresh = 0;
        let mut at = start - start % WORD;
        for word in self.acked.range_mut(first..words) {
            let mask = bits(start.saturating_sub(at)..(end - at).min(WORD));
            fresh += u64::from((mask & !*word).count_ones());
            *word |= mask;
            at += WORD;
        }
        fresh
    }

    /// Moves the watermark over what is acknowledged, and drops the words that it leaves behind.
    fn advance(&mut self) {
        while let Some(word) = self.acked.front() {
            let offset = self.done % WORD;
            let run = u64::from((word >> offset).trailing_ones());
            self.done += run;
            if offset + run < WORD {
                break;
            }
            self.acked.pop_front();
        }
    }
}

/// A word with the bits of a range set; the range lies within it.
fn bits(range: Range<u64>) -> u64 {
    let up_to = |end: u64| if end == WORD { u64::MAX } else { (1 << end) - 1 };
    up_to(range.end) & !up_to(range.start)
}

#[cfg(test)]
mod tests;
