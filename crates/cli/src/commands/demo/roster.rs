//! Who reads what, as the group's state says.

use std::collections::{BTreeMap, BTreeSet};

use kinfolk::group::{Description, ShardState};

/// The demo's workers that are in the group, and who holds each shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Roster {
    members: BTreeSet<usize>,
    shards: BTreeMap<String, Holder>,
}

/// What becomes of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    Worker(usize),
    Done,
}

impl Roster {
    /// Reads a description; `worker` tells whose process that is.
    pub(super) fn of(seen: &Description, worker: impl Fn(u32) -> Option<usize>) -> Self {
        let members: BTreeMap<_, _> =
            seen.workers.iter().filter_map(|it| Some((&it.id, worker(it.pid)?))).collect();
        let shard = |shard: &kinfolk::group::ShardStatus| {
            let owner = shard.owner.as_ref().and_then(|owner| members.get(owner));
            let holder = match owner {
                _ if shard.state == ShardState::Ended => Holder::Done,
                Some(worker) => Holder::Worker(*worker),
                None => Holder::Nobody,
            };
            (shard.id.to_string(), holder)
        };
        let shards = seen.shards.iter().map(shard).collect();
        Self { members: members.into_values().collect(), shards }
    }

    /// How many of the demo's workers are in the group.
    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// The shards that a worker holds.
    pub(super) fn held(&self, worker: usize) -> impl Iterator<Item = &String> {
        let held = move |(_, holder): &(_, &Holder)| **holder == Holder::Worker(worker);
        self.shards.iter().filter(held).map(|(shard, _)| shard)
    }

    /// The worker that holds most shards.
    pub(super) fn busiest(&self) -> Option<usize> {
        self.members.iter().copied().max_by_key(|worker| self.held(*worker).count())
    }

    /// The first shard that a worker holds.
    pub(super) fn some_shard(&self) -> Option<&String> {
        let held = |(_, holder): &(_, &Holder)| matches!(holder, Holder::Worker(_));
        self.shards.iter().find(held).map(|(shard, _)| shard)
    }

    /// What is different from `before`, in sentences.
    pub(super) fn news(&self, before: &Self) -> Vec<String> {
        let mut news = Vec::new();
        for worker in self.members.difference(&before.members) {
            news.push(format!("worker {} joins the group", worker + 1));
        }
        for worker in before.members.difference(&self.members) {
            news.push(format!("worker {} is out of the group", worker + 1));
        }
        for worker in &self.members {
            let new = |shard: &&String| before.shards.get(*shard) != Some(&Holder::Worker(*worker));
            let mut shards = self.held(*worker).filter(new).peekable();
            if shards.peek().is_some() {
                news.push(format!("worker {} holds {}", worker + 1, named(shards)));
            }
        }
        let done = |(shard, holder): &(&String, &Holder)| {
            let was = before.shards.get(*shard);
            **holder == Holder::Done && was.is_some_and(|was| *was != Holder::Done)
        };
        for (shard, _) in self.shards.iter().filter(done) {
            news.push(format!("shard {} is done: all its records are handled", short(shard)));
        }
        news
    }
}

/// Shards by their numbers: `0, 3`.
pub(super) fn list<'a>(shards: impl Iterator<Item = &'a String>) -> String {
    shards.map(|shard| short(shard)).collect::<Vec<_>>().join(", ")
}

/// The same in a sentence: `shards 0, 3`.
pub(super) fn named<'a>(shards: impl Iterator<Item = &'a String>) -> String {
    let list = list(shards);
    match list.as_str() {
        "" => "no shard".to_owned(),
        several if several.contains(',') => format!("shards {several}"),
        one => format!("shard {one}"),
    }
}

/// A shard's number: `shardId-000000000003` is 3.
pub(super) fn short(shard: &str) -> &str {
    let Some(number) = shard.strip_prefix("shardId-") else { return shard };
    match number.trim_start_matches('0') {
        "" => "0",
        number => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(members: &[usize], shards: &[(&str, Holder)]) -> Roster {
        let shards = shards.iter().map(|(shard, holder)| ((*shard).to_owned(), *holder)).collect();
        Roster { members: members.iter().copied().collect(), shards }
    }

    #[test]
    fn news_tell_who_came_who_went_and_who_holds_what() {
        use Holder::*;
        let before = roster(&[0, 1], &[("0", Worker(0)), ("1", Worker(1)), ("2", Worker(1))]);
        let after = roster(
            &[0, 2],
            &[("0", Done), ("1", Worker(0)), ("2", Nobody), ("3", Worker(2)), ("4", Worker(2))],
        );
        let expected = [
            "worker 3 joins the group",
            "worker 2 is out of the group",
            "worker 1 holds shard 1",
            "worker 3 holds shards 3, 4",
            "shard 0 is done: all its records are handled",
        ];
        assert_eq!(after.news(&before), expected);
        assert!(after.news(&after).is_empty());
        assert_eq!(before.busiest(), Some(1));
        assert_eq!(after.some_shard().map(String::as_str), Some("1"));
    }

    #[test]
    fn shards_are_known_by_their_numbers() {
        let names = ["shardId-000000000000", "shardId-000000000120", "other"];
        assert_eq!(names.map(short), ["0", "120", "other"]);
    }
}
