use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What a watermark means, one record at a time.
#[derive(Debug, Default)]
struct Model {
    acked: BTreeSet<u64>,
    delivered: u64,
    generation: u32,
}

impl Model {
    fn done(&self) -> u64 {
        (0..).find(|index| !self.acked.contains(index)).unwrap()
    }

    fn ack(&mut self, generation: u32, index: u64) -> bool {
        generation == self.generation && index < self.delivered && self.acked.insert(index)
    }

    fn rewind(&mut self) -> u64 {
        let done = self.done();
        self.acked.split_off(&done);
        (self.delivered, self.generation) = (done, self.generation + 1);
        done
    }
}

#[derive(Clone, Debug)]
enum Step {
    Deliver(u32),
    /// An index as so many records behind the end (or beyond it), by a generation so old.
    Ack(i64, u32),
    AckRange(i64, u64, u32),
    Rewind,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let old = || prop_oneof![9 => Just(0u32), 1 => Just(1u32)];
    let step = prop_oneof![
        3 => (0u32..200).prop_map(Step::Deliver),
        8 => (-5i64..300, old()).prop_map(|(back, old)| Step::Ack(back, old)),
        4 => (-5i64..300, 0u64..200, old()).prop_map(|(b, n, old)| Step::AckRange(b, n, old)),
        1 => Just(Step::Rewind),
    ];
    prop::collection::vec(step, 0..100)
}

proptest! {
    #[test]
    fn it_does_what_the_model_does(steps in steps()) {
        let (mut watermark, mut model) = (Watermark::new(), Model::default());
        let index = |model: &Model, back: i64| model.delivered.saturating_add_signed(-back);
        for step in steps {
            match step {
                Step::Deliver(count) => {
                    let end = model.delivered + u64::from(count);
                    prop_assert_eq!(watermark.deliver(count), model.delivered..end);
                    model.delivered = end;
                }
                Step::Ack(back, old) => {
                    let (index, generation) =
                        (index(&model, back), model.generation.wrapping_sub(old));
                    prop_assert_eq!(
                        watermark.ack(generation, index),
                        model.ack(generation, index)
                    );
                }
                Step::AckRange(back, count, old) => {
                    let (start, generation) =
                        (index(&model, back), model.generation.wrapping_sub(old));
                    let range = start..start + count;
                    let fresh = range.clone().filter(|&i| model.ack(generation, i)).count() as u64;
                    prop_assert_eq!(watermark.ack_range(generation, range), fresh);
                }
                Step::Rewind => prop_assert_eq!(watermark.rewind(), model.rewind()),
            }
            prop_assert_eq!(watermark.done(), model.done());
            prop_assert_eq!(watermark.delivered(), model.delivered);
            prop_assert_eq!(watermark.generation(), model.generation);
            prop_assert!(watermark.acked.len() as u64 <= (model.delivered - model.done()) / 64 + 2);
        }
    }

    #[test]
    fn any_order_ends_at_the_end(order in Just((0..1_000u64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut watermark = Watermark::new();
        watermark.deliver(1_000);
        prop_assert!(order.iter().all(|&index| watermark.ack(0, index)));
        prop_assert_eq!(watermark.done(), 1_000);
        let mut at_once = Watermark::new();
        at_once.deliver(1_000);
        at_once.ack_range(0, 0..1_000);
        prop_assert_eq!(watermark, at_once);
    }
}

#[test]
fn an_open_record_holds_the_watermark_and_its_ack_releases_all_behind_it() {
    let mut watermark = Watermark::new();
    watermark.deliver(10_000);
    assert_eq!(watermark.ack_range(0, 1..10_000), 9_999);
    assert_eq!(watermark.done(), 0);
    assert!(watermark.ack(0, 0));
    assert_eq!(watermark.done(), 10_000);
    assert!(watermark.acked.len() <= 1);
}

#[test]
fn an_ack_from_before_a_rewind_does_not_count_for_the_redelivery() {
    let mut watermark = Watermark::new();
    watermark.deliver(3);
    let before = watermark.generation();
    watermark.ack(before, 0);
    watermark.ack(before, 2);
    assert_eq!(watermark.rewind(), 1);
    assert_eq!(watermark.deliver(2), 1..3);
    assert!(!watermark.ack(before, 1));
    assert_eq!(watermark.done(), 1);
    assert!(watermark.ack(watermark.generation(), 1));
    assert_eq!(watermark.done(), 2, "what was acknowledged beyond is forgotten");
}

#[test]
fn acks_twice_beyond_the_end_or_of_nothing_are_harmless() {
    let mut watermark = Watermark::new();
    assert!(!watermark.ack(0, 0));
    watermark.deliver(5);
    assert!(watermark.ack(0, 3));
    assert!(!watermark.ack(0, 3));
    assert!(!watermark.ack(0, 5));
    assert!(!watermark.ack(0, u64::MAX));
    assert_eq!(watermark.ack_range(0, 2..2), 0);
    assert_eq!(watermark.ack_range(0, 4..u64::MAX), 1);
    assert_eq!(watermark.ack_range(0, 0..5), 3);
    assert_eq!(watermark.done(), 5);
}

#[test]
fn an_aged_tenure_holds_no_memory_of_its_past() {
    let mut watermark = Watermark::new();
    for _ in 0..1_000 {
        let batch = watermark.deliver(10_000);
        assert_eq!(watermark.ack_range(0, batch), 10_000);
    }
    assert_eq!(watermark.done(), 10_000_000);
    assert!(watermark.acked.capacity() <= 1_024, "{}", watermark.acked.capacity());
}
