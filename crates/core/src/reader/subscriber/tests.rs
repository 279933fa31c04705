//! The subscriber's rules, one by one.

use super::*;
use crate::time::WallTime;

mod model;

/// A subscriber and a clock.
struct Bench {
    subscriber: Subscriber,
    now: Now,
}

impl Bench {
    fn new(position: Position) -> Self {
        let now = Now { mono: 50, boot: 9_000, wall: WallTime(1_700_000_000_000) };
        Self { subscriber: Subscriber::new(&"shardId-000000000007".into(), position), now }
    }

    /// With a subscription.
    fn open() -> Self {
        let mut bench = Self::new(Position::TrimHorizon);
        assert_eq!(bench.subscribe(Ok(())), Position::TrimHorizon);
        bench
    }

    fn next(&mut self) -> Step {
        self.subscriber.next(&self.now)
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }

    /// Sleeps if told to, and returns for how long, and what comes after.
    fn after_sleep(&mut self) -> (u64, Step) {
        match self.next() {
            Step::Sleep { ms } => {
                self.pass(ms - 1);
                assert_eq!(self.next(), Step::Sleep { ms: 1 }, "not earlier");
                self.pass(1);
                (ms, self.next())
            }
            step => (0, step),
        }
    }

    /// Answers the next call, which must be to subscribe; from where.
    fn subscribe(&mut self, answer: Result<(), Fault>) -> Position {
        match self.after_sleep() {
            (_, Step::Subscribe(position)) => {
                self.subscriber.subscribed(&self.now, answer);
                position
            }
            (_, step) => panic!("{step:?}"),
        }
    }

    /// An event with so many records, the last of them with this number.
    fn push(&mut self, records: u32, last: Option<&str>, continuation: Option<&str>) -> bool {
        assert!(matches!(self.next(), Step::Listen(_)));
        let bytes = 100 * u64::from(records);
        let (last, continuation) =
            (last.map(SequenceNumber::from), continuation.map(SequenceNumber::from));
        let event = Pushed { records, bytes, last, continuation, children: vec![] };
        self.subscriber.pushed(&self.now, event)
    }

    fn lose(&mut self, loss: Loss) {
        self.subscriber.lost(&self.now, loss);
    }
}

fn after(number: &str) -> Position {
    Position::After(number.into())
}

#[test]
fn a_subscription_that_ran_out_is_followed_by_one_behind_the_last_record() {
    let mut bench = Bench::open();
    assert!(bench.push(2, Some("41"), Some("41")));
    bench.pass(300_000);
    bench.lose(Loss::Ended);
    assert_eq!(bench.next(), Step::Subscribe(after("41")), "at once");
    bench.subscriber.subscribed(&bench.now, Ok(()));
    assert_eq!(bench.subscriber.subscriptions(), 2);
}

#[test]
fn an_event_without_records_moves_the_place_and_none_moves_it_back() {
    let mut bench = Bench::open();
    assert!(bench.push(0, None, Some("50")));
    assert_eq!(*bench.subscriber.position(), after("50"));
    assert!(bench.push(1, Some("60"), Some("7")));
    assert_eq!(*bench.subscriber.position(), after("60"), "7 is shorter");
    assert!(bench.push(0, None, Some("55")));
    assert_eq!(*bench.subscriber.position(), after("60"));
}

#[test]
fn an_event_without_a_continuation_ends_the_shard_and_children_alone_do_not() {
    for absent in [None, Some("")] {
        let mut bench = Bench::open();
        let children = vec![ChildShard { id: "child".into(), parents: vec!["parent".into()] }];
        let early = Pushed {
            records: 1,
            last: Some("10".into()),
            continuation: Some("10".into()),
            children: children.clone(),
            ..Pushed::default()
        };
        assert!(bench.subscriber.pushed(&bench.now, early.clone()));
        assert!(matches!(bench.next(), Step::Listen(_)), "more is to come");
        let continuation = absent.map(SequenceNumber::from);
        let last = Pushed { last: Some("11".into()), continuation, ..early };
        assert!(bench.subscriber.pushed(&bench.now, last), "its records count");
        assert_eq!(bench.next(), Step::End { children });
        assert_eq!(*bench.subscriber.position(), after("11"));
    }
}

