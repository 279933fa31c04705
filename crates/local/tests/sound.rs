//! Nothing is lost, doubled or out of order, however puts, reads and resharding overlap.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test has its own time and tasks, and fails by panicking"
)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_kinesis::{
    primitives::Blob,
    types::{PutRecordsRequestEntry, ScalingType, ShardIteratorType},
};
use common::{Kinesis, start, stream};
use kinfolk_local::Local;

const WRITERS: usize = 4;
const CALLS: usize = 60;
const BATCH: usize = 20;

async fn write(kinesis: Kinesis, writer: usize) {
    for call in 0..CALLS {
        let entry = |n: usize| {
            let data = Blob::new(format!("{writer} {}", call * BATCH + n));
            PutRecordsRequestEntry::builder()
                .partition_key(format!("{writer}"))
                .data(data)
                .build()
                .unwrap()
        };
        let entries = (0..BATCH).map(entry).collect();
        let put =
            kinesis.put_records().stream_name("s").set_records(Some(entries)).send().await.unwrap();
        assert_eq!(put.failed_record_count, Some(0));
    }
}

async fn reshard(kinesis: Kinesis, done: Arc<AtomicBool>) {
    let mut target = 2;
    while !done.load(Ordering::Relaxed) {
        target = if target == 2 { 4 } else { 2 };
        let call = kinesis.update_shard_count().stream_name("s").target_shard_count(target);
        call.scaling_type(ScalingType::UniformScaling).send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// Reads shard by shard, children after all their parents, and returns what each writer wrote in
/// the order read.
async fn read(kinesis: Kinesis, total: usize) -> BTreeMap<String, Vec<usize>> {
    let mut seen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    let mut known: BTreeSet<String> = (0..2).map(|n| format!("shardId-{n:012}")).collect();
    let mut open: VecDeque<String> = VecDeque::new();
    for shard in &known {
        open.push_back(iterator(&kinesis, shard).await);
    }
    let mut waiting = BTreeMap::new();
    let mut of: BTreeMap<String, String> =
        open.iter().cloned().zip(known.iter().cloned()).collect();
    while seen.values().map(Vec::len).sum::<usize>() < total {
        let iterator_now = open.pop_front().expect("a shard is open");
        let shard = of.remove(&iterator_now).unwrap();
        let page =
            kinesis.get_records().shard_iterator(iterator_now).limit(50).send().await.unwrap();
        for record in page.records() {
            let text = String::from_utf8(record.data.as_ref().to_vec()).unwrap();
            let (writer, number) = text.split_once(' ').unwrap();
            seen.entry(writer.to_owned()).or_default().push(number.parse().unwrap());
        }
        if let Some(next) = page.next_shard_iterator.clone() {
            of.insert(next.clone(), shard);
            open.push_back(next);
            continue;
        }
        ended.insert(shard);
        for child in page.child_shards() {
            waiting.insert(child.shard_id.clone(), child.parent_shards.clone());
        }
        let ready: Vec<String> = waiting
            .iter()
            .filter(|(_, p)| p.iter().all(|p| ended.contains(p)))
            .map(|(c, _)| c.clone())
            .collect();
        for child in ready {
            waiting.remove(&child);
            assert!(known.insert(child.clone()));
            let first = iterator(&kinesis, &child).await;
            of.insert(first.clone(), child);
            open.push_back(first);
        }
    }
    seen
}

async fn iterator(kinesis: &Kinesis, shard: &str) -> String {
    let call = kinesis.get_shard_iterator().stream_name("s").shard_id(shard);
    let call = call.shard_iterator_type(ShardIteratorType::TrimHorizon);
    call.send().await.unwrap().shard_iterator.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_record_is_read_once_and_in_order_while_the_stream_is_resharded() {
    let (local, kinesis) = start(Local::builder().read_limits(false)).await;
    stream(&kinesis, "s", 2).await;
    let done = Arc::new(AtomicBool::new(false));
    let reshape = tokio::spawn(reshard(kinesis.clone(), done.clone()));
    let reader = tokio::spawn(read(common::kinesis(&local), WRITERS * CALLS * BATCH));
    let writers: Vec<_> =
        (0..WRITERS).map(|n| tokio::spawn(write(common::kinesis(&local), n))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let seen = tokio::time::timeout(Duration::from_secs(20), reader)
        .await
        .expect("all are found")
        .unwrap();
    done.store(true, Ordering::Relaxed);
    reshape.await.unwrap();
    for (writer, numbers) in seen {
        assert!(numbers.iter().copied().eq(0..CALLS * BATCH), "writer {writer}: {numbers:?}");
    }
}
