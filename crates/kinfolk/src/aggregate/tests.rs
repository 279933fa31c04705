use super::*;
use crate::producer::NewRecord;
use proptest::collection::vec;
use proptest::prelude::*;

/// What an aggregate says of a record: partition key, hash key, data.
type Said = (String, Option<u128>, Vec<u8>);

fn said(aggregate: &[u8], record: &UserRecord) -> Said {
    let key = text(aggregate, record.partition_key).expect("UTF-8").to_owned();
    let hash = record.explicit_hash_key;
    let hash = hash.map(|key| hash_key(aggregate, key).expect("a number"));
    (key, hash, record.data.of(aggregate).to_vec())
}

fn opened(aggregate: &[u8]) -> Vec<Said> {
    let records = open(aggregate).expect("well formed").expect("an aggregate");
    records.iter().map(|record| said(aggregate, record)).collect()
}

fn aggregate(records: &[Said]) -> NewRecord {
    let mut aggregator = Aggregator::new(usize::MAX);
    for (key, hash_key, data) in records.iter().cloned() {
        let record = NewRecord::new(data).partition_key(key);
        let record = NewRecord { explicit_hash_key: hash_key, ..record };
        aggregator.add(record).expect("it fits");
    }
    let bytes = aggregator.bytes();
    let aggregate = aggregator.finish().expect("it holds records");
    let key = aggregate.partition_key.as_deref().expect("a key");
    assert_eq!(aggregate.data.len() + key.len(), bytes, "it knows its size");
    assert!(aggregator.is_empty() && aggregator.finish().is_none());
    aggregate
}

fn records() -> impl Strategy<Value = Vec<Said>> {
    let key = prop_oneof!["[a-c]", ".{1,40}"];
    let hash_key = proptest::option::of(prop_oneof![0..3u128, any::<u128>()]);
    vec((key, hash_key, vec(any::<u8>(), 0..200)), 1..40)
}

proptest! {
    #[test]
    fn what_is_put_in_comes_out(records in records()) {
        let aggregate = aggregate(&records);
        prop_assert_eq!(aggregate.partition_key.as_ref(), Some(&records[0].0));
        prop_assert_eq!(aggregate.explicit_hash_key, records[0].1);
        prop_assert_eq!(opened(&aggregate.data), records);
    }

    #[test]
    fn a_byte_that_is_wrong_is_noticed(records in records(), at: prop::sample::Index, bits in 1u8..) {
        let mut bytes = aggregate(&records).data.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let expected = if at < MAGIC.len() { Ok(None) } else { Err(Malformed::Checksum) };
        prop_assert_eq!(open(&bytes), expected);
    }

    #[test]
    fn a_piece_of_an_aggregate_is_none(records in records(), at: prop::sample::Index) {
        let bytes = aggregate(&records).data;
        let piece = &bytes[..at.index(bytes.len())];
        prop_assert!(!matches!(open(piece), Ok(Some(_))));
    }

    #[test]
    fn any_bytes_are_opened_or_refused_within_their_bounds(
        message in prop_oneof![vec(any::<u8>(), 0..300), fields()],
    ) {
        opens_within_its_bounds(&message);
        opens_within_its_bounds(&wrapped(&message));
    }
}

/// Bytes that are nearly a message: tags that occur, with lengths that may lie.
fn fields() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop::sample::select(vec![0x08, 0x0A, 0x10, 0x12, 0x1A, 0x22, 0x0D, 0x09, 0x0B]);
    let field = (tag, 0..12u8, vec(0..4u8, 0..8)).prop_map(|(tag, len, bytes)| {
        let mut field = vec![tag, len];
        field.extend(bytes);
        field
    });
    vec(
        prop_oneof![field, Just(b"\x0A\x01a".to_vec()), Just(b"\x1A\x04\x08\x00\x1A\x00".to_vec())],
        0..20,
    )
    .prop_map(|fields| fields.concat())
}

