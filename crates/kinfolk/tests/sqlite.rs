//! Consumers that share a file, on a local Kinesis.
#![allow(clippy::disallowed_methods, reason = "tests are timed by the clock of this machine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code, reason = "the other tests use the rest of what they share")]

mod common;

use std::time::{Duration, Instant};

use common::{Folder, World};
use futures_util::StreamExt;
use kinfolk::core::coordinate::Timing;
use kinfolk::store::StateStore;
use kinfolk::store::sqlite::SqliteStore;
use kinfolk::{Consumer, ErrorKind};
use kinfolk_local::Server;
use tokio::time::timeout;

async fn consumer(world: &World, folder: &Folder) -> Consumer {
    let builder = world.builder().timing(Timing::SQLITE);
    builder.sqlite(world.kinesis.clone(), folder.file()).await.unwrap()
}

/// Takes so many records and acknowledges them; fewer if none comes for a while.
async fn take(consumer: &Consumer, most: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut records = consumer.records();
    while seen.len() < most {
        let Ok(Some(record)) = timeout(Duration::from_secs(5), records.next()).await else { break };
        let record = record.unwrap();
        seen.push(String::from_utf8(record.data().to_vec()).unwrap());
        assert!(record.ack());
    }
    seen
}

#[tokio::test]
async fn a_place_in_a_file_outlives_the_consumer_and_takes_no_table() {
    let (world, folder) = (World::start("kept", 3).await, Folder::new("kept"));
    world.put(0..100).await;
    let first = consumer(&world, &folder).await;
    let mut seen = take(&first, 40).await;
    first.shutdown().await.unwrap();
    let second = consumer(&world, &folder).await;
    seen.extend(take(&second, 60).await);
    second.shutdown().await.unwrap();
    seen.sort();
    assert_eq!(seen, World::expected(0..100));
    assert_eq!(world.local.counts().of(Server::DynamoDb, "GetItem"), 0);
    let groups = SqliteStore::groups(folder.file()).unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].group.as_str(), groups[0].stream.as_str()), ("group", "kept"));
}

#[tokio::test]
async fn consumers_share_the_shards_and_one_that_vanishes_is_replaced_in_seconds() {
    let (world, folder) = (World::start("shared", 4).await, Folder::new("shared"));
    let (first, second) = (consumer(&world, &folder).await, consumer(&world, &folder).await);
    let store = SqliteStore::open_existing(folder.file(), "group", "shared").unwrap();
    let store = store.attempt_limit(Duration::from_secs(5));
    let held = async |wanted: &[usize]| {
        let began = Instant::now();
        loop {
            let state = store.look().await.unwrap().unwrap();
            let of = |id| state.shards.values().filter(|s| s.owner.as_ref() == Some(id)).count();
            let held: Vec<_> = state.workers.keys().map(of).collect();
            if held == wanted {
                return began.elapsed();
            }
            assert!(began.elapsed() < Duration::from_secs(15), "{held:?}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    held(&[2, 2]).await;
    // Without a word, as a crash.
    drop(first);
    let took = held(&[4]).await;
    assert!(took > Duration::from_millis(1_500), "its beat stood still first: {took:?}");
    world.put(0..20).await;
    let mut seen = take(&second, 20).await;
    seen.sort();
    assert_eq!(seen, World::expected(0..20));
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_something_else_stops_the_start() {
    let (world, folder) = (World::start("else", 1).await, Folder::new("else"));
    std::fs::write(folder.file(), "not a database at all").unwrap();
    let error = world.builder().sqlite(world.kinesis.clone(), folder.file()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("state.db"), "{error}");
}
