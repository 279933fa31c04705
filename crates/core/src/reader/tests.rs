//! The reader's rules, one by one.

use super::*;
use crate::sequence::SequenceNumber;
use crate::time::WallTime;

mod model;
mod pace;

const MIB: u64 = 1024 * 1024;

/// A reader and a clock.
struct Bench {
    reader: Reader,
    now: Now,
}

impl Bench {
    fn new(position: Position) -> Self {
        let now = Now { mono: 50, boot: 9_000, wall: WallTime(1_700_000_000_000) };
        Self { reader: Reader::new(&"shardId-000000000007".into(), position, Pace::default()), now }
    }

    /// A reader that has its first iterator.
    fn with_iterator() -> Self {
        let mut bench = Self::new(Position::TrimHorizon);
        assert_eq!(bench.next(), Action::GetIterator(Position::TrimHorizon));
        bench.iterator(Ok("it-0"));
        bench
    }

    fn next(&mut self) -> Action {
        self.reader.next(&self.now)
    }

    fn iterator(&mut self, answer: Result<&str, Fault>) {
        self.reader.iterator(&self.now, answer.map(Arc::from));
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus(ms);
    }

    /// Sleeps if told to, and returns for how long, and what comes after.
    fn after_sleep(&mut self) -> (u64, Action) {
        match self.next() {
            Action::Sleep { ms } => {
                self.pass(ms - 1);
                assert_eq!(self.next(), Action::Sleep { ms: 1 }, "not earlier");
                self.pass(1);
                (ms, self.next())
            }
            action => (0, action),
        }
    }

    /// The next action after any sleep, which must be a fetch.
    fn fetch(&mut self) -> Fetch {
        match self.after_sleep() {
            (_, Action::Fetch(fetch)) => fetch,
            other => panic!("no fetch but {other:?}"),
        }
    }

    /// Fetches, is told this, and returns the sleep and what comes after it.
    fn answered(&mut self, answer: Result<Fetched, Fault>) -> (u64, Action) {
        self.fetch();
        assert!(self.reader.fetched(&self.now, answer));
        self.after_sleep()
    }

    /// The sleep after this answer; the next fetch is then under way.
    fn sleep_after(&mut self, answer: Fetched) -> u64 {
        assert!(self.reader.fetched(&self.now, Ok(answer)));
        let (ms, action) = self.after_sleep();
        assert!(matches!(action, Action::Fetch(_)), "{action:?}");
        ms
    }
}

fn empty(behind_ms: u64) -> Fetched {
    Fetched { next: Some("it".into()), behind_ms: Some(behind_ms), ..Fetched::default() }
}

fn records(last: &str, records: u32, bytes: u64) -> Fetched {
    Fetched { records, bytes, last: Some(last.into()), ..empty(0) }
}

fn after(sequence: &str) -> Position {
    Position::After(SequenceNumber::new(sequence))
}

#[test]
fn the_first_read_is_immediate() {
    let mut bench = Bench::with_iterator();
    let fetch = Fetch { iterator: "it-0".into(), limit: 10_000, reserve: 10 * MIB };
    assert_eq!(bench.next(), Action::Fetch(fetch));
}

#[test]
fn after_records_an_expired_iterator_goes_on_after_the_last_one() {
    let mut bench = Bench::with_iterator();
    bench.answered(Ok(records("41", 3, 300)));
    assert!(bench.reader.fetched(&bench.now, Err(Fault::Expired)));
    assert_eq!(bench.after_sleep(), (205, Action::GetIterator(after("41"))));
    assert_eq!(bench.reader.position(), &after("41"));
}

#[test]
fn before_the_first_record_an_expired_iterator_starts_over() {
    for position in [Position::TrimHorizon, Position::From("7".into()), after("6")] {
        let mut bench = Bench::new(position.clone());
        bench.next();
        bench.iterator(Ok("it-0"));
        bench.answered(Ok(empty(5)));
        assert!(bench.reader.fetched(&bench.now, Err(Fault::Expired)));
        assert_eq!(bench.after_sleep().1, Action::GetIterator(position));
    }
}