#[test]
fn what_aws_python_package_wrote_is_read_and_written_as_it_was() {
    let golden = include_str!("../../../../testdata/aggregates.ndjson");
    let mut cases = 0;
    for line in golden.lines() {
        let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let bytes = hex(case["aggregate"].as_str().expect("a text"));
        let records = case["records"].as_array().expect("records").iter().map(|record| {
            let text = |name: &str| record[name].as_str().map(str::to_owned);
            let hash_key = text("explicit_hash_key").map(|key| key.parse().expect("a number"));
            let data = hex(&text("data").expect("data"));
            (text("partition_key").expect("a key"), hash_key, data)
        });
        let records: Vec<Said> = records.collect();
        assert_eq!(opened(&bytes), records, "{}", case["name"]);
        assert_eq!(aggregate(&records).data, bytes, "{}", case["name"]);
        cases += 1;
    }
    assert_eq!(cases, 5);
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn each_fault_has_its_name() {
    let key = b"\x0A\x01k";
    let record = b"\x1A\x05\x08\x00\x1A\x01d";
    let of = |parts: &[&[u8]]| open(&wrapped(&parts.concat()));
    let is_one = |opened: Result<Option<Vec<UserRecord>>, Malformed>| matches!(opened, Ok(Some(records)) if records.len() == 1);
    assert!(is_one(of(&[key, record])));
    assert!(is_one(of(&[record, key])), "the tables may come last");
    assert!(
        is_one(of(&[key, record, b"\x20\x07\x2A\x02ab\x35abcd\x39abcdefgh"])),
        "unknown fields"
    );
    assert!(is_one(of(&[key, b"\x08\x01\x12\x010", record])), "a field of another type");
    assert!(is_one(of(&[key, b"\x1A\x0B\x08\x00\x1A\x01d\x22\x04\x0A\x02ab"])), "tags");
    assert!(is_one(of(&[key, b"\x1A\x07\x08\x05\x08\x00\x1A\x01d"])), "the last of two counts");
    let long = [&b"\x1A\x0E\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x1A\x01d"[..]].concat();
    assert!(is_one(of(&[key, &long])), "a zero of ten bytes");
    for (why, parts) in [
        (Malformed::Empty, &[][..]),
        (Malformed::Empty, &[&key[..]]),
        (Malformed::Index, &[&record[..]]),
        (Malformed::Index, &[&key[..], b"\x1A\x05\x08\x01\x1A\x01d"]),
        (Malformed::Index, &[&key[..], b"\x1A\x07\x08\x00\x10\x00\x1A\x01d"]),
        (Malformed::Key, &[&b"\x0A\x01\xFF"[..], record]),
        (Malformed::Key, &[&key[..], b"\x12\x03abc", record]),
        (Malformed::Key, &[&key[..], b"\x12\x00", record]),
        (Malformed::Encoding, &[&key[..], b"\x1A\x02\x08\x00"]),
        (Malformed::Encoding, &[&key[..], b"\x1A\x03\x1A\x01d"]),
        (Malformed::Encoding, &[&key[..], b"\x1A\x06\x08\x00\x1A\x01d"]),
        (Malformed::Encoding, &[&key[..], record, b"\x1B\x1C"]),
        (Malformed::Encoding, &[&key[..], record, b"\x02\x00"]),
        (Malformed::Encoding, &[&key[..], record, b"\x1A"]),
        (Malformed::Encoding, &[&key[..], record, b"\x1A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"]),
        (Malformed::Encoding, &[&key[..], record, b"\x20\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"]),
        (
            Malformed::Encoding,
            &[&key[..], record, b"\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"],
        ),
        (Malformed::Encoding, &[&key[..], record, b"\xFF\xFF\xFF\xFF\x7F\x00"]),
    ] {
        assert_eq!(of(parts), Err(why), "{parts:x?}");
    }
    assert_eq!(open(&MAGIC), Err(Malformed::Checksum));
    assert_eq!(open(b""), Ok(None));
}

#[test]
fn an_aggregator_stops_at_its_limit_and_gives_back_what_does_not_fit() {
    let record = |data: &str| NewRecord::new(data.to_owned()).partition_key("k");
    // Magic, key twice, MD5: 4 + 3 + 1 + 16. A record of two bytes: 8.
    let mut aggregator = Aggregator::new(24 + 2 * 8);
    assert_eq!(aggregator.add(record("aa")), Ok(()));
    assert_eq!(aggregator.add(record("bbb")), Err(record("bbb")));
    assert_eq!(aggregator.add(record("bb")), Ok(()));
    assert_eq!((aggregator.len(), aggregator.bytes()), (2, 40));
    assert_eq!(aggregator.add(record("")), Err(record("")));
    assert!(aggregator.finish().is_some() && aggregator.is_empty());
    let large = record(&"x".repeat(40));
    assert_eq!(aggregator.add(large.clone()), Err(large));
    assert!(aggregator.finish().is_none());
}

#[test]
fn a_record_without_a_key_keeps_the_one_that_it_would_have_had() {
    let mut aggregator = Aggregator::new(1_000);
    aggregator.add(NewRecord::new("{\"id\":1}")).expect("it fits");
    let aggregate = aggregator.finish().expect("a record");
    assert_eq!(opened(&aggregate.data)[0].0, "h5EdGu1QmHe4OkjsU292jNzSLfE=");
}
