//! How long a killed worker's shards are without a reader.

use std::collections::BTreeSet;

/// The shards of a killed worker, until each has another reader.
#[derive(Debug)]
pub(super) struct Takeover {
    victim: usize,
    killed_ms: u64,
    unread: BTreeSet<String>,
    first_ms: Option<u64>,
}

impl Takeover {
    /// `victim` was killed at a time when it held these shards.
    pub(super) fn new(
        victim: usize,
        killed_ms: u64,
        shards: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { victim, killed_ms, unread: shards.into_iter().collect(), first_ms: None }
    }

    /// A worker handled a record: how long the shard was without a reader, if this is its first
    /// record since the kill.
    pub(super) fn handled(&mut self, worker: usize, shard: &str, now_ms: u64) -> Option<u64> {
        if worker == self.victim || !self.unread.remove(shard) {
            return None;
        }
        let after_ms = now_ms.saturating_sub(self.killed_ms);
        self.first_ms.get_or_insert(after_ms);
        Some(after_ms)
    }

    /// From the kill to the first record of any of the shards elsewhere.
    pub(super) fn first_ms(&self) -> Option<u64> {
        self.first_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_victims_shards_count_and_only_elsewhere() {
        let mut takeover = Takeover::new(1, 1_000, ["a".to_owned(), "b".to_owned()]);
        assert_eq!(takeover.handled(0, "c", 1_100), None, "not the victim's");
        assert_eq!(takeover.handled(1, "a", 1_200), None, "what was in its pipe");
        assert_eq!(takeover.first_ms(), None);
        assert_eq!(takeover.handled(0, "b", 9_000), Some(8_000));
        assert_eq!(takeover.handled(0, "b", 9_001), None, "once");
        assert_eq!(takeover.handled(2, "a", 9_500), Some(8_500));
        assert_eq!(takeover.first_ms(), Some(8_000));
    }
}
