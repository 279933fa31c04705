//! Counting what was put and what was handled, and the verdict.

use std::collections::HashMap;

use serde::Serialize;

/// A record: its shard, its sequence number, and its place in an aggregated one.
pub(super) type RecordId = (String, String, u64);

/// What became of each record. A record may be handled before its receipt is back.
#[derive(Debug, Default)]
pub(super) struct Tally {
    fates: HashMap<RecordId, Fate>,
    put: u64,
    handled: u64,
    unique: u64,
}

#[derive(Debug, Default)]
struct Fate {
    /// Its key, and how many records were put before it.
    put: Option<(String, u64)>,
    /// How many records had been handled before it was for the first time.
    first: Option<u64>,
}

/// The verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Records that the stream took.
    pub(super) put: u64,
    /// Records that came out of the workers, each time counted.
    pub(super) handled: u64,
    /// How many of those put came out at least once.
    pub(super) unique: u64,
    /// How many of those put never came out.
    pub(super) lost: u64,
    /// How often a record came out that had come out before.
    pub(super) redelivered: u64,
    /// Records that came out for the first time after one of the same key that was put later.
    pub(super) out_of_order: u64,
    /// Records that came out and were not put.
    pub(super) unknown: u64,
}

impl Tally {
    /// A record was put, the `number`th in order.
    pub(super) fn put(&mut self, id: RecordId, key: String, number: u64) {
        let fate = self.fates.entry(id).or_default();
        self.put += u64::from(fate.put.is_none());
        self.unique += u64::from(fate.put.is_none() && fate.first.is_some());
        fate.put = Some((key, number));
    }

    /// A record came out of a worker.
    pub(super) fn handled(&mut self, id: RecordId) {
        let fate = self.fates.entry(id).or_default();
        self.unique += u64::from(fate.put.is_some() && fate.first.is_none());
        fate.first.get_or_insert(self.handled);
        self.handled += 1;
    }

    /// How many were put.
    pub(super) fn count_put(&self) -> u64 {
        self.put
    }

    /// How many of those put came out.
    pub(super) fn count_unique(&self) -> u64 {
        self.unique
    }

    /// What it comes to.
    pub(super) fn verdict(&self) -> Verdict {
        let distinct = self.fates.values().filter(|fate| fate.first.is_some()).count() as u64;
        Verdict {
            put: self.put,
            handled: self.handled,
            unique: self.unique,
            lost: self.put.saturating_sub(self.unique),
            redelivered: self.handled.saturating_sub(distinct),
            out_of_order: self.out_of_order(),
            unknown: distinct.saturating_sub(self.unique),
        }
    }

    fn out_of_order<'a>(&'a self) -> u64 {
        let both = |fate: &'a Fate| {
            let (key, number) = fate.put.as_ref()?;
            Some((fate.first?, key, *number))
        };
        let mut firsts: Vec<_> = self.fates.values().filter_map(both).collect();
        firsts.sort_unstable_by_key(|(first, ..)| *first);
        let mut latest = HashMap::new();
        let mut late = 0;
        for (_, key, number) in firsts {
            let last = latest.entry(key).or_insert(number);
            late += u64::from(number < *last);
            *last = number.max(*last);
        }
        late
    }
}

impl Verdict {
    /// Whether the group kept its promises.
    pub(super) fn good(&self) -> bool {
        self.lost == 0 && self.out_of_order == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: u64) -> RecordId {
        ("shard".to_owned(), sequence.to_string(), 0)
    }

    /// Records are put with these keys; then these come out, by number.
    fn verdict(keys: &[&str], handled: &[u64]) -> Verdict {
        let mut tally = Tally::default();
        for (number, key) in keys.iter().enumerate() {
            tally.put(id(number as u64), (*key).to_owned(), number as u64);
        }
        handled.iter().for_each(|number| tally.handled(id(*number)));
        tally.verdict()
    }

    #[test]
    fn everything_once_and_in_order_is_good() {
        let verdict = verdict(&["a", "b", "a"], &[1, 0, 2]);
        let expected = Verdict { put: 3, handled: 3, unique: 3, ..Verdict::default() };
        assert_eq!(verdict, expected);
        assert!(verdict.good());
    }

    #[test]
    fn what_never_comes_out_is_lost() {
        let verdict = verdict(&["a", "a", "a"], &[0, 2, 2]);
        assert_eq!((verdict.lost, verdict.redelivered, verdict.unique), (1, 1, 2));
        assert!(!verdict.good());
    }

    #[test]
    fn order_counts_for_each_key_and_for_the_first_time() {
        let redelivered = verdict(&["a", "a", "a"], &[0, 1, 2, 0, 1, 2]);
        assert_eq!((redelivered.redelivered, redelivered.out_of_order), (3, 0));
        let swapped = verdict(&["a", "b", "a", "a"], &[3, 0, 1, 2]);
        assert_eq!((swapped.out_of_order, swapped.good()), (2, false));
    }

    #[test]
    fn a_record_may_come_out_before_its_receipt() {
        let mut tally = Tally::default();
        tally.handled(id(7));
        assert_eq!((tally.verdict().unknown, tally.count_unique()), (1, 0));
        tally.put(id(7), "a".to_owned(), 0);
        assert_eq!((tally.verdict().unknown, tally.count_unique()), (0, 1));
        assert!(tally.verdict().good());
    }

    #[test]
    fn records_of_other_shards_are_others() {
        let mut tally = Tally::default();
        tally.put(id(1), "a".to_owned(), 0);
        tally.handled(("other".to_owned(), "1".to_owned(), 0));
        assert_eq!((tally.verdict().lost, tally.verdict().unknown), (1, 1));
    }
}
