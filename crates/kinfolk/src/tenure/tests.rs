use super::*;
use crate::aggregate::{Aggregator, Deaggregate};
use crate::clock::Clock;
use crate::producer::NewRecord;
use crate::record::Raw;
use bytes::Bytes;
use futures_util::FutureExt;
use kinfolk_core::reader::Position;
use kinfolk_core::sequence::{Checkpoint, Part};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Now {
        Now::default().plus(self.0.load(Ordering::Relaxed))
    }
}

struct Bench {
    clock: Arc<HandClock>,
    signals: Signals,
    tenure: Tenure,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(HandClock::default());
        let fence = Arc::new(Fence::new(clock.clone()));
        fence.believe(Now::default(), 1_000);
        let (ready, stirred) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let signals = Signals { fence, ready, stirred };
        let tenure = Tenure::new("s".into(), 7, "w".into(), signals.clone(), opener());
        tenure.resume();
        Self { clock, signals, tenure }
    }

    fn push(&self, sequences: std::ops::Range<u32>) {
        let raw = |n: u32| Raw {
            sequence: format!("{n:05}").as_str().into(),
            partition_key: None,
            data: Bytes::from_static(b"x"),
            arrival: None,
        };
        self.tenure.push(Page::new(sequences.map(raw).collect()));
    }

    fn take(&self, most: usize) -> Handed {
        self.tenure.take(most).expect("records")
    }

    fn ack(&self, handed: &Handed) -> bool {
        let end = handed.first + handed.range.len() as u64;
        self.tenure.ack(handed.generation, handed.first..end)
    }

    fn done(&self) -> Option<String> {
        let progress = self.tenure.progress()?;
        progress.checkpoint.sequence.map(|sequence| sequence.to_string())
    }

    fn stirred(&self) -> bool {
        self.signals.stirred.notified().now_or_never().is_some()
    }

    fn wait(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
        self.signals.fence.believe(self.clock.now(), 1_000);
    }
}

fn opener() -> Opener {
    Opener::new(Deaggregate::Auto, &Position::TrimHorizon, None)
}

fn first(handed: &Handed) -> &str {
    handed.page.get(handed.range.start).expect("a record").sequence_number()
}

#[test]
fn progress_is_the_last_record_before_the_first_that_is_not_done() {
    let bench = Bench::new();
    bench.push(0..3);
    bench.push(3..6);
    let hands: Vec<_> = (0..6).map(|_| bench.take(1)).collect();
    for index in [1, 2, 4] {
        assert!(bench.ack(&hands[index]));
    }
    assert_eq!(bench.done(), None, "nothing may pass the first record");
    assert!(bench.ack(&hands[0]));
    assert_eq!(bench.done().as_deref(), Some("00002"), "it ends at a page's end");
    assert_eq!(bench.done(), None, "and is told once");
    assert!(bench.ack(&hands[3]));
    assert_eq!(bench.done().as_deref(), Some("00004"));
}

#[test]
fn a_nack_hands_out_again_from_the_watermark_after_a_pause() {
    let bench = Bench::new();
    bench.push(0..4);
    let (zero, one, two) = (bench.take(1), bench.take(1), bench.take(1));
    assert!(bench.ack(&zero) && bench.ack(&two));
    bench.tenure.put_down(1, Some(one.generation));
    assert!(matches!(bench.tenure.take(1), Err(Some(ms)) if (100..=200).contains(&ms)));
    bench.wait(200);
    let again = bench.take(10);
    assert_eq!((first(&again), again.range.len()), ("00001", 3), "with all that follows");
    assert!(!bench.ack(&one), "an earlier generation's acknowledgement does not count");
    assert!(bench.ack(&again));
    assert_eq!(bench.done().as_deref(), Some("00003"));
}

#[test]
fn pauses_grow_until_something_is_acknowledged() {
    let bench = Bench::new();
    bench.push(0..1);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let handed = bench.take(1);
        bench.tenure.put_down(1, Some(handed.generation));
        let pause = bench.tenure.take(1).expect_err("a pause").expect("of known length");
        pauses.push(pause);
        bench.wait(pause);
    }
    assert!(pauses[3] >= 800 && pauses[0] <= 200, "{pauses:?}");
}

#[test]
fn a_closed_fence_hands_out_nothing_and_takes_acknowledgements() {
    let bench = Bench::new();
    bench.push(0..2);
    let handed = bench.take(1);
    bench.clock.0.store(1_000, Ordering::Relaxed);
    assert!(bench.tenure.take(1).is_err());
    assert!(bench.ack(&handed), "the lease may well be ours still");
    bench.signals.fence.believe(bench.clock.now(), 1_000);
    assert_eq!(first(&bench.take(1)), "00001");
}

