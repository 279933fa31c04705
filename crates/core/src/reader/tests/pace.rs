//! How fast and how much it reads.

use super::*;

const KIB: u64 = 1024;

#[test]
fn empty_answers_behind_the_tip_go_on_at_full_pace() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    for behind_ms in [3_600_000, 60_000, 1] {
        assert_eq!(bench.sleep_after(empty(behind_ms)), 205);
        assert_eq!(bench.reader.behind_ms(), Some(behind_ms));
    }
}

#[test]
fn a_full_answer_goes_on_at_full_pace() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    assert_eq!(bench.sleep_after(records("1", 10_000, 10_000)), 205);
}

#[test]
fn at_the_tip_reads_grow_rarer_while_nothing_comes() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    assert_eq!(bench.sleep_after(records("1", 1, 10)), 250);
    let sleeps: Vec<u64> = (0..5).map(|_| bench.sleep_after(empty(0))).collect();
    assert_eq!(sleeps, [375, 562, 843, 1_000, 1_000]);
    assert_eq!(bench.sleep_after(records("2", 1, 10)), 250);
}

#[test]
fn a_large_answer_waits_until_its_bytes_are_paid_for() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    assert_eq!(
        bench.sleep_after(Fetched { behind_ms: Some(1), ..records("1", 9, 10 * MIB) }),
        5_000
    );
    assert_eq!(bench.sleep_after(Fetched { behind_ms: Some(1), ..records("2", 9, MIB) }), 500);
}

#[test]
fn waits_count_from_the_read_not_from_its_answer() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    bench.pass(150);
    assert_eq!(bench.sleep_after(empty(1)), 55);
    bench.pass(4_000);
    assert_eq!(bench.sleep_after(records("1", 9, 10 * MIB)), 1_000);
}

#[test]
fn reads_are_spaced_by_when_they_go_out() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    bench.pass(190);
    bench.reader.sent(&bench.now);
    assert_eq!(bench.sleep_after(empty(1)), 205);
}

#[test]
fn a_throttled_read_backs_off_and_keeps_its_iterator() {
    let mut bench = Bench::with_iterator();
    for (least, most) in [(250, 500), (500, 1_000), (1_000, 2_000), (2_000, 4_000), (2_500, 5_000)]
    {
        let iterator = bench.fetch().iterator;
        assert_eq!(&*iterator, "it-0");
        assert!(bench.reader.fetched(&bench.now, Err(Fault::Throttled)));
        let Action::Sleep { ms } = bench.next() else { panic!("no backoff") };
        assert!((least..=most).contains(&ms), "{ms}");
    }
}

#[test]
fn an_unavailable_source_is_left_alone_for_longer_each_time() {
    let mut bench = Bench::new(Position::TrimHorizon);
    for (least, most) in [(200, 400), (400, 800), (800, 1_600), (1_600, 3_200), (3_200, 6_400)] {
        assert_eq!(bench.after_sleep().1, Action::GetIterator(Position::TrimHorizon));
        bench.iterator(Err(Fault::Unavailable));
        let Action::Sleep { ms } = bench.next() else { panic!("no backoff") };
        assert!((least..=most).contains(&ms), "{ms}");
    }
}

#[test]
fn a_read_that_succeeds_ends_the_backoff() {
    let mut bench = Bench::with_iterator();
    for _ in 0..9 {
        bench.answered(Err(Fault::Throttled));
    }
    bench.sleep_after(empty(1));
    assert!(bench.reader.fetched(&bench.now, Err(Fault::Throttled)));
    assert!(bench.after_sleep().0 <= 500);
}

#[test]
fn the_reserve_is_the_largest_of_the_last_answers() {
    let mut bench = Bench::with_iterator();
    bench.fetch();
    let mut reserve_after = |bytes| {
        assert!(bench.reader.fetched(&bench.now, Ok(records("1", 10, bytes))));
        bench.fetch().reserve
    };
    assert_eq!(reserve_after(3 * MIB), 3 * MIB);
    assert_eq!(reserve_after(200 * KIB), 3 * MIB);
    assert_eq!(reserve_after(40 * MIB), 10 * MIB);
    let aged: Vec<u64> = (0..4).map(|_| reserve_after(0)).collect();
    assert_eq!(aged, [10 * MIB, 10 * MIB, 10 * MIB, 64 * KIB]);
}

#[test]
fn a_small_budget_asks_for_as_many_records_as_fit() {
    let mut bench = Bench::with_iterator();
    bench.reader.shrink(640 * KIB);
    let careful = bench.fetch();
    assert_eq!((careful.limit, careful.reserve), (10, 640 * KIB));
    bench.sleep_after(records("1", 100, 200_000));
    bench.reader.shrink(500_000);
    let known = bench.fetch();
    assert_eq!((known.limit, known.reserve), (250, 200_000));
    bench.reader.shrink(1_999);
    assert_eq!(bench.fetch().limit, 1, "at least one, however large");
    bench.reader.shrink(u64::MAX);
    assert_eq!(bench.fetch().limit, 10_000);
}

#[test]
fn settings_of_nothing_neither_stop_nor_spin() {
    let pace =
        Pace { reads_per_second: 0, bytes_per_second: 0, tip_min_ms: 0, tip_max_ms: 0, limit: 0 };
    let mut bench = Bench::with_iterator();
    bench.reader.pace = pace;
    assert_eq!(bench.fetch().limit, 1);
    assert_eq!(bench.sleep_after(empty(0)), 1_025);
}
