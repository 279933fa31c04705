//! How long to wait before trying again: exponential, with jitter, and the same for the same seed.

/// A growing delay: for throttling, errors and redelivery.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// The shortest delay of the first attempt, in milliseconds.
    pub base_ms: u64,
    /// The longest delay of any attempt, in milliseconds; at least twice `base_ms` to be of use.
    pub max_ms: u64,
    /// What each further attempt multiplies the delay by; 0 and 1 do not grow.
    pub factor: u32,
}

impl Backoff {
    /// Milliseconds to wait after failure number `attempt`, counted from 0.
    ///
    /// "Equal" jitter: `seed` (see [`seed`]) and `attempt` choose a point in the upper half of
    /// `0..=2·base·factor^attempt`, cut at `max_ms`. Half of it is certain, so that a delay never
    /// is next to nothing; the other half keeps readers that failed together apart.
    pub fn delay(&self, attempt: u32, seed: u64) -> u64 {
        let growth = u64::from(self.factor.max(1)).saturating_pow(attempt);
        let longest = self.base_ms.saturating_mul(growth).saturating_mul(2).min(self.max_ms);
        let shortest = longest.div_ceil(2);
        let spread = longest - shortest;
        shortest + below(mix(seed ^ mix(u64::from(attempt))), spread.saturating_add(1))
    }
}

/// A seed from a name, so that each shard or worker has its own jitter: 64-bit FNV-1a.
pub fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A hash scaled to `0..limit`.
fn below(hash: u64, limit: u64) -> u64 {
    ((u128::from(hash) * u128::from(limit)) >> 64) as u64
}

/// The finaliser of SplitMix64: every input bit changes about half of the output's.
pub(crate) fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const BACKOFF: Backoff = Backoff { base_ms: 200, max_ms: 10_000, factor: 2 };

    proptest! {
        #[test]
        fn a_delay_stays_within_its_attempts_bounds(attempt in 0u32..5, seed: u64) {
            let delay = BACKOFF.delay(attempt, seed);
            prop_assert!((200 << attempt..=400 << attempt).contains(&delay));
        }

        #[test]
        fn no_settings_overflow(base_ms: u64, max_ms: u64, factor: u32, attempt: u32, seed: u64) {
            let delay = Backoff { base_ms, max_ms, factor }.delay(attempt, seed);
            prop_assert!(delay <= max_ms);
        }
    }

    #[test]
    fn late_attempts_wait_the_longest_delay_or_half_of_it() {
        for attempt in [6, 7, 63, 64, 1_000, u32::MAX] {
            for seed in 0..100 {
                assert!((5_000..=10_000).contains(&BACKOFF.delay(attempt, seed)));
            }
        }
    }

    #[test]
    fn a_factor_of_nothing_does_not_grow() {
        for factor in [0, 1] {
            let backoff = Backoff { factor, ..BACKOFF };
            assert!((0..50).all(|attempt| (200..=400).contains(&backoff.delay(attempt, 7))));
        }
    }

    #[test]
    fn shards_that_fail_together_come_back_apart() {
        let delays: BTreeSet<u64> =
            (0..100).map(|shard| BACKOFF.delay(5, seed(&format!("shardId-{shard:012}")))).collect();
        assert!(delays.len() > 90, "{delays:?}");
    }
}
