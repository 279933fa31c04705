//! From the item to a snapshot.
//!
//! An absent attribute reads as JavaScript would take it: null, false, empty. An attribute that
//! nobody here knows is passed over; it stays in the item, since only leaves are written. A known
//! one that does not read is an error that names its path, and so is a missing map: every writer
//! writes into them, and DynamoDB refuses that where there is none.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk_core::id::{PlaceName, Version};
use kinfolk_core::sequence::{Checkpoint, Part, SequenceNumber};
use kinfolk_core::snapshot::{About, Arrival, Lease, Shard, Shards, Slot, Snapshot, Worker};
use kinfolk_core::time::WallTime;

use super::attribute::{self as at, Attribute};
use super::date;
use crate::error::{Error, ErrorKind, Result};

/// An item, or a map in it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The format of what we add to the item.
pub(super) const FORMAT: u32 = 1;

/// Reads an item.
pub(super) fn snapshot(item: &Item) -> Result<Snapshot> {
    let item = Fields { path: String::new(), item };
    Ok(Snapshot {
        created_on: item.date(at::STREAM_CREATED_ON)?.unwrap_or_default(),
        version: item.version()?,
        started_at: started_at(&item)?,
        workers: item.needed(at::CONSUMERS, worker)?,
        slots: item.needed(at::ENHANCED_CONSUMERS, slot)?,
        shards: item.needed(at::SHARDS, shard)?,
        places: places(&item)?,
    })
}

/// The places of standalone workers: each an attribute of its own.
fn places(item: &Fields<'_>) -> Result<BTreeMap<PlaceName, Shards>> {
    let places = item.item.iter().filter_map(|(attribute, value)| {
        let name = attribute.strip_prefix(at::KF_PLACE)?;
        Some((attribute, name, value))
    });
    let place = |(attribute, name, value): (&String, &str, &AttributeValue)| {
        let item = value.as_m().map_err(|_| not(attribute, "a map"))?;
        let map = Fields { path: format!("{attribute}."), item };
        Ok((PlaceName::from(name), map.each(shard)?))
    };
    places.map(place).collect()
}

/// When one of ours created the group. An item in a format of a later time is refused as a whole:
/// it may hold promises that this version would break.
fn started_at(item: &Fields<'_>) -> Result<Option<WallTime>> {
    let Some(kf) = item.map(at::KF)? else { return Ok(None) };
    match kf.number::<u32>(at::FORMAT)? {
        Some(FORMAT) | None => kf.date(at::STARTED_AT),
        Some(_) => Err(kf.broken(at::FORMAT, "a format of this version of Kinfolk")),
    }
}

fn worker(entry: &Fields<'_>) -> Result<Worker> {
    Ok(Worker {
        beat: entry.date(at::HEARTBEAT)?.unwrap_or_default(),
        period_ms: entry.number(at::KF_BEAT)?,
        // It is the attribute's presence that conditions test.
        leaving: entry.flag(at::KF_LEAVING)?.is_some(),
        active: entry.flag(at::IS_ACTIVE)?.unwrap_or_default(),
        standalone: entry.flag(at::IS_STANDALONE)?.unwrap_or_default(),
        name: entry.text(at::KF_NAME)?.map(Into::into),
        shards: entry.entries(at::SHARDS, shard)?,
        about: About {
            app_name: entry.text(at::APP_NAME)?.unwrap_or_default().to_owned(),
            host: entry.text(at::HOST)?.unwrap_or_default().to_owned(),
            pid: entry.number(at::PID)?.unwrap_or_default(),
            started_on: entry.date(at::STARTED_ON)?.unwrap_or_default(),
        },
    })
}

fn slot(entry: &Fields<'_>) -> Result<Slot> {
    Ok(Slot {
        arn: entry.text(at::ARN)?.unwrap_or_default().to_owned(),
        standalone: entry.flag(at::IS_STANDALONE)?.unwrap_or_default(),
        used_by: entry.text(at::IS_USED_BY)?.map(Into::into),
        version: entry.version()?,
        shards: entry.entries(at::SHARDS, shard)?,
    })
}

fn shard(entry: &Fields<'_>) -> Result<Shard> {
    Ok(Shard {
        parent: entry.text(at::PARENT)?.map(Into::into),
        adjacent: entry.text(at::KF_ADJ)?.map(Into::into),
        checkpoint: Checkpoint::new(
            entry.text(at::CHECKPOINT)?.map(SequenceNumber::from),
            entry.pair(at::KF_PART, "{sequence}:{sub}", part)?,
        ),
        from: entry.number(at::KF_FROM)?.map(WallTime),
        arrival: match entry.item.get(at::ARRIVAL.name) {
            None => Arrival::Unsaid,
            Some(_) => entry.date(at::ARRIVAL)?.into(),
        },
        ended: entry.flag(at::DEPLETED)?.unwrap_or_default(),
        owner: entry.text(at::LEASE_OWNER)?.map(Into::into),
        until: entry.date(at::LEASE_EXPIRATION)?,
        version: entry.version()?,
        lease: entry.pair(at::KF_LEASE, "{epoch}:{owner}", lease)?,
        reserved: entry.text(at::KF_FOR)?.map(Into::into),
    })
}

