use super::*;
use crate::aggregate::Aggregator;
use crate::producer::NewRecord;
use bytes::Bytes;
use kinfolk_core::sequence::Checkpoint;
use kinfolk_core::time::WallTime;

fn raw(sequence: &str, data: impl Into<Bytes>) -> Raw {
    Raw {
        sequence: sequence.into(),
        partition_key: Some("outer".to_owned()),
        data: data.into(),
        arrival: Some(WallTime(7)),
    }
}

/// An aggregate of records whose data are these.
fn aggregate(records: &[&str]) -> Bytes {
    let mut aggregator = Aggregator::new(usize::MAX);
    for data in records {
        let record = NewRecord::new(data.to_string()).partition_key(format!("key of {data}"));
        aggregator.add(record.explicit_hash_key(data.len() as u128)).expect("it fits");
    }
    aggregator.finish().expect("a record").data
}

fn part(sequence: &str, sub: u64) -> Option<Part> {
    Some(Part { sequence: sequence.into(), sub })
}

fn opener(from: Position, part: Option<Part>) -> Opener {
    Opener::new(Deaggregate::Auto, &from, part)
}

fn texts(page: &Page) -> Vec<&str> {
    page.iter().map(|record| std::str::from_utf8(record.data()).expect("text")).collect()
}

fn checkpoints(page: &Page) -> Vec<Checkpoint> {
    page.iter().map(|record| record.checkpoint()).collect()
}

#[test]
fn records_of_an_aggregate_stand_between_their_neighbours() {
    let page =
        Page::new(vec![raw("10", "a"), raw("11", aggregate(&["b", "cc", ""])), raw("12", "d")]);
    let bytes = page.bytes();
    let (page, refused) = opener(Position::After("9".into()), None).open(page);
    assert_eq!(texts(&page), ["a", "b", "cc", "", "d"]);
    assert_eq!((page.len(), page.bytes(), refused), (5, bytes, None));
    let inside = |sub| Checkpoint::new(Some("10".into()), part("11", sub));
    let expected =
        [Checkpoint::at("10"), inside(0), inside(1), Checkpoint::at("11"), Checkpoint::at("12")];
    assert_eq!(checkpoints(&page), expected);
    assert!(expected.is_sorted());
    let record = page.get(2).expect("a record");
    assert_eq!((record.sequence_number(), record.sub_sequence_number()), ("11", 1));
    assert_eq!(record.partition_key(), Some("key of cc"));
    assert_eq!((record.explicit_hash_key(), record.is_aggregated()), (Some(2), true));
    assert_eq!(record.arrival(), Some(WallTime(7)));
    let plain = page.get(4).expect("a record");
    assert_eq!(plain.partition_key(), Some("outer"));
    assert_eq!((plain.explicit_hash_key(), plain.is_aggregated()), (None, false));
    assert_eq!(plain.sub_sequence_number(), 0);
    assert_eq!(page.iter().len(), 5);
    assert_eq!(page.iter().nth(3).map(|record| record.sub_sequence_number()), Some(2));
    assert!(page.get(5).is_none());
}

#[test]
fn a_copy_of_a_record_is_the_same_and_lets_the_answer_go() {
    let page = Page::new(vec![raw("10", aggregate(&["first", "second"]))]);
    let (page, _) = opener(Position::After("9".into()), None).open(page);
    let record = page.get(0).expect("a record");
    let owned = record.detach();
    let copy = owned.as_record();
    assert_eq!(copy.data(), record.data());
    assert_eq!(copy.partition_key(), record.partition_key());
    assert_eq!(copy.explicit_hash_key(), record.explicit_hash_key());
    assert_eq!(copy.checkpoint(), record.checkpoint());
    assert_eq!(copy.sequence_number(), "10");
    drop(page);
    assert_eq!(owned.into_data(), "first");
}

