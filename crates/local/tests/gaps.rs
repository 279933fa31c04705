//! Where `ferrokinesis` alone answers otherwise than AWS: one group of tests for each numbered gap.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test has its own time and tasks, and fails by panicking"
)]

mod common;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_kinesis::{
    operation::{get_records::GetRecordsOutput, subscribe_to_shard::SubscribeToShardOutput},
    primitives::{Blob, DateTime},
    types::{
        PutRecordsRequestEntry, ScalingType, ShardFilter, ShardFilterType, ShardIteratorType,
        StartingPosition, StreamMode, StreamModeDetails, SubscribeToShardEvent,
        SubscribeToShardEventStream,
    },
};
use ciborium::Value as Cbor;
use common::{Kinesis, active, put, start, stream};
use kinfolk_local::{Local, LocalBuilder};

const SHARD_0: &str = "shardId-000000000000";

/// No read limits: these tests read as often as they like.
fn unlimited() -> LocalBuilder {
    Local::builder().read_limits(false)
}

async fn iterator(kinesis: &Kinesis, stream: &str, shard: &str, kind: ShardIteratorType) -> String {
    let call =
        kinesis.get_shard_iterator().stream_name(stream).shard_id(shard).shard_iterator_type(kind);
    call.send().await.unwrap().shard_iterator.unwrap()
}

async fn get(kinesis: &Kinesis, iterator: impl Into<String>) -> GetRecordsOutput {
    kinesis.get_records().shard_iterator(iterator).send().await.unwrap()
}

async fn split(kinesis: &Kinesis, stream: &str, shard: &str) {
    let middle = (u128::MAX / 2 + 1).to_string();
    let call = kinesis
        .split_shard()
        .stream_name(stream)
        .shard_to_split(shard)
        .new_starting_hash_key(middle);
    call.send().await.unwrap();
    active(kinesis, stream).await;
}

fn code<E: aws_sdk_kinesis::error::ProvideErrorMetadata>(error: &E) -> &str {
    error.code().unwrap_or("")
}

// Gap 1: sizes and CBOR times.

#[tokio::test]
async fn gap1_a_record_of_10_mib_comes_back_whole_by_polling_and_by_fan_out() {
    let (_local, kinesis) = start(unlimited()).await;
    let arn = stream(&kinesis, "big", 1).await;
    let data: Vec<u8> = (0..(10 << 20) - 1).map(|n: u32| n as u8).collect();
    put(&kinesis, "big", "k", data.clone()).await;
    let first = iterator(&kinesis, "big", SHARD_0, ShardIteratorType::TrimHorizon).await;
    assert!(get(&kinesis, first).await.records[0].data.as_ref() == data);

    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::TrimHorizon).await.unwrap();
    let event = next(&mut events).await.unwrap();
    assert!(event.records[0].data.as_ref() == data);

    let data = Blob::new(vec![0; 10 << 20]);
    let refused = kinesis
        .put_record()
        .stream_name("big")
        .partition_key("k")
        .data(data)
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&refused.into_service_error()), "ValidationException");
}

#[tokio::test]
async fn gap1_a_call_holds_10_mib_and_no_more() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "big", 1).await;
    let call = |records: usize| {
        let entry = PutRecordsRequestEntry::builder()
            .partition_key("k")
            .data(Blob::new(vec![7; (1 << 20) - 1]));
        kinesis
            .put_records()
            .stream_name("big")
            .set_records(Some(vec![entry.build().unwrap(); records]))
            .send()
    };
    assert_eq!(call(10).await.unwrap().failed_record_count, Some(0));
    assert_eq!(code(&call(11).await.unwrap_err().into_service_error()), "InvalidArgumentException");
}

#[tokio::test]
async fn gap1_a_thousand_shards_are_no_trouble() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "wide", 1000).await;
    let summary = kinesis.describe_stream_summary().stream_name("wide").send().await.unwrap();
    assert_eq!(summary.stream_description_summary.unwrap().open_shard_count, 1000);
}

