//! A stream that was deleted and made again under the same name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kinfolk::core::topology::Initial;
use kinfolk::event::GroupEvent;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::Document;
use kinfolk::{Builder, Consumer, ErrorKind, Event, Events};
use kinfolk_local::{Fault, FaultKind};
use tokio::time::sleep;

use crate::common::World;
use crate::raw::{RawState, date, map, text};
use crate::{ended, event, rest, take, unreachable};

/// A folder of this test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("kinfolk-recreated-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A group whose only worker crashed, a moment ago or long ago, with 10 records done and 5 that it
/// never saw; and a stream of the same name that was made since, with 20 other records.
async fn anew(stream: &str, long_ago: bool) -> (World, RawState, String) {
    let world = World::start(stream, 1).await;
    let state = RawState::of(&world, stream).await;
    world.put(0..10).await;
    let consumer = world.consumer().await;
    take(&consumer, 10).await;
    world
        .wait_until("a place", |state| {
            state.shards.values().all(|shard| shard.checkpoint.sequence.is_some())
        })
        .await;
    drop(consumer);
    // What was on its way arrives.
    sleep(Duration::from_millis(500)).await;
    let id = map(&mut state.get().await, &["consumers"]).keys().next().unwrap().clone();
    if long_ago {
        state.set(&["consumers", &id, "heartbeat"], date(-61)).await;
    }
    state.set(&["theirs"], text("kept, too")).await;
    world.put(10..15).await;
    // Streams of one name that were made within a second are taken for one.
    sleep(Duration::from_millis(600)).await;
    let name = stream.into();
    kinfolk::stream::delete(&world.kinesis, &name, false).await.unwrap();
    kinfolk::stream::create(&world.kinesis, &name, 2).await.unwrap();
    world.put(100..120).await;
    (world, state, id)
}

/// Whatever a new group would begin with: what is made anew is read from its beginning.
fn builder(world: &World) -> Builder {
    world.builder().initial(Initial::Latest).shutdown_limit(Duration::from_millis(500))
}

async fn start(world: &World, builder: Builder) -> (Consumer, Events) {
    let start = builder.clients(world.kinesis.clone(), world.dynamodb.clone());
    let consumer = start.await.unwrap();
    let events = consumer.events();
    (consumer, events)
}

/// The file in which the old state is kept; the group starts over only after that.
async fn kept_then_reset(events: &mut Events) -> PathBuf {
    let first = event(events, |event| match event {
        Event::StateKept { file } => Some(Some(file.clone())),
        Event::Group(GroupEvent::Reset { .. }) => Some(None),
        _ => None,
    });
    let file = first.await.expect("it is kept first");
    println!("StateKept({})", file.display());
    is_reset(events).await;
    file
}

async fn is_reset(events: &mut Events) {
    let reset = |event: &Event| match event {
        Event::Group(GroupEvent::Reset { old }) => Some(old.workers.len()),
        _ => None,
    };
    assert_eq!(event(events, reset).await, 1, "the event holds the old state");
}

async fn all_is_read(consumer: &Consumer) {
    let mut seen = rest(consumer).await;
    seen.sort();
    assert_eq!(seen, World::expected(100..120), "from its beginning, and nothing of the old one");
}

