use std::collections::BTreeMap;

use bytes::Bytes;
use kinfolk_core::id::{Version, WorkerId};
use kinfolk_core::reader::Fault;
use kinfolk_core::sequence::Checkpoint;
use kinfolk_core::snapshot::{About, Lease, Shard, Snapshot, Worker};
use kinfolk_core::time::{Now, WallTime};
use kinfolk_core::topology::{HashRange, Listing, ShardInfo};

use super::*;
use crate::record::{Page, Raw};
use crate::source::{Answer, Description as Stream};
use crate::store::BoxFuture;
use crate::store::memory::MemoryStore;

const NOW: WallTime = WallTime(100_000);

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Now {
        Now { wall: NOW, ..Now::default() }
    }
}

/// Every shard holds the records 10 and 20, which arrived at 10 and 20 seconds.
#[derive(Clone, Debug)]
struct Two {
    listing: Listing,
    denied: Option<ShardId>,
}

impl Source for Two {
    fn describe(&self) -> BoxFuture<'_, Result<Stream>> {
        Box::pin(async { Ok(Stream::new(WallTime(1))) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Listing>> {
        Box::pin(async { Ok(self.listing.clone()) })
    }

    fn iterator<'a>(
        &'a self,
        shard: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Arc<str>, ReadError>> {
        Box::pin(async move {
            if self.denied.as_ref() == Some(shard) {
                let error = Error::new(ErrorKind::Denied, "cannot read").with_source("no");
                return Err(ReadError { fault: Fault::Denied, error });
            }
            Ok(match position {
                Position::After(done) => done.as_str().into(),
                _ => "0".into(),
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        _: &'a ShardId,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Answer, ReadError>> {
        Box::pin(async move {
            assert_eq!(limit, 1);
            let done: i64 = iterator.parse().unwrap();
            let record = |number: i64| Raw {
                sequence: number.to_string().as_str().into(),
                partition_key: None,
                data: Bytes::new(),
                arrival: Some(WallTime(number * 1_000)),
            };
            let records = [10, 20].into_iter().filter(|number| *number > done).take(1);
            let page = Page::new(records.map(record).collect());
            let behind_ms = Some(if done < 10 { 80_000 } else { 0 });
            Ok(Answer { page, next: Some("x".into()), behind_ms, children: vec![] })
        })
    }
}

fn info(id: &str, parent: Option<&str>) -> ShardInfo {
    ShardInfo {
        id: id.into(),
        parent: parent.map(Into::into),
        adjacent: None,
        starting_sequence: "5".into(),
        closed: false,
        hash_range: HashRange::ALL,
    }
}

fn shard(parent: Option<&str>, done: Option<&str>, owner: Option<&str>) -> Shard {
    let owner = owner.map(WorkerId::from);
    Shard {
        checkpoint: Checkpoint { sequence: done.map(Into::into), part: None },
        arrival: done.map(|_| WallTime(90_000)).into(),
        lease: owner.clone().map(|owner| Lease { epoch: 7, owner }),
        owner,
        ..Shard::new(parent.map(Into::into), None, Version::from("v"))
    }
}

fn state(shards: impl IntoIterator<Item = (&'static str, Shard)>) -> Snapshot {
    let worker = Worker {
        beat: WallTime(99_000),
        period_ms: Some(2_500),
        leaving: false,
        active: true,
        standalone: false,
        name: None,
        shards: None,
        about: About { app_name: "app".into(), host: "host".into(), pid: 3, started_on: NOW },
    };
    Snapshot {
        created_on: WallTime(1),
        version: Version::from("v"),
        started_at: Some(WallTime(2)),
        workers: [(WorkerId::from("w"), worker)].into(),
        slots: BTreeMap::new(),
        shards: shards.into_iter().map(|(id, shard)| (ShardId::from(id), shard)).collect(),
        places: BTreeMap::new(),
    }
}

fn group(
    state: Snapshot,
    listed: impl IntoIterator<Item = ShardInfo>,
    denied: Option<&str>,
) -> Group {
    let source = Two { listing: listed.into_iter().collect(), denied: denied.map(Into::into) };
    let store = MemoryStore::holding(state);
    Group::new("orders", "billing", Arc::new(source), Arc::new(store)).clock(Noon)
}

#[tokio::test]
async fn each_shard_says_what_happens_to_it() {
    let ended = Shard { ended: true, ..shard(None, Some("20"), None) };
    let shards = [
        ("a", ended),
        ("b", shard(Some("a"), None, Some("w"))),
        ("c", shard(Some("b"), Some("5"), None)),
        ("d", shard(Some("a"), Some("10"), None)),
        ("e", shard(None, None, Some("gone"))),
        ("f", shard(None, None, None)),
    ];
    let listed = [
        info("a", None),
        info("b", Some("a")),
        info("c", Some("b")),
        info("d", Some("a")),
        info("e", None),
        info("g", Some("c")),
    ];
    let seen = group(state(shards), listed, None).describe().await.unwrap();
    use ShardState::*;
    let states: Vec<_> = seen.shards.iter().map(|shard| shard.state).collect();
    assert_eq!(states, [Ended, Reading, Waiting, Free, Orphaned, Expired]);
    assert_eq!(seen.untracked, ["g".into()]);
    let [.., c, d, _, _] = seen.shards.as_slice() else { panic!() };
    assert_eq!(c.checkpoint, None, "its entry only says that nothing is done");
    assert_eq!(d.checkpoint, Some(Checkpoint::at("10")));
    assert_eq!(d.checkpoint_age_ms, Some(10_000));
    let [worker] = seen.workers.as_slice() else { panic!() };
    assert_eq!((worker.beat_age_ms, worker.kind, worker.pid), (1_000, Kind::Kinfolk, 3));
    assert_eq!(worker.shards, ["b".into()]);
    assert!(!seen.outdated && seen.shards.iter().all(|shard| shard.lag == Lag::Unasked));
}

#[tokio::test]
async fn the_lag_is_the_age_of_the_oldest_record_that_is_not_done() {
    let shards = [
        ("a", Shard { ended: true, ..shard(None, Some("5"), None) }),
        ("b", shard(None, None, None)),
        ("c", shard(None, Some("10"), None)),
        ("d", shard(None, Some("20"), None)),
        ("e", shard(None, None, None)),
    ];
    let listed = ["a", "b", "c", "d", "e"].map(|id| info(id, None));
    let group = group(state(shards), listed, Some("e"));
    let mut seen = group.describe().await.unwrap();
    group.probe(&mut seen).await;
    let lags: Vec<_> = seen.shards.into_iter().map(|shard| shard.lag).collect();
    let unknown = Lag::Unknown("cannot read: no".to_owned());
    assert_eq!(lags, [Lag::Unasked, Lag::Ms(90_000), Lag::Ms(80_000), Lag::Ms(0), unknown]);
}

#[tokio::test]
async fn a_group_without_a_state_says_what_to_do() {
    let source = Two { listing: Listing::default(), denied: None };
    let store = Arc::new(MemoryStore::new());
    let group = Group::new("orders", "billing", Arc::new(source), store);
    let error = group.describe().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(
        text.contains("billing") && text.contains("orders") && text.contains("start"),
        "{text}"
    );
}
