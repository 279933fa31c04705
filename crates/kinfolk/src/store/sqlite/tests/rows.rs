//! States become rows and rows become states.

use kinfolk_core::snapshot::{Lease, Slot};
use proptest::prelude::*;

use super::*;
use crate::store::sqlite::{read, write};

fn key(group: &str) -> Key {
    Key { group: group.into(), stream: "orders".into() }
}

/// A file of ours without a file.
fn tables() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../schema.sql")).unwrap();
    connection
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_state_reads_back_as_it_was_written(state in state::state()) {
        let tables = tables();
        write::state(&tables, &key("billing"), None, &state).unwrap();
        prop_assert_eq!(read::state(&tables, &key("billing")).unwrap(), Some(state));
    }

    #[test]
    fn writing_the_difference_leads_from_any_state_to_any_other(
        first in state::state(),
        second in state::state(),
        bystander in state::state(),
    ) {
        let tables = tables();
        write::state(&tables, &key("other"), None, &bystander).unwrap();
        write::state(&tables, &key("billing"), None, &first).unwrap();
        write::state(&tables, &key("billing"), Some(&first), &second).unwrap();
        prop_assert_eq!(read::state(&tables, &key("billing")).unwrap(), Some(second.clone()));
        prop_assert_eq!(read::state(&tables, &key("other")).unwrap(), Some(bystander));
        let writes = tables.total_changes();
        write::state(&tables, &key("billing"), Some(&second), &second).unwrap();
        prop_assert_eq!(tables.total_changes(), writes, "there is no difference to write");
    }
}

#[test]
fn a_write_touches_the_rows_that_it_changes_and_no_others() {
    let tables = tables();
    let before = state::large(500);
    write::state(&tables, &key("billing"), None, &before).unwrap();
    let mut after = before.clone();
    after.shards.values_mut().take(3).for_each(|shard| shard.ended = true);
    after.shards.pop_last();
    let writes = tables.total_changes();
    write::state(&tables, &key("billing"), Some(&before), &after).unwrap();
    assert_eq!(tables.total_changes() - writes, 4);
}

#[test]
fn a_home_that_appears_or_goes_is_written_though_no_shard_is_in_it() {
    let homes = |kept: bool| {
        let shards = kept.then(Default::default);
        let mut state = state::large(1);
        let worker = Worker { shards: shards.clone(), ..Writer::new("w1").entry() };
        state.workers.insert("w1".into(), worker);
        let slot = Slot { shards, ..Slot::new("arn", true, "v".into()) };
        state.slots.insert("fan".into(), slot);
        if kept {
            state.places.insert("p".into(), Default::default());
        }
        state
    };
    for kept in [true, false] {
        let (tables, before, after) = (tables(), homes(!kept), homes(kept));
        write::state(&tables, &key("billing"), None, &before).unwrap();
        write::state(&tables, &key("billing"), Some(&before), &after).unwrap();
        assert_eq!(read::state(&tables, &key("billing")).unwrap(), Some(after));
    }
}

#[test]
fn a_group_that_was_deleted_by_hand_begins_anew_without_what_it_left_behind() {
    let tables = tables();
    write::state(&tables, &key("billing"), None, &state::large(3)).unwrap();
    // As the command line of SQLite does it, which does not enforce foreign keys.
    tables.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM groups;").unwrap();
    tables.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    assert_eq!(read::state(&tables, &key("billing")).unwrap(), None);
    let fresh = state::large(1);
    write::state(&tables, &key("billing"), None, &fresh).unwrap();
    assert_eq!(read::state(&tables, &key("billing")).unwrap(), Some(fresh));
}

#[test]
fn a_row_that_somebody_broke_is_named_by_table_row_and_column() {
    let full = || {
        let mut state = state::large(1);
        state.workers.insert("w1".into(), Writer::new("w1").entry());
        state
            .slots
            .insert("fan".into(), kinfolk_core::snapshot::Slot::new("arn", true, "v".into()));
        state.places.insert("p".into(), state.shards.clone());
        state
    };
    let shard = "shardId-000000000000";
    let cases = [
        ("groups", "billing", "version", "UPDATE groups SET version = CAST(x'ff' AS TEXT)"),
        ("workers", "w1", "period_ms", "UPDATE workers SET period_ms = -1"),
        ("workers", "w1", "pid", "UPDATE workers SET pid = 5000000000"),
        ("workers", "w1", "active", "UPDATE workers SET active = 2"),
        ("slots", "fan", "has_shards", "UPDATE slots SET has_shards = 7"),
        ("shards", shard, "ended", "UPDATE shards SET ended = -1"),
        ("shards", shard, "epoch", "UPDATE shards SET epoch = -1, lease_owner = 'w1'"),
        ("shards", shard, "lease_owner", "UPDATE shards SET epoch = 1"),
        ("shards", shard, "part_sub", "UPDATE shards SET part_sequence = '1'"),
        ("shards", shard, "arrival", "UPDATE shards SET arrival = 'later'"),
        ("shards", shard, "arrived_at", "UPDATE shards SET arrival = 'at'"),
        ("shards", shard, "home_kind", "UPDATE shards SET home_kind = 'cellar'"),
        ("shards", shard, "home", "DELETE FROM places"),
        ("shards", shard, "sequence", "UPDATE shards SET sequence = CAST(x'ff' AS TEXT)"),
    ];
    for (table, row, column, sql) in cases {
        let tables = tables();
        write::state(&tables, &key("billing"), None, &full()).unwrap();
        tables.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        tables.execute_batch(sql).unwrap();
        let fault = read::state(&tables, &key("billing")).unwrap_err();
        let error = fault.error("read the state of group billing on stream orders in x.db");
        assert_eq!(error.kind(), ErrorKind::Data, "{sql}");
        let named = format!("table {table}, row {row}, column {column} is not ");
        assert!(error.to_string().contains(&named), "{sql}: {error}");
    }
}

#[test]
fn the_tables_themselves_refuse_most_of_what_does_not_read() {
    let tables = tables();
    write::state(&tables, &key("billing"), None, &state::large(1)).unwrap();
    for sql in [
        "UPDATE shards SET ended = 2",
        "UPDATE shards SET epoch = 'ten'",
        "UPDATE shards SET epoch = 10",
        "UPDATE shards SET arrival = 'at'",
        "UPDATE shards SET version = NULL",
        "INSERT INTO places VALUES ('nobody', 'orders', 'p')",
    ] {
        assert!(tables.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn a_number_beyond_the_columns_is_refused_and_not_changed() {
    let tables = tables();
    let mut state = state::large(1);
    let lease = Lease { epoch: u64::MAX, owner: "w1".into() };
    state.shards.values_mut().for_each(|shard| shard.lease = Some(lease.clone()));
    let fault = Fault::from(write::state(&tables, &key("billing"), None, &state).unwrap_err());
    assert_eq!(fault.error("write").kind(), ErrorKind::Data);
}
