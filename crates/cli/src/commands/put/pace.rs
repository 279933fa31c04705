//! So many records a second, evenly.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Timers are no finer than a millisecond: above this, several records share a tick.
const TICKS_A_SECOND: u32 = 200;

/// Lets records through at a rate. After a hold-up it catches up, so that the average holds.
#[derive(Debug)]
pub(crate) struct Pace {
    ticks: Interval,
    records_a_tick: u32,
    left: u32,
}

impl Pace {
    /// A pace of so many records a second.
    pub(crate) fn new(rate: u32) -> Self {
        let records_a_tick = rate.div_ceil(TICKS_A_SECOND).max(1);
        let period = Duration::from_secs(1) * records_a_tick / rate.max(1);
        let mut ticks = interval(period.max(Duration::from_nanos(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self { ticks, records_a_tick, left: 0 }
    }

    /// Waits until the next record may go.
    pub(crate) async fn next(&mut self) {
        if self.left == 0 {
            self.ticks.tick().await;
            self.left = self.records_a_tick;
        }
        self.left -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_holds_over_a_minute() {
        for rate in [1, 7, 300, 12_345] {
            let mut pace = Pace::new(rate);
            let began = tokio::time::sleep(Duration::ZERO).deadline();
            for _ in 0..=u64::from(rate) * 60 {
                pace.next().await;
            }
            let took = tokio::time::sleep(Duration::ZERO).deadline() - began;
            assert!(
                took.abs_diff(Duration::from_secs(60)) < Duration::from_millis(300),
                "{rate}: {took:?}"
            );
        }
    }
}