#[tokio::test]
async fn gap1_cbor_times_are_whole_milliseconds_and_data_is_bytes() {
    let (local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "cbor", 1).await;
    let text = |text: &str| Cbor::Text(text.into());
    let ask = |fields: Vec<(&str, Cbor)>| {
        Cbor::Map(
            fields.into_iter().map(|(name, value)| (Cbor::Text(name.into()), value)).collect(),
        )
    };
    let put = ask(vec![
        ("StreamName", text("cbor")),
        ("PartitionKey", text("k")),
        ("Data", Cbor::Bytes(vec![0, 159, 255])),
    ]);
    let (status, _) = common::cbor(&local, "PutRecord", &put).await;
    assert_eq!(status, 200);

    let time = Cbor::Tag(1, Box::new(Cbor::Integer(1_000.into())));
    let from = ask(vec![
        ("StreamName", text("cbor")),
        ("ShardId", text(SHARD_0)),
        ("ShardIteratorType", text("AT_TIMESTAMP")),
        ("Timestamp", time),
    ]);
    let (_, answer) = common::cbor(&local, "GetShardIterator", &from).await;
    let iterator = common::field(&answer, "ShardIterator").clone();
    let (_, answer) =
        common::cbor(&local, "GetRecords", &ask(vec![("ShardIterator", iterator)])).await;
    let record = &common::field(&answer, "Records").as_array().unwrap()[0];
    assert_eq!(common::field(record, "Data").as_bytes().unwrap(), &[0, 159, 255]);
    assert_recent_millis(common::field(record, "ApproximateArrivalTimestamp"));

    let (_, answer) =
        common::cbor(&local, "DescribeStreamSummary", &ask(vec![("StreamName", text("cbor"))]))
            .await;
    let summary = common::field(&answer, "StreamDescriptionSummary");
    assert_recent_millis(common::field(summary, "StreamCreationTimestamp"));

    let (status, answer) =
        common::cbor(&local, "DescribeStream", &ask(vec![("StreamName", text("none"))])).await;
    assert_eq!(
        (status, common::field(&answer, "__type")),
        (400, &text("ResourceNotFoundException"))
    );
}

fn assert_recent_millis(value: &Cbor) {
    let millis = i128::from(value.as_integer().expect("a whole number"));
    assert!((1_600_000_000_000..9_000_000_000_000).contains(&millis), "{millis}");
}

#[tokio::test]
async fn gap1_json_times_have_milliseconds() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "times", 1).await;
    for _ in 0..5 {
        put(&kinesis, "times", "k", "x").await;
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
    let first = iterator(&kinesis, "times", SHARD_0, ShardIteratorType::TrimHorizon).await;
    let records = get(&kinesis, first).await.records;
    assert!(
        records
            .iter()
            .any(|record| record.approximate_arrival_timestamp.unwrap().subsec_nanos() != 0)
    );
}

// Gap 2: ARNs, pages and filters.

