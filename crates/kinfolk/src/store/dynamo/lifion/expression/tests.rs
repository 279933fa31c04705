use std::collections::HashSet;

use super::super::attribute as at;
use super::*;
use crate::error::ErrorKind;

const NOTHING: &BTreeSet<Condition> = &BTreeSet::new();

#[test]
fn placeholders_count_on_without_repeating() {
    let names: Vec<String> = (0..2_000).map(counted).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert_eq!([&names[0], &names[35], &names[36], &names[1_331]], ["0", "Z", "00", "ZZ"]);
    assert_eq!(names[1_332], "000");
}

#[test]
fn equal_values_share_a_placeholder_and_ids_do_too() {
    let mut expression = Expression::new("stamp", NOTHING);
    let entry = Path::entry(at::SHARDS, "shard");
    expression
        .require(Condition::EntryVersion, Test::Is(entry.leaf(at::VERSION), encode::text("seen")));
    expression.set(entry.leaf(at::LEASE_OWNER), encode::text("seen"));
    expression.set(entry.leaf(at::LEASE_EXPIRATION), NULL);
    expression.set_stamp(entry.leaf(at::VERSION));
    expression.remove(entry.leaf(at::KF_FOR));
    let finished = expression.finish().unwrap();
    assert_eq!(finished.condition.unwrap(), "#s.#0.#v=:0");
    assert_eq!(finished.update.unwrap(), "SET #s.#0.#o=:0,#s.#0.#x=:n,#s.#0.#v=:v REMOVE #s.#0.#f");
    assert_eq!(finished.values.unwrap().len(), 3);
    assert_eq!(finished.names.unwrap()["#0"], "shard");
}

#[test]
fn a_condition_that_is_left_out_leaves_no_trace() {
    let left_out = BTreeSet::from([Condition::Beat]);
    let mut expression = Expression::new("stamp", &left_out);
    let beat = Path::entry(at::CONSUMERS, "me").leaf(at::HEARTBEAT);
    expression.require(Condition::Beat, Test::Is(beat, encode::text("now")));
    let finished = expression.finish().unwrap();
    assert!(finished.condition.is_none() && finished.update.is_none());
    assert!(finished.names.is_none() && finished.values.is_none());
}

#[test]
fn an_expression_may_have_4096_bytes_and_no_more() {
    for (length, fits) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
        let mut update = Expression::new("stamp", NOTHING);
        update.sets = "x".repeat(length - "SET ".len());
        let mut condition = Expression::new("stamp", NOTHING);
        condition.condition = "x".repeat(length);
        for expression in [update, condition] {
            assert_eq!(expression.finish().is_ok(), fits, "{length}");
        }
    }
}

#[test]
fn a_condition_may_have_300_operators_and_no_more() {
    for (tests, fits) in [(150, true), (151, false)] {
        let mut expression = Expression::new("stamp", NOTHING);
        for _ in 0..tests {
            let item = Path::item(at::STREAM_NAME);
            expression.require(Condition::ItemAbsent, Test::Absent(item));
        }
        // Each test is one operator, and so is each AND between two. One more for an even count.
        expression.operators += 1;
        // Short of bytes it should not be: 150 tests of this form would take more than there are.
        expression.condition.clear();
        match expression.finish() {
            Ok(_) => assert!(fits),
            Err(error) => {
                assert!(!fits);
                assert_eq!(error.kind(), ErrorKind::Internal);
                assert!(error.to_string().contains("302 operators of condition"), "{error}");
            }
        }
    }
}

#[test]
fn the_comparison_of_sequence_numbers_has_nine_operators() {
    let sequence = SequenceNumber::from("123");
    let mut expression = Expression::new("stamp", NOTHING);
    let checkpoint = Path::entry(at::SHARDS, "s").leaf(at::CHECKPOINT);
    expression.require(Condition::TenureNotBeyond, Test::NotBeyond(checkpoint, Some(&sequence)));
    assert_eq!(expression.operators, 9);
    assert_eq!(
        expression.finish().unwrap().condition.unwrap(),
        "(#s.#0.#q=:n OR size(#s.#0.#q)<:0 OR (size(#s.#0.#q)=:0 AND #s.#0.#q<=:1))"
    );
}