fn part(sequence: &str, sub: &str) -> Option<Part> {
    Some(Part { sequence: sequence.into(), sub: sub.parse().ok()? })
}

fn lease(epoch: &str, owner: &str) -> Option<Lease> {
    Some(Lease { epoch: epoch.parse().ok()?, owner: owner.into() })
}

/// A map that is being read, and where it is.
struct Fields<'a> {
    path: String,
    item: &'a Item,
}

impl<'a> Fields<'a> {
    /// An attribute that is there and not null.
    fn get(&self, attribute: Attribute) -> Option<&'a AttributeValue> {
        self.item.get(attribute.name).filter(|value| !value.is_null())
    }

    /// An attribute as `read` takes it; `what` says what it should be.
    fn read<T>(
        &self,
        attribute: Attribute,
        what: &str,
        read: impl FnOnce(&'a AttributeValue) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(attribute) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.broken(attribute, what))
    }

    fn text(&self, attribute: Attribute) -> Result<Option<&'a str>> {
        self.read(attribute, "a text", |value| value.as_s().ok().map(String::as_str))
    }

    fn flag(&self, attribute: Attribute) -> Result<Option<bool>> {
        self.read(attribute, "a boolean", |value| value.as_bool().ok().copied())
    }

    fn date(&self, attribute: Attribute) -> Result<Option<WallTime>> {
        self.read(attribute, "a date as JavaScript writes it", |value| {
            date::read(value.as_s().ok()?)
        })
    }

    fn number<T: std::str::FromStr>(&self, attribute: Attribute) -> Result<Option<T>> {
        self.read(attribute, "a whole number in range", |value| value.as_n().ok()?.parse().ok())
    }

    /// Two values in one text, separated by a colon.
    fn pair<T>(
        &self,
        attribute: Attribute,
        what: &str,
        read: impl FnOnce(&'a str, &'a str) -> Option<T>,
    ) -> Result<Option<T>> {
        self.read(attribute, what, |value| {
            let (first, second) = value.as_s().ok()?.split_once(':')?;
            read(first, second)
        })
    }

    fn version(&self) -> Result<Version> {
        Ok(self.text(at::VERSION)?.unwrap_or_default().into())
    }

    fn map(&self, attribute: Attribute) -> Result<Option<Fields<'a>>> {
        let item = self.read(attribute, "a map", |value| value.as_m().ok())?;
        Ok(item.map(|item| Fields { path: format!("{}{}.", self.path, attribute.name), item }))
    }

    /// The entries of a map, each read by `read`; `None` if there is no map.
    fn entries<K, V>(
        &self,
        attribute: Attribute,
        read: impl Fn(&Fields<'_>) -> Result<V>,
    ) -> Result<Option<BTreeMap<K, V>>>
    where
        K: Ord + for<'k> From<&'k str>,
    {
        self.map(attribute)?.map(|map| map.each(read)).transpose()
    }

    /// The entries of a map that must be there.
    fn needed<K, V>(
        &self,
        attribute: Attribute,
        read: impl Fn(&Fields<'_>) -> Result<V>,
    ) -> Result<BTreeMap<K, V>>
    where
        K: Ord + for<'k> From<&'k str>,
    {
        self.entries(attribute, read)?.ok_or_else(|| self.broken(attribute, "there"))
    }

    /// Every entry of this map.
    fn each<K, V>(&self, read: impl Fn(&Fields<'_>) -> Result<V>) -> Result<BTreeMap<K, V>>
    where
        K: Ord + for<'k> From<&'k str>,
    {
        let entry = |(id, value): (&String, &AttributeValue)| {
            let path = format!("{}{id}", self.path);
            let Ok(item) = value.as_m() else { return Err(not(&path, "a map")) };
            let value = read(&Fields { path: path + ".", item })?;
            Ok((K::from(id.as_str()), value))
        };
        self.item.iter().map(entry).collect()
    }

    fn broken(&self, attribute: Attribute, what: &str) -> Error {
        not(&format!("{}{}", self.path, attribute.name), what)
    }
}

fn not(path: &str, what: &str) -> Error {
    Error::new(ErrorKind::Data, format!("the state item's {path} is not {what}"))
}

#[cfg(test)]
mod tests;