#[tokio::test]
async fn gap2_the_arn_alone_names_the_stream() {
    let (_local, kinesis) = start(unlimited()).await;
    let arn = stream(&kinesis, "named", 1).await;
    let put = kinesis.put_record().stream_arn(&arn).partition_key("k").data(Blob::new("x"));
    put.send().await.unwrap();
    let entry =
        PutRecordsRequestEntry::builder().partition_key("k").data(Blob::new("y")).build().unwrap();
    kinesis.put_records().stream_arn(&arn).records(entry).send().await.unwrap();
    assert_eq!(kinesis.list_shards().stream_arn(&arn).send().await.unwrap().shards().len(), 1);
    kinesis.describe_stream().stream_arn(&arn).send().await.unwrap();
    kinesis.describe_stream_summary().stream_arn(&arn).send().await.unwrap();
    let from = kinesis.get_shard_iterator().stream_arn(&arn).shard_id(SHARD_0);
    let from = from.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let got = kinesis
        .get_records()
        .stream_arn(&arn)
        .set_shard_iterator(from.shard_iterator)
        .send()
        .await
        .unwrap();
    assert_eq!(got.records.len(), 2);

    let middle = (u128::MAX / 2 + 1).to_string();
    let split = kinesis
        .split_shard()
        .stream_arn(&arn)
        .shard_to_split(SHARD_0)
        .new_starting_hash_key(middle);
    split.send().await.unwrap();
    active(&kinesis, "named").await;
    let merge = kinesis.merge_shards().stream_arn(&arn).shard_to_merge("shardId-000000000001");
    merge.adjacent_shard_to_merge("shardId-000000000002").send().await.unwrap();
    active(&kinesis, "named").await;
    kinesis
        .increase_stream_retention_period()
        .stream_arn(&arn)
        .retention_period_hours(48)
        .send()
        .await
        .unwrap();
    kinesis.add_tags_to_stream().stream_arn(&arn).tags("a", "b").send().await.unwrap();
    kinesis.delete_stream().stream_arn(&arn).send().await.unwrap();
}

#[tokio::test]
async fn gap2_list_shards_pages_by_token_alone() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "pages", 25).await;
    let mut seen = BTreeSet::new();
    let mut page = kinesis.list_shards().stream_name("pages").max_results(10).send().await.unwrap();
    let mut pages = 1;
    loop {
        assert!(page.shards().len() <= 10);
        seen.extend(page.shards().iter().map(|shard| shard.shard_id.clone()));
        let Some(token) = page.next_token else { break };
        page = kinesis.list_shards().next_token(token).max_results(10).send().await.unwrap();
        pages += 1;
    }
    assert_eq!((seen.len(), pages), (25, 3));

    let page =
        kinesis.list_shards().stream_name("pages").exclusive_start_shard_id("shardId-000000000021");
    assert_eq!(page.send().await.unwrap().shards().len(), 3);
    let page = kinesis.list_shards().stream_name("pages").max_results(10).send().await.unwrap();
    let both =
        kinesis.list_shards().stream_name("pages").set_next_token(page.next_token).send().await;
    assert_eq!(code(&both.unwrap_err().into_service_error()), "InvalidArgumentException");
}

#[tokio::test]
async fn gap2_list_shards_filters() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "family", 1).await;
    split(&kinesis, "family", SHARD_0).await;
    let list = async |filter: ShardFilter| -> Vec<u8> {
        let answer =
            kinesis.list_shards().stream_name("family").shard_filter(filter).send().await.unwrap();
        answer.shards().iter().map(|shard| shard.shard_id.as_bytes()[19] - b'0').collect()
    };
    let filter = |kind| ShardFilter::builder().r#type(kind);
    assert_eq!(list(filter(ShardFilterType::AtLatest).build().unwrap()).await, [1, 2]);
    assert_eq!(list(filter(ShardFilterType::AtTrimHorizon).build().unwrap()).await, [0]);
    assert_eq!(list(filter(ShardFilterType::FromTrimHorizon).build().unwrap()).await, [0, 1, 2]);
    let after = filter(ShardFilterType::AfterShardId).shard_id("shardId-000000000001");
    assert_eq!(list(after.build().unwrap()).await, [2]);

    // The split was a moment ago; a second later it counts as past.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let now = DateTime::from(std::time::SystemTime::now() - Duration::from_millis(50));
    let early = DateTime::from_secs(1_000_000_000);
    let at = |kind, time| filter(kind).timestamp(time).build().unwrap();
    assert_eq!(list(at(ShardFilterType::AtTimestamp, now)).await, [1, 2]);
    assert_eq!(list(at(ShardFilterType::FromTimestamp, now)).await, [1, 2]);
    assert_eq!(
        list(at(ShardFilterType::AtTimestamp, early)).await,
        [0],
        "as from the trim horizon"
    );
    assert_eq!(list(at(ShardFilterType::FromTimestamp, early)).await, [0, 1, 2]);
}

