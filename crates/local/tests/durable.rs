//! What is kept in a folder is there the next time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod common;

use std::path::PathBuf;

use aws_sdk_kinesis::types::ShardIteratorType;
use common::{Kinesis, active, put, start, stream};
use kinfolk_local::{Local, LocalBuilder};

/// A folder that is gone at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("kinfolk-local-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn servers(&self) -> LocalBuilder {
        Local::builder().read_limits(false).data_dir(self.0.clone())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn numbers(kinesis: &Kinesis, stream: &str, shard: &str) -> Vec<String> {
    let call = kinesis.get_shard_iterator().stream_name(stream).shard_id(shard);
    let first = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
    let got = kinesis.get_records().set_shard_iterator(first.shard_iterator).send().await.unwrap();
    got.records.into_iter().map(|record| record.sequence_number).collect()
}

#[tokio::test]
async fn streams_records_and_tables_outlive_the_servers() {
    let folder = Folder::new("all");
    let (local, kinesis) = start(folder.servers()).await;
    stream(&kinesis, "kept", 1).await;
    let mut before = Vec::new();
    for n in 0..3 {
        before.push(put(&kinesis, "kept", "k", format!("{n}")).await);
    }
    stream(&kinesis, "gone", 1).await;
    put(&kinesis, "gone", "k", "x").await;
    kinesis.delete_stream().stream_name("gone").send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    stream(&kinesis, "gone", 1).await;
    // Not even told to stop.
    drop(local);

    let written = || std::fs::metadata(folder.0.join("kinesis/records.log")).unwrap().len();
    let before_restart = written();
    let (local, kinesis) = start(folder.servers()).await;
    assert!(written() < before_restart, "the deleted stream's record is let go");
    assert_eq!(numbers(&kinesis, "kept", "shardId-000000000000").await, before);
    assert!(
        numbers(&kinesis, "gone", "shardId-000000000000").await.is_empty(),
        "it is another stream"
    );
    let next = put(&kinesis, "kept", "k", "more").await;
    assert!(next > before[2], "no number is given twice");
    before.push(next);
    let middle = (u128::MAX / 2 + 1).to_string();
    let split = kinesis.split_shard().stream_name("kept").shard_to_split("shardId-000000000000");
    split.new_starting_hash_key(middle).send().await.unwrap();
    active(&kinesis, "kept").await;
    put(&kinesis, "kept", "k", "to a child").await;
    local.shutdown().await;

    let (_local, kinesis) = start(folder.servers()).await;
    assert_eq!(numbers(&kinesis, "kept", "shardId-000000000000").await, before);
    let children = [
        numbers(&kinesis, "kept", "shardId-000000000001").await.len(),
        numbers(&kinesis, "kept", "shardId-000000000002").await.len(),
    ];
    assert_eq!(children.iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn a_last_entry_that_is_not_whole_is_cut_off() {
    let folder = Folder::new("torn");
    let (local, kinesis) = start(folder.servers()).await;
    stream(&kinesis, "s", 1).await;
    let first = put(&kinesis, "s", "k", "one").await;
    put(&kinesis, "s", "k", "two").await;
    local.shutdown().await;
    let path = folder.0.join("kinesis/records.log");
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 3).unwrap();

    let (local, kinesis) = start(folder.servers()).await;
    assert_eq!(numbers(&kinesis, "s", "shardId-000000000000").await, std::slice::from_ref(&first));
    let third = put(&kinesis, "s", "k", "three").await;
    local.shutdown().await;
    let (_local, kinesis) = start(folder.servers()).await;
    assert_eq!(numbers(&kinesis, "s", "shardId-000000000000").await, [first, third]);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_look() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("private");
    let (_local, kinesis) = start(folder.servers()).await;
    stream(&kinesis, "s", 1).await;
    put(&kinesis, "s", "k", "x").await;
    let mode =
        |path: &str| std::fs::metadata(folder.0.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("kinesis")), (0o700, 0o700));
    assert_eq!((mode("dynamodb.sqlite"), mode("kinesis/records.log")), (0o600, 0o600));
}
