//! Rates over the last moments.

use std::collections::VecDeque;

/// How far back a rate looks.
const WINDOW_MS: u64 = 2_000;

/// A count that grows, and how fast.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    samples: VecDeque<(u64, u64)>,
}

impl Meter {
    /// The count at a time. Call it regularly.
    pub(super) fn sample(&mut self, now_ms: u64, count: u64) {
        let old = |at: u64| at.saturating_add(WINDOW_MS) < now_ms;
        while self.samples.get(1).is_some_and(|(at, _)| old(*at)) {
            self.samples.pop_front();
        }
        self.samples.push_back((now_ms, count));
    }

    /// How much it grew in a second.
    pub(super) fn per_second(&self) -> u64 {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return 0;
        };
        let grew = last.1.saturating_sub(first.1);
        (grew * 1_000).checked_div(last.0.saturating_sub(first.0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_forgets_what_was_long_ago() {
        let mut meter = Meter::default();
        assert_eq!(meter.per_second(), 0);
        for step in 0..100 {
            meter.sample(step * 100, step.min(50) * 10);
        }
        assert_eq!(meter.per_second(), 0);
        for step in 100..150 {
            meter.sample(step * 100, 500 + (step - 100) * 20);
        }
        assert_eq!(meter.per_second(), 200);
    }
}