#[tokio::test]
async fn gap2_describe_stream_pages_too() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "wide", 120).await;
    let first = kinesis
        .describe_stream()
        .stream_name("wide")
        .send()
        .await
        .unwrap()
        .stream_description
        .unwrap();
    assert_eq!((first.shards.len(), first.has_more_shards), (100, true));
    let last = first.shards[99].shard_id.clone();
    let rest = kinesis
        .describe_stream()
        .stream_name("wide")
        .exclusive_start_shard_id(last)
        .send()
        .await
        .unwrap();
    let rest = rest.stream_description.unwrap();
    assert_eq!((rest.shards.len(), rest.has_more_shards), (20, false));
}

// Gap 3: how far behind a reader is.

#[tokio::test]
async fn gap3_millis_behind_latest_is_the_age_of_the_next_record() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "lag", 1).await;
    put(&kinesis, "lag", "k", "1").await;
    put(&kinesis, "lag", "k", "2").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let first = iterator(&kinesis, "lag", SHARD_0, ShardIteratorType::TrimHorizon).await;
    let half = kinesis.get_records().shard_iterator(first).limit(1).send().await.unwrap();
    assert!((300..5000).contains(&half.millis_behind_latest.unwrap()), "{half:?}");
    let rest = get(&kinesis, half.next_shard_iterator.unwrap()).await;
    assert_eq!((rest.records.len(), rest.millis_behind_latest), (1, Some(0)));
    let none = get(&kinesis, rest.next_shard_iterator.unwrap()).await;
    assert_eq!((none.records.len(), none.millis_behind_latest), (0, Some(0)));
}

// Gap 4: the end of a shard.

#[tokio::test]
async fn gap4_get_records_ends_with_the_children_and_without_an_iterator() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "ends", 1).await;
    for n in 0..5 {
        put(&kinesis, "ends", &n.to_string(), "x").await;
    }
    let mut from = iterator(&kinesis, "ends", SHARD_0, ShardIteratorType::TrimHorizon).await;
    let latest = iterator(&kinesis, "ends", SHARD_0, ShardIteratorType::Latest).await;
    split(&kinesis, "ends", SHARD_0).await;
    let mut seen = 0;
    let end = loop {
        let page = kinesis.get_records().shard_iterator(from).limit(2).send().await.unwrap();
        seen += page.records.len();
        match page.next_shard_iterator.clone() {
            Some(next) => {
                assert!(page.child_shards.is_none());
                from = next;
            }
            None => break page,
        }
    };
    assert_eq!((seen, end.millis_behind_latest), (5, Some(0)));
    let children = end.child_shards();
    assert_eq!(children.len(), 2);
    assert!(children.iter().all(|child| child.parent_shards == [SHARD_0]));
    assert_eq!(children[0].hash_key_range.as_ref().unwrap().starting_hash_key, "0");
    let end = get(&kinesis, latest).await;
    assert!(end.next_shard_iterator.is_none() && end.child_shards().len() == 2);

    let merge = kinesis.merge_shards().stream_name("ends").shard_to_merge("shardId-000000000001");
    merge.adjacent_shard_to_merge("shardId-000000000002").send().await.unwrap();
    active(&kinesis, "ends").await;
    let from =
        iterator(&kinesis, "ends", "shardId-000000000002", ShardIteratorType::TrimHorizon).await;
    let end = get(&kinesis, from).await;
    assert_eq!(
        end.child_shards()[0].parent_shards,
        ["shardId-000000000001", "shardId-000000000002"]
    );
}