#[test]
fn a_drain_waits_for_what_is_out_whatever_its_generation() {
    let bench = Bench::new();
    bench.push(0..3);
    let (a, b) = (bench.take(1), bench.take(1));
    bench.tenure.put_down(1, Some(b.generation));
    bench.tenure.drain();
    assert!(!bench.tenure.is_drained());
    assert!(bench.tenure.take(1).is_err());
    assert!(bench.stirred());
    bench.tenure.put_down(1, Some(a.generation));
    assert!(bench.tenure.is_drained() && bench.stirred());
    bench.tenure.resume();
    bench.wait(500);
    assert_eq!(first(&bench.take(1)), "00000", "called off, it goes on");
}

#[test]
fn the_end_is_told_once_every_record_is_done() {
    let bench = Bench::new();
    bench.push(0..1);
    let handed = bench.take(1);
    bench.tenure.end(vec!["child".into()]);
    assert_eq!(bench.tenure.ended(), None);
    bench.tenure.put_down(1, Some(handed.generation));
    assert_eq!(bench.tenure.ended(), None, "a nack at the end is not lost");
    bench.wait(500);
    let again = bench.take(1);
    assert!(bench.stirred());
    assert!(bench.ack(&again) && bench.stirred());
    assert_eq!(bench.tenure.ended(), Some(vec!["child".into()]));
}

#[test]
fn a_closed_tenure_takes_and_gives_nothing_and_tells_its_holders() {
    let bench = Bench::new();
    bench.push(0..2);
    let handed = bench.take(1);
    assert!(bench.tenure.closed().now_or_never().is_none());
    bench.tenure.close();
    assert!(bench.tenure.closed().now_or_never().is_some());
    assert!(!bench.ack(&handed));
    assert_eq!(bench.done(), None);
    bench.push(2..4);
    assert!(bench.tenure.take(1).is_err());
    bench.tenure.resume();
    assert!(bench.tenure.is_closed());
}

#[test]
fn two_pages_wait_at_the_most() {
    let bench = Bench::new();
    assert!(bench.tenure.has_room());
    bench.push(0..2);
    bench.push(2..4);
    assert!(!bench.tenure.has_room());
    let handed = bench.take(10);
    assert!(bench.tenure.has_room(), "a page in hands is not one that waits");
    bench.tenure.put_down(2, Some(handed.generation));
    assert!(!bench.tenure.has_room());
}

#[test]
fn what_was_read_ahead_comes_out_only_once_the_lease_is_there() {
    let bench = Bench::new();
    let tenure = Tenure::new("s".into(), 8, "w".into(), bench.signals.clone(), opener());
    assert!(tenure.has_room());
    let raw = Raw { sequence: "1".into(), partition_key: None, data: Bytes::new(), arrival: None };
    tenure.push(Page::new(vec![raw]));
    assert!(tenure.take(1).is_err());
    tenure.resume();
    assert!(tenure.take(1).is_ok());
}

#[test]
fn an_end_that_was_read_ahead_is_told_once_the_lease_is_there() {
    let bench = Bench::new();
    let tenure = Tenure::new("s".into(), 8, "w".into(), bench.signals.clone(), opener());
    tenure.end(vec!["child".into()]);
    assert!(bench.stirred());
    assert_eq!(tenure.ended(), None, "nobody could end the shard yet");
    tenure.resume();
    assert!(bench.stirred());
    assert_eq!(tenure.ended(), Some(vec!["child".into()]));
}

#[test]
fn progress_in_an_aggregate_is_a_part_of_it_until_its_last_record() {
    let bench = Bench::new();
    bench.push(0..1);
    let mut aggregator = Aggregator::new(usize::MAX);
    for data in ["a", "b", "c"] {
        aggregator.add(NewRecord::new(data)).expect("it fits");
    }
    let data = aggregator.finish().expect("a record").data;
    let raw = Raw { sequence: "00001".into(), partition_key: None, data, arrival: None };
    assert_eq!(bench.tenure.push(Page::new(vec![raw])), None);
    let checkpoint = || bench.tenure.progress().map(|progress| progress.checkpoint);
    let part = |sub| Some(Part { sequence: "00001".into(), sub });
    let inside = |sub| Some(Checkpoint::new(Some("00000".into()), part(sub)));
    let (plain, a, b, c) = (bench.take(1), bench.take(1), bench.take(1), bench.take(1));
    assert!(bench.ack(&a));
    assert_eq!(checkpoint(), None, "the record before it is not done");
    assert!(bench.ack(&plain));
    assert_eq!(checkpoint(), inside(0));
    bench.tenure.put_down(1, Some(b.generation));
    assert!(!bench.ack(&c));
    bench.wait(200);
    let again = bench.take(10);
    assert_eq!(again.range, 1..3, "what is done of it does not come again");
    assert!(bench.tenure.ack(again.generation, again.first..again.first + 1));
    assert_eq!(checkpoint(), inside(1));
    assert!(bench.ack(&again));
    assert_eq!(checkpoint(), Some(Checkpoint::at("00001")));
}
