//! From rows to a snapshot.

use kinfolk_core::sequence::{Checkpoint, Part};
use kinfolk_core::snapshot::{About, Arrival, Home, Lease, Shard, Shards, Slot, Snapshot, Worker};
use rusqlite::{Connection, OptionalExtension, params};

use super::column::Columns;
use super::fault::Fault;
use super::key::Key;

const GROUP: &str = "SELECT created_on, version, started_at, group_name FROM groups
    WHERE group_name = ?1 AND stream = ?2";
const WORKERS: &str = "SELECT worker, beat, period_ms, leaving, active, standalone, place, \
    has_shards, app_name, host, pid, started_on FROM workers
    WHERE group_name = ?1 AND stream = ?2";
const SLOTS: &str = "SELECT slot, arn, standalone, used_by, version, has_shards FROM slots
    WHERE group_name = ?1 AND stream = ?2";
const PLACES: &str = "SELECT place FROM places WHERE group_name = ?1 AND stream = ?2";
const SHARDS: &str = "SELECT home_kind, home, shard, parent, adjacent, sequence, part_sequence, \
    part_sub, start_at, arrival, arrived_at, ended, owner, until, version, epoch, lease_owner, \
    reserved FROM shards
    WHERE group_name = ?1 AND stream = ?2";

/// Reads a group's state; `None` when there is none. Part of a transaction.
pub(super) fn state(connection: &Connection, key: &Key) -> Result<Option<Snapshot>, Fault> {
    let Some(mut state) = group(connection, key)? else { return Ok(None) };
    each(connection, key, WORKERS, "workers", 0, |row| {
        state.workers.insert(row.text()?, worker(row)?);
        Ok(())
    })?;
    each(connection, key, SLOTS, "slots", 0, |row| {
        state.slots.insert(row.text()?, slot(row)?);
        Ok(())
    })?;
    each(connection, key, PLACES, "places", 0, |row| {
        state.places.insert(row.text()?, Shards::new());
        Ok(())
    })?;
    each(connection, key, SHARDS, "shards", 2, |row| {
        let home = home(row)?;
        let shards = state.shards_of_mut(&home);
        let shards = shards.ok_or_else(|| row.broken("a place, worker or slot with shards"))?;
        shards.insert(row.text()?, shard(row)?);
        Ok(())
    })?;
    Ok(Some(state))
}

fn each(
    connection: &Connection,
    key: &Key,
    select: &str,
    table: &'static str,
    subject: usize,
    mut take: impl FnMut(&mut Columns<'_, '_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![key.group(), key.stream()])?;
    while let Some(row) = rows.next()? {
        take(&mut Columns::new(row, table, subject))?;
    }
    Ok(())
}

fn group(connection: &Connection, key: &Key) -> Result<Option<Snapshot>, Fault> {
    let mut statement = connection.prepare_cached(GROUP)?;
    let snapshot = |row: &rusqlite::Row<'_>| {
        let mut row = Columns::new(row, "groups", 3);
        Ok((|| {
            Ok(Snapshot {
                created_on: row.time()?,
                version: row.text()?,
                started_at: row.time_if()?,
                workers: Default::default(),
                slots: Default::default(),
                shards: Default::default(),
                places: Default::default(),
            })
        })())
    };
    statement.query_row(params![key.group(), key.stream()], snapshot).optional()?.transpose()
}

fn worker(row: &mut Columns<'_, '_>) -> Result<Worker, Fault> {
    Ok(Worker {
        beat: row.time()?,
        period_ms: row.number_if()?,
        leaving: row.flag()?,
        active: row.flag()?,
        standalone: row.flag()?,
        name: row.text_if()?,
        shards: row.flag()?.then(Shards::new),
        about: About {
            app_name: row.text()?,
            host: row.text()?,
            pid: row.number()?,
            started_on: row.time()?,
        },
    })
}

fn slot(row: &mut Columns<'_, '_>) -> Result<Slot, Fault> {
    Ok(Slot {
        arn: row.text()?,
        standalone: row.flag()?,
        used_by: row.text_if()?,
        version: row.text()?,
        shards: row.flag()?.then(Shards::new),
    })
}

fn home(row: &mut Columns<'_, '_>) -> Result<Home, Fault> {
    let kind: String = row.text()?;
    match kind.as_str() {
        "group" => row.text::<String>().map(|_| Home::Group),
        "place" => row.text().map(Home::Place),
        "worker" => row.text().map(Home::Worker),
        "slot" => row.text().map(Home::Slot),
        _ => Err(row.broken("group, place, worker or slot")),
    }
}

fn shard(row: &mut Columns<'_, '_>) -> Result<Shard, Fault> {
    Ok(Shard {
        parent: row.text_if()?,
        adjacent: row.text_if()?,
        checkpoint: {
            let sequence = row.text_if()?;
            let part = (row.text_if()?, row.number_if()?);
            let part = both(row, part)?.map(|(sequence, sub)| Part { sequence, sub });
            Checkpoint::new(sequence, part)
        },
        from: row.time_if()?,
        arrival: arrival(row)?,
        ended: row.flag()?,
        owner: row.text_if()?,
        until: row.time_if()?,
        version: row.text()?,
        lease: {
            let (epoch, owner) = (row.number_if()?, row.text_if()?);
            both(row, (epoch, owner))?.map(|(epoch, owner)| Lease { epoch, owner })
        },
        reserved: row.text_if()?,
    })
}

fn arrival(row: &mut Columns<'_, '_>) -> Result<Arrival, Fault> {
    let said: String = row.text()?;
    let arrival = match said.as_str() {
        "unsaid" => Arrival::Unsaid,
        "unknown" => Arrival::Unknown,
        "at" => return row.time().map(Arrival::At),
        _ => return Err(row.broken("unsaid, unknown or at")),
    };
    // Nothing in it means anything to the other two.
    row.time_if()?;
    Ok(arrival)
}

/// Two columns of which both say something, or neither.
fn both<A, B>(
    row: &Columns<'_, '_>,
    pair: (Option<A>, Option<B>),
) -> Result<Option<(A, B)>, Fault> {
    match pair {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        _ => Err(row.broken("there exactly when the column before it is")),
    }
}