#[test]
fn the_last_whole_record_is_that_of_the_answer_before_or_where_reading_began() {
    let mut opener = opener(Position::TrimHorizon, None);
    let open = |opener: &mut Opener, raws| checkpoints(&opener.open(Page::new(raws)).0);
    let first = open(&mut opener, vec![raw("10", aggregate(&["a", "b"]))]);
    assert_eq!(first, [Checkpoint::new(None, part("10", 0)), Checkpoint::at("10")]);
    assert_eq!(open(&mut opener, vec![]), []);
    open(&mut opener, vec![raw("11", "plain")]);
    let next = open(&mut opener, vec![raw("12", aggregate(&["c", "d"]))]);
    assert_eq!(next[0], Checkpoint::new(Some("11".into()), part("12", 0)));
    let again = open(&mut opener, vec![raw("12", aggregate(&["c", "d"]))]);
    assert_eq!(again[0], Checkpoint::new(None, part("12", 0)), "too little rather than too much");
}

#[test]
fn what_is_done_of_an_aggregate_is_left_out_and_nothing_else() {
    let answer = || {
        let two = aggregate(&["a", "b"]);
        Page::new(vec![raw("11", two.clone()), raw("12", two), raw("13", aggregate(&["c"]))])
    };
    let left = |done: Option<Part>| {
        let (page, _) = opener(Position::After("10".into()), done).open(answer());
        let records = page.iter();
        records
            .map(|r| (r.sequence_number().to_owned(), r.sub_sequence_number()))
            .collect::<Vec<_>>()
    };
    let all = left(None);
    assert_eq!(all.len(), 5);
    assert_eq!(left(part("11", 0)), all[1..]);
    assert_eq!(left(part("11", 1)), all[2..], "done to its end, and not stored as whole");
    assert_eq!(left(part("11", u64::MAX)), all[2..]);
    assert_eq!(left(part("9", 1)), all, "a part of a record that is gone");
    assert_eq!(left(part("13", 0)), all[..4]);
}

#[test]
fn an_answer_of_which_everything_is_done_is_empty_and_is_passed() {
    let mut opener = opener(Position::After("10".into()), part("11", 1));
    let (page, _) = opener.open(Page::new(vec![raw("11", aggregate(&["a", "b"]))]));
    assert!(page.is_empty() && page.get(0).is_none() && page.bytes() > 0);
    let (page, _) = opener.open(Page::new(vec![raw("12", aggregate(&["c", "d"]))]));
    assert_eq!(checkpoints(&page)[0], Checkpoint::new(Some("11".into()), part("12", 0)));
}

#[test]
fn what_cannot_be_opened_comes_as_it_came_and_is_told_once() {
    let mut broken = aggregate(&["a", "b"]).to_vec();
    *broken.last_mut().expect("a byte") ^= 1;
    let raws = || vec![raw("11", broken.clone()), raw("12", "plain"), raw("13", broken.clone())];
    let mut opener = opener(Position::After("10".into()), part("11", 0));
    let (page, refused) = opener.open(Page::new(raws()));
    assert_eq!(page.len(), 3);
    assert!(page.iter().zip(raws()).all(|(record, raw)| record.data() == raw.data));
    assert_eq!(checkpoints(&page)[0], Checkpoint::at("11"));
    let why = Malformed::Checksum;
    assert_eq!(refused, Some(Refused { sequence: "11".into(), why, records: 2 }));
}

#[test]
fn nothing_is_opened_unless_it_is_wanted() {
    let mut opener = Opener::new(Deaggregate::Off, &Position::TrimHorizon, part("11", 0));
    let data = aggregate(&["a", "b"]);
    let (page, refused) = opener.open(Page::new(vec![raw("11", data.clone())]));
    assert_eq!((page.len(), refused), (1, None));
    let record = page.get(0).expect("a record");
    assert_eq!((record.data(), record.is_aggregated()), (&data[..], false));
    assert_eq!(record.checkpoint(), Checkpoint::at("11"), "whole, whatever was done of it");
}