#[test]
fn subscriptions_are_spaced_by_more_than_five_seconds() {
    let mut bench = Bench::open();
    assert!(bench.push(1, Some("10"), Some("10")));
    bench.pass(1_000);
    bench.lose(Loss::Failed(Fault::Unavailable));
    let (ms, step) = bench.after_sleep();
    assert_eq!((ms, step), (SPACING_MS - 1_000, Step::Subscribe(after("10"))));
    // One that was refused says nothing about spacing.
    bench.subscriber.subscribed(&bench.now, Err(Fault::InUse));
    let (ms, _) = bench.after_sleep();
    assert!((2_000..=4_000).contains(&ms), "{ms}");
}

#[test]
fn a_subscription_that_is_in_use_is_waited_for_longer_each_time() {
    let mut bench = Bench::new(Position::TrimHorizon);
    let mut waits = vec![];
    for _ in 0..4 {
        let (ms, step) = bench.after_sleep();
        assert!(matches!(step, Step::Subscribe(_)), "{step:?}");
        waits.push(ms);
        bench.subscriber.subscribed(&bench.now, Err(Fault::InUse));
    }
    assert_eq!(waits[0], 0);
    assert!(waits[1] >= 1_000 && waits[1] < waits[2] && waits[3] <= 5_000, "{waits:?}");
}

#[test]
fn five_failures_in_a_row_fall_back_and_fan_out_is_tried_again_where_polling_got_to() {
    let mut bench = Bench::open();
    assert!(bench.push(1, Some("10"), Some("10")));
    bench.lose(Loss::Silent);
    // An event that comes at once and brings nothing does not count as success.
    for _ in 0..FAILURES - 1 {
        bench.subscribe(Ok(()));
        assert!(bench.push(0, None, Some("10")));
        bench.lose(Loss::Failed(Fault::Unavailable));
    }
    assert_eq!(bench.next(), Step::FallBack { reason: FallBack::Failing, ms: REST_MS });
    bench.pass(REST_MS);
    bench.subscriber.resume(after("99"));
    assert_eq!(bench.subscribe(Err(Fault::Unavailable)), after("99"));
    assert!(matches!(bench.next(), Step::Sleep { .. }), "they are counted anew");
}

#[test]
fn an_event_later_than_the_first_moment_is_a_success_though_it_brings_nothing() {
    let mut bench = Bench::open();
    for _ in 0..3 * FAILURES {
        bench.pass(SPACING_MS);
        assert!(bench.push(0, None, Some("10")));
        bench.lose(Loss::Failed(Fault::Unavailable));
        bench.subscribe(Ok(()));
    }
}

#[test]
fn what_is_refused_or_missing_is_polled_at_once() {
    for (fault, reason) in [
        (Fault::Missing, FallBack::Missing),
        (Fault::Denied, FallBack::Refused),
        (Fault::Invalid, FallBack::Refused),
    ] {
        let mut bench = Bench::new(Position::TrimHorizon);
        bench.subscribe(Err(fault));
        assert_eq!(bench.next(), Step::FallBack { reason, ms: REST_MS });
        let mut bench = Bench::open();
        bench.lose(Loss::Failed(fault));
        assert_eq!(bench.next(), Step::FallBack { reason, ms: REST_MS }, "in the stream, too");
    }
}

#[test]
fn the_tip_is_the_moment_of_the_first_subscription() {
    let mut bench = Bench::new(Position::Latest);
    let asked = bench.now.wall;
    assert!(matches!(bench.next(), Step::Subscribe(Position::Latest)));
    bench.pass(700);
    bench.subscriber.subscribed(&bench.now, Ok(()));
    bench.lose(Loss::Failed(Fault::Unavailable));
    assert_eq!(bench.subscribe(Ok(())), Position::At(asked));
}

#[test]
fn what_comes_without_a_subscription_does_not_count() {
    let mut bench = Bench::open();
    bench.lose(Loss::Silent);
    let event = Pushed { last: Some("10".into()), ..Pushed::default() };
    assert!(!bench.subscriber.pushed(&bench.now, event));
    assert_eq!(*bench.subscriber.position(), Position::TrimHorizon);
}

#[test]
fn idle_shards_reserve_little() {
    let mut bench = Bench::open();
    for _ in 0..4 {
        assert!(bench.push(0, None, Some("10")));
    }
    let Step::Listen(listen) = bench.next() else { panic!() };
    assert_eq!((listen.reserve, listen.silence_ms), (4_096, SILENCE_MS));
}
