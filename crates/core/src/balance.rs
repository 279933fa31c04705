//! Who should hold which shard: a pure function of the state that every worker computes for
//! itself, so that no two of them need to agree first (protocol, section 2.6).

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ShardId, WorkerId};

/// What a worker knows of the group when it plans.
#[derive(Clone, Debug, Default)]
pub struct Group<'a> {
    /// The workers that share the shards, and the shards that each holds. Only shards that can
    /// be read now.
    pub workers: BTreeMap<&'a WorkerId, BTreeSet<&'a ShardId>>,
    /// Those of them that are Node consumers: never a source.
    pub peers: BTreeSet<&'a WorkerId>,
    /// Node consumers that did not take what fell to them. They keep what they hold, and the others
    /// share the rest: a consumer may beat for ever and take nothing.
    pub unwilling: BTreeSet<&'a WorkerId>,
    /// Shards that nobody holds.
    pub free: BTreeSet<&'a ShardId>,
    /// Shards that somebody holds who does not count: an absent or a leaving worker.
    pub elsewhere: usize,
}

/// What should move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Free shards, and who takes each.
    pub takes: BTreeMap<ShardId, WorkerId>,
    /// Shards that their holder gives away, and to whom.
    pub gives: BTreeMap<ShardId, WorkerId>,
    /// What no worker may exceed: the largest fair share.
    pub most: usize,
}

/// Plans for a group. The same for the same state, and with the least movement: nothing moves
/// unless the largest and the smallest holding differ by two.
pub fn plan(group: &Group<'_>) -> Plan {
    let willing = group.workers.iter().filter(|(worker, _)| !group.unwilling.contains(*worker));
    let mut order: Vec<_> = willing.collect();
    if order.is_empty() {
        return Plan::default();
    }
    let held: usize = order.iter().map(|(_, has)| has.len()).sum();
    let shards = held + group.free.len() + group.elsewhere;
    let (base, rest) = (shards / order.len(), shards % order.len());

    order.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
    let quotas: Vec<_> = order
        .iter()
        .enumerate()
        .map(|(place, (worker, has))| (**worker, *has, base + usize::from(place < rest)))
        .collect();

    // Who misses how many, in order: once for each missing shard.
    let mut missing = quotas
        .iter()
        .flat_map(|(worker, has, quota)| {
            std::iter::repeat_n(*worker, quota.saturating_sub(has.len()))
        })
        .peekable();

    let takes = group
        .free
        .iter()
        .map_while(|shard| missing.next().map(|worker| ((*shard).clone(), worker.clone())))
        .collect();

    let surplus = quotas
        .iter()
        .filter(|(worker, ..)| !group.peers.contains(worker))
        .flat_map(|(_, has, quota)| has.iter().rev().take(has.len().saturating_sub(*quota)));
    let gives =
        surplus.zip(missing).map(|(shard, worker)| ((*shard).clone(), worker.clone())).collect();

    Plan { takes, gives, most: base + usize::from(rest > 0) }
}

#[cfg(test)]
mod tests;
