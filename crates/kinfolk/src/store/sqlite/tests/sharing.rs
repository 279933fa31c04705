//! Several connections, and calls that come to nothing.

use super::*;

#[tokio::test]
async fn a_look_that_finds_nothing_new_reads_no_rows() {
    let folder = Folder::new();
    let (store, mut writer) = (folder.store(), Writer::new("w1"));
    let mut last = Some(applied(&store, &writer.create()).await);
    let reads = store.usage().reads;
    for _ in 0..20 {
        assert_eq!(store.look().await.unwrap(), last);
        last = Some(applied(&store, &writer.beat()).await);
        writer.beat += 1;
    }
    assert_eq!(store.usage().reads, reads, "nor does its own write make it read");
    applied(&folder.store(), &writer.beat()).await;
    for _ in 0..3 {
        assert_ne!(store.look().await.unwrap(), last);
    }
    assert_eq!(store.usage().reads, reads + 1, "another's does, once");
}

#[tokio::test]
async fn two_stores_that_write_in_turn_see_each_other_at_once() {
    let folder = Folder::new();
    let stores = [folder.store(), folder.store()];
    let mut writers = [Writer::new("left"), Writer::new("right")];
    applied(&stores[0], &writers[0].create()).await;
    applied(&stores[1], &writers[1].join()).await;
    for turn in 0..20 {
        let (mine, others) = (turn % 2, (turn + 1) % 2);
        let after = applied(&stores[mine], &writers[mine].mark()).await;
        writers[mine].beat += 1;
        assert_eq!(after.shards.len(), turn + 1, "it goes on from what the other one wrote");
        assert_eq!(stores[others].look().await.unwrap(), Some(after.clone()));
        assert_eq!(stores[mine].look().await.unwrap(), Some(after));
    }
}

#[tokio::test]
async fn a_refused_change_writes_nothing() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    let state = applied(&store, &writer.create()).await;
    let wal = || std::fs::metadata(folder.0.join("state.db-wal")).unwrap().len();
    let before = wal();
    let late = Writer { beat: 7, ..writer };
    assert_eq!(store.commit(&late.beat()).await.unwrap(), Committed::Refused(Some(state)));
    assert_eq!(wal(), before);
}

#[tokio::test]
async fn groups_and_streams_of_one_file_do_not_see_each_other() {
    let folder = Folder::new();
    let names = [("billing", "orders"), ("audit", "orders"), ("billing", "returns")];
    let stores =
        names.map(|(group, stream)| SqliteStore::open(folder.file(), group, stream).unwrap());
    for (number, store) in (1..).zip(&stores) {
        assert_eq!(store.look().await.unwrap(), None);
        store.put(&state::large(number)).await.unwrap();
    }
    for (number, store) in (1..).zip(&stores) {
        assert_eq!(store.look().await.unwrap(), Some(state::large(number)));
    }
    assert_eq!(SqliteStore::groups(folder.file()).unwrap().len(), 3);
}

#[tokio::test]
async fn a_file_that_others_hold_for_too_long_is_unavailable_and_free_again_later() {
    let folder = Folder::new();
    let writer = Writer::new("w1");
    applied(&folder.store(), &writer.create()).await;
    let store = SqliteStore::open(folder.file(), "billing", "orders").unwrap();
    let other = by_hand(&folder.file());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.commit(&writer.beat()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    // And not that there was no answer: SQLite gave up before the attempt's time was over.
    assert!(error.to_string().contains("busy for too long"), "{error}");
    assert!(store.look().await.unwrap().is_some(), "who writes does not keep others from reading");
    other.execute_batch("COMMIT").unwrap();
    applied(&store, &writer.beat()).await;
}

#[tokio::test]
async fn a_dropped_commit_happens_as_a_whole_or_not_at_all() {
    let folder = Folder::new();
    let (store, mut writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    let (mut happened, mut refused) = (0, 0);
    for round in 0..60 {
        let change = writer.mark();
        // Each third is dropped while it waits for its turn, the others at work.
        let busy = match round % 3 {
            0 => Some(store.session.clone().lock_owned().await),
            _ => None,
        };
        let limit = Duration::from_micros(round * 50);
        let _ = tokio::time::timeout(limit, store.commit(&change)).await;
        drop(busy);
        // Sent again as it was: applied now, or refused by the state that it made.
        match store.commit(&change).await.unwrap() {
            Committed::Applied(_) => happened += 1,
            Committed::Refused(Some(state)) => {
                let beat = state.workers.get(&writer.id).map(|worker| worker.beat);
                assert_eq!(beat, change.chain.beat());
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
        writer.beat += 1;
        let state = store.look().await.unwrap().unwrap();
        assert!(state.shards.contains_key(&writer.marked(writer.beat)));
        assert_eq!(state.shards.len(), usize::try_from(writer.beat - 1_000).unwrap());
    }
    assert!(happened > 0 && refused > 0, "{happened} dropped before, {refused} after");
}

#[tokio::test]
async fn a_write_that_fails_at_its_very_end_is_not_taken_for_done() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    let state = applied(&store, &writer.create()).await;
    // Through the store's own connection: it is not told that somebody else wrote.
    let run = async |sql: &'static str| {
        let run = |session: &mut Session| Ok(session.connection().execute_batch(sql)?);
        store.call("test", run).await.unwrap();
    };
    run("CREATE TABLE none (id INTEGER PRIMARY KEY);
         CREATE TABLE late (id REFERENCES none DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER late AFTER INSERT ON workers BEGIN INSERT INTO late VALUES (7); END;")
    .await;
    let error = store.commit(&writer.beat()).await.unwrap_err();
    assert!(error.report().to_string().contains("FOREIGN KEY"), "{error:?}");
    assert_eq!(store.look().await.unwrap(), Some(state.clone()));
    run("DROP TRIGGER late").await;
    let committed = store.commit(&writer.beat()).await.unwrap();
    assert_eq!(committed, writer.beat().apply(Some(&state)));
}

#[tokio::test]
async fn a_panic_or_a_transaction_left_open_does_not_wedge_the_store() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    let panics = store.call("test", |session| -> Result<(), Fault> {
        session.connection().execute_batch("BEGIN IMMEDIATE; DELETE FROM groups").unwrap();
        panic!("in the middle of a write");
    });
    assert_eq!(panics.await.unwrap_err().kind(), ErrorKind::Internal);
    assert!(store.look().await.unwrap().is_some());
    applied(&store, &writer.beat()).await;
}

#[tokio::test]
async fn an_attempt_ends_at_its_limit_and_the_next_one_works() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    let (begun, slow) = (Arc::new(tokio::sync::Notify::new()), store.clone());
    let tell = begun.clone();
    let mut hanging = std::pin::pin!(slow.call("test", move |_| {
        tell.notify_one();
        std::thread::sleep(Duration::from_millis(600));
        Ok(())
    }));
    tokio::select! {
        _ = &mut hanging => panic!("it hangs"),
        () = begun.notified() => {}
    }
    let brief = store.clone().attempt_limit(Duration::from_millis(50));
    let error = brief.look().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer in 50ms"), "{error}");
    hanging.await.unwrap();
    assert!(brief.attempt_limit(Duration::from_secs(5)).look().await.unwrap().is_some());
}