#[tokio::test]
async fn gap4_fan_out_ends_after_all_records_and_without_a_continuation() {
    let (_local, kinesis) = start(unlimited().event_records(2)).await;
    let arn = stream(&kinesis, "ends", 1).await;
    for n in 0..5 {
        put(&kinesis, "ends", &n.to_string(), "x").await;
    }
    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::TrimHorizon).await.unwrap();
    let first = next(&mut events).await.unwrap();
    assert_eq!(first.records.len(), 2);
    split(&kinesis, "ends", SHARD_0).await;
    let mut seen = first.records.len();
    let last = loop {
        let event = next(&mut events).await.unwrap();
        seen += event.records.len();
        // The SDK shows a number that is not there as an empty one.
        if event.continuation_sequence_number.is_empty() {
            break event;
        }
        assert!(event.child_shards.is_none());
    };
    assert_eq!((seen, last.child_shards().len(), last.records.len()), (5, 2, 0));
    assert!(next(&mut events).await.is_none(), "the stream of events ends");
}

#[tokio::test]
async fn gap4_a_continuation_leads_on_without_loss_or_repetition() {
    let (_local, kinesis) = start(unlimited().resubscribe_after(Duration::ZERO)).await;
    let arn = stream(&kinesis, "on", 1).await;
    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.unwrap();
    let idle = next(&mut events).await.unwrap();
    assert!(idle.records.is_empty());
    let one = put(&kinesis, "on", "k", "1").await;
    assert!(idle.continuation_sequence_number < one);
    let event = next(&mut events).await.unwrap();
    assert_eq!(event.records[0].sequence_number, one);
    let two = put(&kinesis, "on", "k", "2").await;
    for (kind, from) in [
        (ShardIteratorType::AfterSequenceNumber, idle.continuation_sequence_number.as_str()),
        (ShardIteratorType::AtSequenceNumber, idle.continuation_sequence_number.as_str()),
    ] {
        let position =
            StartingPosition::builder().r#type(kind).sequence_number(from).build().unwrap();
        let call = kinesis.subscribe_to_shard().consumer_arn(&consumer).shard_id(SHARD_0);
        let mut events = call.starting_position(position).send().await.unwrap();
        let numbers: Vec<_> = next(&mut events)
            .await
            .unwrap()
            .records
            .into_iter()
            .map(|r| r.sequence_number)
            .collect();
        assert_eq!(numbers, [one.clone(), two.clone()]);
    }
}

#[tokio::test]
async fn gap4_update_shard_count_gives_children_parents() {
    let (_local, kinesis) = start(unlimited()).await;
    stream(&kinesis, "scales", 2).await;
    let count = |target| {
        let call = kinesis.update_shard_count().stream_name("scales").target_shard_count(target);
        call.scaling_type(ScalingType::UniformScaling).send()
    };
    assert_eq!(count(3).await.unwrap().current_shard_count, Some(2));
    let shards = kinesis.list_shards().stream_name("scales").send().await.unwrap().shards.unwrap();
    assert!(shards[2..].iter().all(|shard| shard.parent_shard_id.is_some()));
    let open = shards
        .iter()
        .filter(|s| s.sequence_number_range.as_ref().unwrap().ending_sequence_number.is_none());
    assert_eq!(open.count(), 3);
    assert_eq!(code(&count(7).await.unwrap_err().into_service_error()), "InvalidArgumentException");
    // Records find their way, and the old shards end.
    put(&kinesis, "scales", "k", "x").await;
    let from = iterator(&kinesis, "scales", SHARD_0, ShardIteratorType::TrimHorizon).await;
    assert!(!get(&kinesis, from).await.child_shards().is_empty());
}

// Gap 5: the pace and the size of events.

