use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    Limits {
        records: 5,
        bytes: 100,
        linger_ms: 10,
        give_up_ms: 1_000_000_000,
        record_backoff: Backoff { base_ms: 25, max_ms: 5_000, factor: 2 },
        call_backoff: Backoff { base_ms: 50, max_ms: 5_000, factor: 2 },
    }
}

fn queue(limits: Limits) -> Queue<usize> {
    Queue::new(limits, 7)
}

fn items(call: &[Entry<usize>]) -> Vec<usize> {
    call.iter().map(|entry| entry.item).collect()
}

#[test]
fn a_call_waits_for_company_unless_it_is_full() {
    let mut queue = queue(limits());
    queue.push("a".into(), 1, 0, 100);
    assert!(queue.take(100).is_empty());
    assert_eq!(queue.due_in(100), Some(10));
    assert_eq!(items(&queue.take(110)), [0]);
    for n in 1..=6 {
        queue.push(n.to_string().into(), 1, n, 110);
    }
    assert_eq!(items(&queue.take(110)), [1, 2, 3, 4, 5]);
    assert!(queue.take(110).is_empty());
    assert_eq!(queue.due_in(110), Some(10));
}

#[test]
fn followers_of_a_key_wait_until_it_is_settled_and_others_pass() {
    let mut queue = queue(limits());
    queue.push("a".into(), 1, 0, 0);
    queue.push("a".into(), 1, 1, 0);
    queue.push("b".into(), 1, 2, 0);
    let mut call = queue.take(10);
    assert_eq!(items(&call), [0, 2]);
    let (b, a) = (call.pop().unwrap(), call.pop().unwrap());
    queue.settle(b);
    assert!(queue.retry(a, 10).is_none());
    assert!(queue.take(10).is_empty(), "the first of the key waits for its next attempt");
    let again = queue.due_in(10).unwrap() + 10;
    let a = queue.take(again).pop().unwrap();
    assert!(a.is_retry());
    queue.settle(a);
    assert_eq!(items(&queue.take(again)), [1]);
}

#[test]
fn calls_keep_to_the_size_limit_but_one_record_always_goes() {
    let mut queue = queue(limits());
    for (n, bytes) in [60, 50, 40, 200, 1].into_iter().enumerate() {
        queue.push(n.to_string().into(), bytes, n, 0);
    }
    let calls: Vec<_> = std::iter::from_fn(|| Some(items(&queue.take(10)))).take(5).collect();
    assert_eq!(calls, [vec![0], vec![1, 2], vec![3], vec![4], vec![]]);
}

#[test]
fn a_failed_call_holds_everything_back_longer_each_time() {
    let mut queue = queue(limits());
    queue.push("a".into(), 1, 0, 0);
    let (mut now, mut pauses) = (10, Vec::new());
    for _ in 0..5 {
        let call = queue.take(now);
        assert_eq!(call.len(), 1);
        assert!(queue.call_failed(call, now).is_empty());
        let pause = queue.due_in(now).unwrap();
        assert!(queue.take(now + pause - 1).is_empty());
        now += pause;
        pauses.push(pause);
    }
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    assert!(queue.call_answered());
    assert!(!queue.call_answered());
}

#[test]
fn a_record_is_given_up_after_its_time_and_its_followers_go_on() {
    let mut queue = queue(Limits { give_up_ms: 100, ..limits() });
    queue.push("a".into(), 1, 0, 0);
    queue.push("a".into(), 1, 1, 0);
    let entry = queue.take(10).pop().unwrap();
    assert!(queue.retry(entry, 20).is_none());
    let entry = queue.take(200).pop().unwrap();
    assert_eq!(queue.retry(entry, 200), Some(0));
    let call = queue.take(200);
    assert_eq!(items(&call), [1]);
    assert!(queue.call_failed(call, 250).is_empty());
    let call = queue.take(100_000);
    assert_eq!(queue.call_failed(call, 100_000), [1]);
    assert!(queue.is_empty());
    assert_eq!(queue.due_in(100_000), None);
}

#[test]
fn a_long_outage_gives_everything_up_at_once_and_later_records_with_their_first_attempt() {
    let mut queue = queue(Limits { give_up_ms: 100, records: 2, ..limits() });
    for (n, key) in ["a", "b", "a", "c", "d", "d", "b"].into_iter().enumerate() {
        queue.push(key.into(), 1, n, 0);
    }
    let (first, second) = (queue.take(10), queue.take(10));
    assert_eq!((items(&first), items(&second)), (vec![0, 1], vec![3, 4]));
    assert!(queue.call_failed(first, 20).is_empty());
    let first = queue.take(119);
    assert_eq!(items(&first), [0, 1]);
    let mut over = queue.call_failed(first, 120);
    over.sort();
    assert_eq!(over, [0, 1, 2, 5, 6], "all but those that are under way");
    assert_eq!(queue.call_failed(second, 121), [3, 4]);
    assert!(queue.is_empty());
    queue.push("a".into(), 1, 7, 10_000);
    let call = queue.take(10_010);
    assert_eq!(queue.call_failed(call, 10_020), [7]);
}

