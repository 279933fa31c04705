//! Which files are opened, made and refused.

use super::*;

fn refused(path: &Path) -> String {
    let error = SqliteStore::open(path, "billing", "orders").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    error.to_string()
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_and_those_beside_it_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = folder.store();
    applied(&store, &Writer::new("w1").create()).await;
    let mut files: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(Result::unwrap).collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let names: Vec<_> = files.iter().map(std::fs::DirEntry::file_name).collect();
    assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal"]);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn every_connection_waits_for_the_disk() {
    let folder = Folder::new();
    let store = folder.store();
    for store in [store, SqliteStore::open_existing(folder.file(), "billing", "orders").unwrap()] {
        let session = store.session.try_lock().unwrap();
        let value = |name| {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            session.connection().pragma_query_value(None, name, value).unwrap()
        };
        assert_eq!(value("journal_mode"), "wal".to_owned().into());
        assert_eq!(value("synchronous"), 2.into(), "FULL");
        assert_eq!(value("fullfsync"), 1.into());
        assert_eq!(value("foreign_keys"), 1.into());
    }
}

#[test]
fn the_database_of_another_application_is_refused_and_left_alone() {
    let folder = Folder::new();
    for (name, sql) in [
        ("tables.db", "CREATE TABLE orders (id INTEGER)"),
        ("marked.db", "PRAGMA application_id = 77"),
        ("counted.db", "PRAGMA user_version = 1"),
    ] {
        let path = folder.0.join(name);
        run_by_hand(&path, sql);
        let before = std::fs::read(&path).unwrap();
        assert!(refused(&path).contains("another application"));
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
        assert!(!folder.0.join(format!("{name}-wal")).exists());
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let folder = Folder::new();
    let path = folder.0.join("notes.txt");
    // A single byte counts as none, to SQLite: on some systems an empty file has one.
    for text in ["xy".to_owned(), "a note. ".repeat(2_000)] {
        std::fs::write(&path, &text).unwrap();
        assert!(refused(&path).contains("not a SQLite database"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let folder = Folder::new();
    drop(folder.store());
    run_by_hand(&folder.file(), "PRAGMA user_version = 2");
    let said = refused(&folder.file());
    assert!(said.contains("format 2") && said.contains("this one knows 1"), "{said}");
    assert!(SqliteStore::groups(folder.file()).is_err());
}

#[tokio::test]
async fn a_file_that_becomes_a_newer_versions_while_it_is_in_use_is_let_go() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    run_by_hand(&folder.file(), "PRAGMA user_version = 2");
    assert_eq!(store.commit(&writer.beat()).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(store.look().await.unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_file_that_somebody_else_is_making_is_waited_for() {
    let folder = Folder::new();
    let other = by_hand(&folder.file());
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| drop(folder.store()));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!opening.is_finished());
        other.execute_batch("ROLLBACK").unwrap();
        opening.join().unwrap();
    });
}

#[test]
fn a_path_that_leads_nowhere_is_refused() {
    let folder = Folder::new();
    refused(&folder.0);
    refused(&folder.0.join("missing/state.db"));
    assert!(!folder.0.join("missing").exists());
    assert!(SqliteStore::open("", "billing", "orders").is_err());
}

#[test]
fn a_path_is_never_a_uri_or_a_name_that_sqlite_takes_otherwise() {
    let folder = Folder::new();
    for name in [":memory:", "file:x?mode=memory"] {
        assert!(file::absolute(Path::new(name)).unwrap().is_absolute());
        drop(open(&folder.0.join(name)));
        assert!(folder.0.join(name).is_file());
    }
}

#[test]
fn looking_makes_nothing() {
    let folder = Folder::new();
    let missing = folder.file();
    let error = SqliteStore::open_existing(&missing, "billing", "orders").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(SqliteStore::groups(&missing).unwrap_err().kind(), ErrorKind::Config);
    assert!(!missing.exists());
    std::fs::write(&missing, "").unwrap();
    let error = SqliteStore::open_existing(&missing, "billing", "orders").unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");
    assert!(SqliteStore::groups(&missing).unwrap().is_empty());
    assert_eq!(std::fs::metadata(&missing).unwrap().len(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_can_only_be_read_is_looked_at_and_not_written() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let writer = Writer::new("w1");
    applied(&folder.store(), &writer.create()).await;
    let read_only = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(folder.file(), read_only).unwrap();
    if std::fs::OpenOptions::new().append(true).open(folder.file()).is_ok() {
        return; // nothing is read-only to root
    }
    assert!(refused(&folder.file()).contains("it can only be read"));
    let store = SqliteStore::open_existing(folder.file(), "billing", "orders").unwrap();
    assert!(store.look().await.unwrap().is_some());
    assert_eq!(store.commit(&writer.beat()).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_file_that_was_removed_or_replaced_is_not_written_any_more() {
    let folder = Folder::new();
    let (store, writer) = (folder.store(), Writer::new("w1"));
    applied(&store, &writer.create()).await;
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        std::fs::remove_file(folder.0.join(file)).unwrap();
    }
    let refused = async || {
        for error in [store.look().await.err(), store.commit(&writer.beat()).await.err()] {
            let error = error.expect("nobody else would see it");
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("removed or replaced"), "{error}");
        }
    };
    refused().await;
    applied(&folder.store(), &Writer::new("w2").create()).await;
    refused().await;
}

#[tokio::test]
async fn a_damaged_file_is_an_error_of_its_data() {
    let folder = Folder::new();
    let store = folder.store();
    store.put(&state::large(2_000)).await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(folder.file()).unwrap();
    let (_, tables) = bytes.split_at_mut(8 * 4_096);
    tables.fill(0xa5);
    std::fs::write(folder.file(), bytes).unwrap();
    let error = folder.store().look().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error:?}");
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[tokio::test]
async fn a_broken_row_is_named_and_the_other_groups_go_on() {
    let folder = Folder::new();
    let store = folder.store();
    applied(&store, &Writer::new("w1").create()).await;
    let other = SqliteStore::open(folder.file(), "audit", "orders").unwrap();
    applied(&other, &Writer::new("w1").create()).await;
    run_by_hand(
        &folder.file(),
        "PRAGMA ignore_check_constraints = ON;
         UPDATE workers SET active = 3 WHERE group_name = 'billing'",
    );
    let named = |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::Data);
        let said = error.to_string();
        let parts =
            ["group billing on stream orders", "state.db", "table workers", "column active"];
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    };
    named(&store.look().await.unwrap_err());
    named(&store.commit(&Writer::new("w1").beat()).await.unwrap_err());
    assert!(other.look().await.unwrap().is_some());
    let groups = SqliteStore::groups(folder.file()).unwrap();
    let [audit, billing] = &groups[..] else { panic!("{groups:?}") };
    assert_eq!((audit.group.as_str(), billing.group.as_str()), ("audit", "billing"));
    assert!(audit.state.is_ok());
    named(billing.state.as_ref().unwrap_err());
    // Mended by hand, it is read again.
    run_by_hand(&folder.file(), "UPDATE workers SET active = 1");
    assert!(store.look().await.unwrap().is_some());
}

#[tokio::test]
async fn a_state_is_exported_as_the_item_that_the_table_would_hold() {
    let folder = Folder::new();
    let store = folder.store();
    assert_eq!(store.export().await.unwrap(), None);
    let state = applied(&store, &Writer::new("w1").create()).await;
    let text = store.export().await.unwrap().unwrap();
    let document = document::Document::read(&text).unwrap();
    assert_eq!((document.group.as_str(), document.stream.as_str()), ("billing", "orders"));
    assert_eq!(document.state, state);
}