#[tokio::test]
async fn gap5_events_are_small_and_follow_each_other_at_once() {
    let (_local, kinesis) = start(unlimited()).await;
    let arn = stream(&kinesis, "fast", 1).await;
    let entry = PutRecordsRequestEntry::builder()
        .partition_key("k")
        .data(Blob::new(vec![1; 64]))
        .build()
        .unwrap();
    for _ in 0..20 {
        let call =
            kinesis.put_records().stream_name("fast").set_records(Some(vec![entry.clone(); 500]));
        call.send().await.unwrap();
    }
    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::TrimHorizon).await.unwrap();
    let began = std::time::Instant::now();
    let (mut seen, mut behind) = (0, -1);
    while seen < 10_000 {
        let event = next(&mut events).await.unwrap();
        assert!(event.records.len() <= 1000);
        seen += event.records.len();
        behind = event.millis_behind_latest;
    }
    assert_eq!((seen, behind), (10_000, 0));
    assert!(
        began.elapsed() < Duration::from_millis(1900),
        "the store alone would need two seconds"
    );

    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let began = std::time::Instant::now();
        put(&kinesis, "fast", "k", "x").await;
        assert_eq!(next(&mut events).await.unwrap().records.len(), 1);
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(60), "{quickest:?}");
}

// Gap 6: what is refused.