#[test]
fn a_refused_call_is_taken_apart() {
    let mut queue = queue(limits());
    for n in 0..3 {
        queue.push(n.to_string().into(), 1, n, 0);
    }
    for entry in queue.take(10) {
        queue.retry_alone(entry);
    }
    queue.push("9".into(), 1, 9, 0);
    let calls: Vec<_> = std::iter::from_fn(|| Some(items(&queue.take(10)))).take(4).collect();
    assert_eq!(calls, [[0], [1], [2], [9]]);
}

/// What becomes of one record in a call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stored,
    Refused,
    /// Stored, but the answer says otherwise.
    StoredUnheard,
}

/// What becomes of one call: its records' fates, or a failure as a whole.
#[derive(Clone, Debug)]
enum CallFate {
    Answered(Vec<Fate>),
    /// Nothing is known; so many of its records were stored.
    Failed(usize),
    TakenApart,
}

fn fate() -> impl Strategy<Value = CallFate> {
    let record = prop_oneof![
        4 => Just(Fate::Stored),
        2 => Just(Fate::Refused),
        1 => Just(Fate::StoredUnheard),
    ];
    prop_oneof![
        6 => prop::collection::vec(record, 5).prop_map(CallFate::Answered),
        1 => (0usize..6).prop_map(CallFate::Failed),
        1 => Just(CallFate::TakenApart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Whatever fails: each record is stored, those of a key in order, each once unless an answer
    /// was lost; no key is under way twice, and no call is too large.
    #[test]
    fn order_holds_for_each_key_and_nothing_is_lost(
        records in prop::collection::vec((0u8..6, 1usize..60), 1..60),
        fates in prop::collection::vec((fate(), 0usize..3), 1..120),
    ) {
        let limits = limits();
        let mut queue = queue(limits.clone());
        let mut fates = fates.into_iter();
        let (mut now, mut stored, mut unheard) = (0u64, Vec::new(), HashSet::new());
        let mut under_way: VecDeque<Vec<Entry<usize>>> = VecDeque::new();
        let mut arriving = records.iter().enumerate();
        let mut left = records.len();
        while left > 0 {
            for (n, &(key, bytes)) in arriving.by_ref().take(3) {
                queue.push(key.to_string().into(), bytes, n, now);
            }
            let (fate, keep) = fates
                .next()
                .unwrap_or((CallFate::Answered(vec![Fate::Stored; 5]), 0));
            let call = queue.take(now);
            if !call.is_empty() {
                prop_assert!(call.len() <= limits.records);
                prop_assert!(
                    call.len() == 1 || call.iter().map(|e| e.bytes).sum::<usize>() <= limits.bytes
                );
                under_way.push_back(call);
                let keys: Vec<_> = under_way.iter().flatten().map(|e| e.key.clone()).collect();
                prop_assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
            }
            // Up to three calls are under way, and answered in any order.
            if under_way.len() > keep || queue.due_in(now).is_none() {
                let Some(call) = under_way.remove(now as usize % under_way.len().max(1)) else {
                    continue;
                };
                match fate {
                    CallFate::Answered(fates) => {
                        queue.call_answered();
                        for (entry, fate) in call.into_iter().zip(fates) {
                            if !matches!(fate, Fate::Refused) {
                                stored.push((records[entry.item].0, entry.item));
                            }
                            match fate {
                                Fate::Stored => {
                                    queue.settle(entry);
                                    left -= 1;
                                }
                                Fate::Refused => prop_assert!(queue.retry(entry, now).is_none()),
                                Fate::StoredUnheard => {
                                    unheard.insert(entry.item);
                                    prop_assert!(queue.retry(entry, now).is_none());
                                }
                            }
                        }
                    }
                    CallFate::Failed(applied) => {
                        for entry in call.iter().take(applied) {
                            stored.push((records[entry.item].0, entry.item));
                            unheard.insert(entry.item);
                        }
                        prop_assert!(queue.call_failed(call, now).is_empty());
                    }
                    CallFate::TakenApart => {
                        call.into_iter().for_each(|entry| queue.retry_alone(entry));
                    }
                }
            } else {
                now += queue.due_in(now).unwrap_or(0).clamp(1, 1_000);
            }
        }
        prop_assert!(queue.is_empty());
        let mut seen = vec![0; records.len()];
        let mut last = [None; 6];
        for (key, n) in stored {
            seen[n] += 1;
            let last = &mut last[usize::from(key)];
            prop_assert!(*last <= Some(n), "record {} of key {} after {:?}", n, key, last);
            *last = Some(n);
        }
        for (n, times) in seen.into_iter().enumerate() {
            prop_assert!(times == 1 || times > 1 && unheard.contains(&n), "{} × {}", n, times);
        }
    }
}