#[tokio::test]
async fn the_state_of_an_old_stream_is_not_taken_from_its_live_workers() {
    let (world, state, id) = anew("alive", false).await;
    let folder = Folder::new("alive");
    let before = state.get().await;
    let (consumer, _) = start(&world, builder(&world).backup_folder(&folder.0)).await;
    let error = ended(consumer).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        format!(
            "cannot take part in group group on stream alive: the stream was deleted and made \
             again, but worker {id} of the old one's group was alive within the last minute: stop \
             it first, or use another group"
        )
    );
    assert_eq!(state.get().await, before);
    assert_eq!(folder.files(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_state_of_a_later_stream_is_left_alone() {
    let world = World::start("later", 1).await;
    let state = RawState::of(&world, "later").await;
    world.consumer().await.shutdown().await.unwrap();
    state.set(&["streamCreatedOn"], date(60)).await;
    let before = state.get().await;
    let error = ended(start(&world, builder(&world)).await.0).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "cannot take part in group group on stream later: the state belongs to a stream of this \
         name that was created later: this client sees an older one. Check the region and the \
         endpoint"
    );
    assert_eq!(state.get().await, before);
}

#[tokio::test]
async fn the_state_of_an_old_stream_is_kept_before_the_group_starts_over() {
    let (world, state, _) = anew("dead", true).await;
    let folder = Folder::new("dead");
    let old = Document::read(&state.store.export().await.unwrap().unwrap()).unwrap();
    let (consumer, mut events) = start(&world, builder(&world).backup_folder(&folder.0)).await;
    let file = kept_then_reset(&mut events).await;
    assert_eq!(file, folder.0.join("kinfolk-state-1.json"));
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner alone reads it");
    let kept = std::fs::read(&file).unwrap();
    assert_eq!(Document::read(&kept).unwrap(), old);
    assert!(String::from_utf8(kept).unwrap().contains("kept, too"), "with what nobody knows");
    all_is_read(&consumer).await;
    consumer.shutdown().await.unwrap();
    let new = state.store.look().await.unwrap().unwrap();
    assert_ne!(new.created_on, old.state.created_on);
    assert_eq!((new.shards.len(), new.workers.len(), folder.files().len()), (2, 0, 1));
}

#[tokio::test]
async fn a_state_that_cannot_be_kept_is_not_replaced_until_it_can() {
    let (world, state, _) = anew("no-folder", true).await;
    let folder = Folder::new("no-folder");
    let missing = folder.0.join("missing");
    let before = state.get().await;
    let (consumer, mut events) = start(&world, builder(&world).backup_folder(&missing)).await;
    for _ in 0..3 {
        let message = unreachable(&mut events).await;
        assert_eq!(
            message,
            format!(
                "cannot keep the state of group group on stream no-folder in {}, so that it is \
                 not replaced: make that folder writable, or name another one: No such file or \
                 directory (os error 2)",
                missing.display()
            )
        );
    }
    assert_eq!(state.get().await, before);
    std::fs::create_dir(&missing).unwrap();
    let file = kept_then_reset(&mut events).await;
    assert_eq!(file.parent(), Some(missing.as_path()));
    all_is_read(&consumer).await;
    consumer.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_state_that_the_caller_does_not_keep_is_not_replaced() {
    let (world, state, _) = anew("hook", true).await;
    let before = state.get().await;
    let asked = Arc::new(AtomicU32::new(0));
    let seen = asked.clone();
    let keep = move |state: &[u8]| {
        assert!(Document::read(state).is_ok());
        match seen.fetch_add(1, Ordering::Relaxed) {
            0..3 => Err("the bucket is away"),
            _ => Ok(()),
        }
    };
    let (consumer, mut events) = start(&world, builder(&world).backup_with(keep)).await;
    for _ in 0..3 {
        assert_eq!(
            unreachable(&mut events).await,
            "the state of group group on stream hook is not replaced, because it was not kept: \
             the bucket is away"
        );
    }
    assert_eq!(state.get().await, before);
    is_reset(&mut events).await;
    all_is_read(&consumer).await;
    consumer.shutdown().await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_state_that_is_replaced_only_after_many_attempts_is_kept_once() {
    let (world, state, _) = anew("once", true).await;
    let folder = Folder::new("once");
    let denied = world.local.faults().add(Fault::dynamodb(FaultKind::Denied).on("PutItem"));
    let (consumer, mut events) = start(&world, builder(&world).backup_folder(&folder.0)).await;
    for _ in 0..5 {
        let message = unreachable(&mut events).await;
        assert!(message.contains("access denied"), "{message}");
    }
    assert_eq!(folder.files().len(), 1);
    // Another state is another matter.
    state.set(&["theirs"], text("another")).await;
    for _ in 0..2 {
        unreachable(&mut events).await;
    }
    let kept = |number: u32| {
        let file: &Path = &folder.0.join(format!("kinfolk-state-{number}.json"));
        String::from_utf8(std::fs::read(file).unwrap()).unwrap()
    };
    assert!(kept(1).contains("kept, too") && kept(2).contains("another"));
    world.local.faults().remove(denied);
    is_reset(&mut events).await;
    assert_eq!(folder.files().len(), 2);
    all_is_read(&consumer).await;
    consumer.shutdown().await.unwrap();
}