#[tokio::test]
async fn gap6_a_second_subscription_is_refused_at_first_and_takes_over_later() {
    let (_local, kinesis) = start(unlimited().resubscribe_after(Duration::from_secs(1))).await;
    let arn = stream(&kinesis, "one", 1).await;
    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut old = subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.unwrap();
    next(&mut old).await.unwrap();
    assert_eq!(
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.err(),
        Some("ResourceInUseException".into())
    );
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let mut new = subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.unwrap();
    next(&mut new).await.unwrap();
    let ended = old.event_stream.recv().await.unwrap_err();
    assert!(ended.into_service_error().is_resource_in_use_exception());
    put(&kinesis, "one", "k", "x").await;
    assert_eq!(next(&mut new).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn gap6_a_subscription_ends_with_its_time_or_its_consumer() {
    let (_local, kinesis) = start(
        unlimited().subscription_time(Duration::from_secs(1)).resubscribe_after(Duration::ZERO),
    )
    .await;
    let arn = stream(&kinesis, "short", 1).await;
    let consumer = consumer(&kinesis, &arn, "c").await;
    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.unwrap();
    next(&mut events).await.unwrap();
    assert!(next(&mut events).await.is_none());

    let mut events =
        subscribe(&kinesis, &consumer, SHARD_0, ShardIteratorType::Latest).await.unwrap();
    next(&mut events).await.unwrap();
    kinesis.deregister_stream_consumer().consumer_arn(&consumer).send().await.unwrap();
    let missing = subscribe(
        &kinesis,
        "arn:aws:kinesis:us-east-1:000000000000:stream/short/consumer/x:1",
        SHARD_0,
        ShardIteratorType::Latest,
    )
    .await;
    assert_eq!(missing.err(), Some("ResourceNotFoundException".into()));
}

#[tokio::test]
async fn gap6_a_shard_gives_five_answers_a_second() {
    let (_local, kinesis) = start(Local::builder()).await;
    stream(&kinesis, "slow", 2).await;
    let first = iterator(&kinesis, "slow", SHARD_0, ShardIteratorType::TrimHorizon).await;
    let other =
        iterator(&kinesis, "slow", "shardId-000000000001", ShardIteratorType::TrimHorizon).await;
    let mut refused = 0;
    for _ in 0..10 {
        if let Err(error) = kinesis.get_records().shard_iterator(&first).send().await {
            assert_eq!(code(&error.into_service_error()), "ProvisionedThroughputExceededException");
            refused += 1;
        }
    }
    assert!((1..=5).contains(&refused), "{refused}");
    get(&kinesis, other).await;
}

#[tokio::test]
async fn gap6_an_answer_holds_10_mib_which_are_then_paid_for() {
    let (_local, kinesis) = start(Local::builder()).await;
    stream(&kinesis, "heavy", 1).await;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(put(&kinesis, "heavy", "k", vec![1; 3 << 20]).await);
    }
    let first = iterator(&kinesis, "heavy", SHARD_0, ShardIteratorType::TrimHorizon).await;
    let page = get(&kinesis, first).await;
    assert_eq!(page.records.len(), 3);
    assert!(page.millis_behind_latest.unwrap() > 0);
    let next = page.next_shard_iterator.unwrap();
    let refused =
        kinesis.get_records().shard_iterator(&next).send().await.unwrap_err().into_service_error();
    assert_eq!(code(&refused), "ProvisionedThroughputExceededException");
    tokio::time::sleep(Duration::from_millis(4000)).await;
    let rest = get(&kinesis, next).await;
    assert_eq!(
        rest.records.iter().map(|r| r.sequence_number.clone()).collect::<Vec<_>>(),
        numbers[3..]
    );
}

#[tokio::test]
async fn gap6_writes_are_throttled_when_asked_for() {
    let (_local, kinesis) = start(unlimited().write_limits(true)).await;
    stream(&kinesis, "slow", 1).await;
    let entry = PutRecordsRequestEntry::builder()
        .partition_key("k")
        .data(Blob::new(vec![1; 3000]))
        .build()
        .unwrap();
    let call = kinesis.put_records().stream_name("slow").set_records(Some(vec![entry; 500]));
    let answer = call.send().await.unwrap();
    assert!(answer.failed_record_count.unwrap() > 0);
    let refused = answer.records.iter().find_map(|record| record.error_code.clone());
    assert_eq!(refused.as_deref(), Some("ProvisionedThroughputExceededException"));
}

#[tokio::test]
async fn gap6_on_demand_needs_no_shard_count() {
    let (_local, kinesis) = start(unlimited()).await;
    let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build().unwrap();
    kinesis.create_stream().stream_name("elastic").stream_mode_details(mode).send().await.unwrap();
    active(&kinesis, "elastic").await;
    let summary = kinesis.describe_stream_summary().stream_name("elastic").send().await.unwrap();
    let summary = summary.stream_description_summary.unwrap();
    assert_eq!(summary.open_shard_count, 4);
    assert_eq!(summary.stream_mode_details.unwrap().stream_mode, StreamMode::OnDemand);
}

#[tokio::test]
async fn gap6_iterators_expire() {
    let (_local, kinesis) = start(unlimited().iterator_life(Duration::from_secs(1))).await;
    stream(&kinesis, "old", 1).await;
    let first = iterator(&kinesis, "old", SHARD_0, ShardIteratorType::Latest).await;
    let next = get(&kinesis, &first).await.next_shard_iterator.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let refused = kinesis.get_records().shard_iterator(&next).send().await.unwrap_err();
    assert_eq!(code(&refused.into_service_error()), "ExpiredIteratorException");
    let refused = kinesis.get_records().shard_iterator("nonsense").send().await.unwrap_err();
    assert_eq!(code(&refused.into_service_error()), "InvalidArgumentException");
}

async fn consumer(kinesis: &Kinesis, stream_arn: &str, name: &str) -> String {
    let call = kinesis.register_stream_consumer().stream_arn(stream_arn).consumer_name(name);
    let arn = call.send().await.unwrap().consumer.unwrap().consumer_arn;
    loop {
        let answer = kinesis.describe_stream_consumer().consumer_arn(&arn).send().await.unwrap();
        if answer.consumer_description.unwrap().consumer_status.as_str() == "ACTIVE" {
            return arn;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn subscribe(
    kinesis: &Kinesis,
    consumer: &str,
    shard: &str,
    kind: ShardIteratorType,
) -> Result<SubscribeToShardOutput, String> {
    let position = StartingPosition::builder().r#type(kind).build().unwrap();
    let call = kinesis
        .subscribe_to_shard()
        .consumer_arn(consumer)
        .shard_id(shard)
        .starting_position(position);
    call.send().await.map_err(|error| code(&error.into_service_error()).to_owned())
}

/// The next event; `None` at the end.
async fn next(output: &mut SubscribeToShardOutput) -> Option<SubscribeToShardEvent> {
    match output.event_stream.recv().await.unwrap() {
        Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => Some(event),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}
