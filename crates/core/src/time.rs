//! Time as the core sees it: three readings that the shell takes, in milliseconds.

/// A point on the wall clock: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallTime(pub i64);

impl WallTime {
    /// This point moved by so many milliseconds.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// What the clocks of this machine say, read together.
///
/// Own deadlines run on whichever clock went *faster*, judgements of others on whichever went
/// *slower* (protocol, section 1): a suspended machine's monotonic clock stands still on Linux,
/// so that it alone would let a worker wake up still believing in its leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// Monotonic milliseconds; stands still while the machine is suspended.
    pub mono: u64,
    /// Milliseconds since boot, suspension included.
    pub boot: u64,
    /// The wall clock.
    pub wall: WallTime,
}

impl Now {
    /// Milliseconds since `earlier` by the clock that went faster: for own deadlines.
    pub fn at_most_since(&self, earlier: &Now) -> u64 {
        let wall = u64::try_from(self.wall.0.saturating_sub(earlier.wall.0)).unwrap_or(0);
        self.mono.saturating_sub(earlier.mono).max(self.boot.saturating_sub(earlier.boot)).max(wall)
    }

    /// Milliseconds since `earlier` by the clock that went slower: for judging others.
    ///
    /// The wall clock has no say: set back by an hour it would forbid every eviction for one.
    pub fn at_least_since(&self, earlier: &Now) -> u64 {
        self.mono.saturating_sub(earlier.mono).min(self.boot.saturating_sub(earlier.boot))
    }

    /// This reading as all three clocks will show it after `ms` milliseconds of ordinary time.
    #[must_use]
    pub fn plus(&self, ms: u64) -> Now {
        Now {
            mono: self.mono.saturating_add(ms),
            boot: self.boot.saturating_add(ms),
            wall: self.wall.plus(i64::try_from(ms).unwrap_or(i64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_machine_ages_its_own_beliefs_but_not_the_silence_of_others() {
        let before = Now { mono: 1_000, boot: 1_000, wall: WallTime(50_000) };
        let after = Now { mono: 1_100, boot: 61_000, wall: WallTime(110_000) };
        assert_eq!(after.at_most_since(&before), 60_000);
        assert_eq!(after.at_least_since(&before), 100);
    }

    #[test]
    fn a_wall_clock_set_back_neither_extends_a_belief_nor_stops_judging() {
        let before = Now { mono: 1_000, boot: 1_000, wall: WallTime(3_600_000) };
        let after = Now { mono: 9_000, boot: 9_000, wall: WallTime(8_000) };
        assert_eq!(after.at_most_since(&before), 8_000);
        assert_eq!(after.at_least_since(&before), 8_000);
    }
}