#[test]
fn latest_becomes_the_time_at_which_the_first_iterator_was_asked_for() {
    let mut bench = Bench::new(Position::Latest);
    assert_eq!(bench.next(), Action::GetIterator(Position::Latest));
    let asked = bench.now.wall;
    assert_eq!(bench.reader.position(), &Position::Latest);
    bench.pass(300);
    bench.iterator(Ok("it-0"));
    assert_eq!(bench.answered(Err(Fault::Expired)).1, Action::GetIterator(Position::At(asked)));
    assert_eq!(bench.reader.position(), &Position::At(asked));
}

#[test]
fn an_iterator_older_than_four_and_a_half_minutes_is_not_used() {
    let mut bench = Bench::with_iterator();
    bench.pass(270_000);
    assert!(matches!(bench.next(), Action::Fetch(_)));
    let mut bench = Bench::with_iterator();
    bench.pass(270_001);
    assert_eq!(bench.next(), Action::GetIterator(Position::TrimHorizon));
}

#[test]
fn the_age_of_an_iterator_counts_the_time_asleep() {
    let mut bench = Bench::with_iterator();
    bench.now.boot += 270_001;
    assert_eq!(bench.next(), Action::GetIterator(Position::TrimHorizon));
}

#[test]
fn no_next_iterator_or_an_empty_one_is_the_end_and_it_stays_ended() {
    let child = |id: &str| ChildShard { id: id.into(), parents: vec!["shardId-7".into()] };
    let children = vec![child("shardId-8"), child("shardId-9")];
    for next in [None, Some(Arc::from(""))] {
        let mut bench = Bench::with_iterator();
        bench.fetch();
        let last = Fetched { next, children: children.clone(), ..records("9", 1, 10) };
        assert!(bench.reader.fetched(&bench.now, Ok(last)));
        for _ in 0..3 {
            assert_eq!(bench.next(), Action::End { children: children.clone() });
            bench.pass(1_000_000);
        }
        assert_eq!(bench.reader.position(), &after("9"));
    }
}

#[test]
fn a_rewind_reads_again_even_after_the_end() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    let last = Fetched { next: None, ..records("9", 5, 10) };
    assert!(bench.reader.fetched(&bench.now, Ok(last)));
    bench.reader.rewind(after("4"));
    assert_eq!(bench.after_sleep().1, Action::GetIterator(after("4")));
}

#[test]
fn an_answer_from_before_a_rewind_does_not_count() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    bench.reader.rewind(after("4"));
    assert!(!bench.reader.fetched(&bench.now, Ok(records("9", 5, 10))));
    assert_eq!(bench.after_sleep().1, Action::GetIterator(after("4")));
    bench.reader.rewind(after("3"));
    bench.iterator(Ok("behind 4"));
    assert_eq!(bench.next(), Action::GetIterator(after("3")));
}

#[test]
fn a_call_dropped_without_an_answer_is_asked_for_again() {
    let mut bench = Bench::with_iterator();
    let first = bench.fetch();
    assert_eq!(bench.after_sleep(), (205, Action::Fetch(first)));
}

#[test]
fn a_problem_is_reported_once_a_streak_and_a_new_iterator_tried() {
    let problems = [
        (Fault::Missing, Problem::Missing),
        (Fault::Denied, Problem::Denied),
        (Fault::Invalid, Problem::Invalid),
    ];
    for (fault, problem) in problems {
        let mut bench = Bench::with_iterator();
        for _ in 0..2 {
            assert_eq!(bench.answered(Err(fault)), (0, Action::Report(problem)));
            for _ in 0..9 {
                let (ms, action) = bench.after_sleep();
                assert!((1_000..=30_000).contains(&ms), "{ms}");
                assert_eq!(action, Action::GetIterator(Position::TrimHorizon));
                bench.iterator(Err(fault));
            }
            bench.after_sleep();
            bench.iterator(Ok("it-0"));
            bench.answered(Ok(empty(1)));
        }
    }
}

#[test]
fn an_iterator_that_expires_before_it_exists_does_not_make_the_reader_spin() {
    let mut bench = Bench::new(Position::TrimHorizon);
    bench.next();
    bench.iterator(Err(Fault::Expired));
    assert!(matches!(bench.next(), Action::Sleep { ms: 200.. }));
}
