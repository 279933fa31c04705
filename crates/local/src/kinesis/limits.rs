//! How fast a shard may be read: 5 calls and 2 MB a second, with a second's worth saved up.

use std::time::Instant;

/// Calls a second, and as many at once after a pause.
const CALLS: f64 = 5.0;

/// Bytes a second. One call may take five times as much; the next ones then wait until it is paid
/// for.
const BYTES: f64 = 2_000_000.0;

/// What a shard's readers have left.
#[derive(Debug)]
pub(super) struct ReadLimit {
    calls: f64,
    bytes: f64,
    seen: Instant,
}

impl ReadLimit {
    pub(super) fn new(now: Instant) -> Self {
        Self { calls: CALLS, bytes: BYTES, seen: now }
    }

    /// Takes one call, if one is left and no earlier answer is still being paid for.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.seen = now;
        self.calls = (self.calls + passed * CALLS).min(CALLS);
        self.bytes = (self.bytes + passed * BYTES).min(BYTES);
        // A reader that keeps exactly to the limit must not fail for a rounding error.
        let admitted = self.calls >= 0.999 && self.bytes > 0.0;
        if admitted {
            self.calls -= 1.0;
        }
        admitted
    }

    /// Charges an answer; it may be more than there is left.
    // No answer is anywhere near 2^52 bytes.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn charge(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn five_calls_at_once_then_one_every_200_ms() {
        let start = crate::clock::instant();
        let mut limit = ReadLimit::new(start);
        assert_eq!((0..7).filter(|_| limit.admit(start)).count(), 5);
        assert!(!limit.admit(start + Duration::from_millis(150)));
        assert!((1..50).all(|n| limit.admit(start + Duration::from_millis(200 * n))));
    }

    #[test]
    fn ten_mebibytes_are_paid_for_before_the_next_call() {
        let start = crate::clock::instant();
        let mut limit = ReadLimit::new(start);
        assert!(limit.admit(start));
        limit.charge(10 << 20);
        assert!(!limit.admit(start + Duration::from_secs(4)));
        assert!(limit.admit(start + Duration::from_secs(5)));
    }
}
