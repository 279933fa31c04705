//! When lifion-kinesis 1.3.3 asks something of DynamoDB.

use super::super::{Load, Shape};

/// A reason for which the library asks something of DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Each heartbeat begins by registering, which fails: the consumer is there.
    Register,
    /// So that the date is moved.
    Heartbeat,
    /// Then it looks for consumers that are gone.
    ClearOld,
    /// A lease round reads the item anew for each shard of the stream, whoever holds it.
    LeaseRound,
    /// A lease of five minutes is renewed in the first round that finds less than a quarter left.
    Renewal,
    /// A round that renewed ends with one more look at what it holds.
    Reconcile,
    /// Every batch is followed by a write of its own.
    Checkpoint,
}

/// How often in an hour.
#[derive(Clone, Copy, Debug)]
pub struct Often {
    pub times: u64,
    /// For each worker.
    pub workers: bool,
    /// For each shard.
    pub shards: bool,
}

/// Heartbeats, and lease rounds: each 20 seconds after the end of the one before.
const ROUNDS: u64 = 3_600 / 20;
/// Renewals of a lease: 225 seconds are over in the round after 240.
const RENEWALS: u64 = 3_600 / 240;
/// Batches of a shard: it is polled 250 ms after a record and a second after none, so that records
/// that are a second apart come one by one.
const BATCHES: u64 = 3_600;

impl Rule {
    pub const ALL: [Rule; 7] = [
        Rule::Register,
        Rule::Heartbeat,
        Rule::ClearOld,
        Rule::LeaseRound,
        Rule::Renewal,
        Rule::Reconcile,
        Rule::Checkpoint,
    ];

    /// What is asked.
    pub fn request(self) -> &'static str {
        match self {
            Rule::Register => "heartbeat: register, refused",
            Rule::Heartbeat => "heartbeat: move the date",
            Rule::ClearOld => "heartbeat: read, for consumers that are gone",
            Rule::LeaseRound => "lease round: read, for each shard",
            Rule::Renewal => "lease round: renew a lease",
            Rule::Reconcile => "lease round: read, after renewals",
            Rule::Checkpoint => "batch: checkpoint",
        }
    }

    /// How often it is asked.
    pub fn often(self) -> Often {
        let (times, workers, shards) = match self {
            Rule::Register | Rule::Heartbeat | Rule::ClearOld => (ROUNDS, true, false),
            Rule::LeaseRound => (ROUNDS, true, true),
            Rule::Renewal => (RENEWALS, false, true),
            Rule::Reconcile => (RENEWALS, true, false),
            Rule::Checkpoint => (BATCHES, false, true),
        };
        Often { times, workers, shards }
    }

    /// Whether it is asked under this load.
    pub(super) fn applies(self, load: Load) -> bool {
        self != Rule::Checkpoint || load == Load::Busy
    }
}

impl Often {
    /// How many calls that are for a group of this shape.
    pub(super) fn calls(self, shape: Shape) -> u64 {
        let each = |of: bool, number: u32| if of { u64::from(number) } else { 1 };
        self.times * each(self.workers, shape.workers) * each(self.shards, shape.shards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_consumers_of_twelve_shards_ask_as_often_as_the_library_does() {
        // The library itself, through a proxy that counts: 52 reads and 4 heartbeats in 20 seconds,
        // and every lease renewed in the round after 240.
        let shape = Shape { shards: 12, workers: 4 };
        let calls = |rule: Rule| rule.often().calls(shape);
        assert_eq!(calls(Rule::ClearOld) + calls(Rule::LeaseRound), 52 * 180);
        assert_eq!(calls(Rule::Heartbeat), 4 * 180);
        assert_eq!(calls(Rule::Renewal), 12 * 15);
    }
}
