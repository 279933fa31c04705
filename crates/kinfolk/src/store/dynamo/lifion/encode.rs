//! From a snapshot to the item, and from its parts to the values of attributes.

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk_core::id::{GroupName, PlaceName, StreamName, Version};
use kinfolk_core::sequence::Part;
use kinfolk_core::snapshot::{Arrival, Lease, Shard, Shards, Slot, Snapshot, Worker};
use kinfolk_core::time::WallTime;

use super::attribute::{self as at, Attribute};
use super::date;
use super::decode::{FORMAT, Item};

/// The whole item.
pub(super) fn item(group: &GroupName, stream: &StreamName, state: &Snapshot) -> Item {
    let mut fields = Fields::default()
        .with(at::CONSUMER_GROUP, text(group))
        .with(at::STREAM_NAME, text(stream))
        .with(at::STREAM_CREATED_ON, moment(state.created_on))
        .with(at::VERSION, text(&state.version))
        .with(at::CONSUMERS, entries(&state.workers, worker))
        .with(at::ENHANCED_CONSUMERS, entries(&state.slots, slot))
        .with(at::SHARDS, shards(&state.shards));
    for (name, place) in &state.places {
        fields.0.insert(place_attribute(name), shards(place));
    }
    if let Some(started_at) = state.started_at {
        let kf = Fields::default()
            .with(at::FORMAT, number(FORMAT))
            .with(at::STARTED_AT, moment(started_at));
        fields = fields.with(at::KF, kf.value());
    }
    fields.0
}

/// A worker's entry.
pub(super) fn worker(worker: &Worker) -> AttributeValue {
    Fields::default()
        .with(at::APP_NAME, text(&worker.about.app_name))
        .with(at::HEARTBEAT, moment(worker.beat))
        .with(at::HOST, text(&worker.about.host))
        .with(at::IS_ACTIVE, AttributeValue::Bool(worker.active))
        .with(at::IS_STANDALONE, AttributeValue::Bool(worker.standalone))
        .with(at::PID, number(worker.about.pid))
        .with(at::STARTED_ON, moment(worker.about.started_on))
        .with_some(at::KF_BEAT, worker.period_ms.map(number))
        // Never `false`: it is the attribute's presence that conditions test.
        .with_some(at::KF_LEAVING, worker.leaving.then_some(TRUE))
        .with_some(at::KF_NAME, worker.name.as_ref().map(text))
        .with_some(at::SHARDS, worker.shards.as_ref().map(shards))
        .value()
}

/// The attribute that holds a place.
pub(super) fn place_attribute(name: &PlaceName) -> String {
    format!("{}{name}", at::KF_PLACE)
}

/// The entries of shards in a map.
pub(super) fn shards(shards: &Shards) -> AttributeValue {
    entries(shards, |entry| shard(entry, &entry.version))
}

/// A shard's entry at a version: Node's attributes always, ours where they say something.
pub(super) fn shard(shard: &Shard, version: &Version) -> AttributeValue {
    let checkpoint = &shard.checkpoint;
    Fields::default()
        .with(at::PARENT, text_or_null(shard.parent.as_ref()))
        .with(at::CHECKPOINT, text_or_null(checkpoint.sequence.as_ref().map(|s| s.as_str())))
        .with(at::DEPLETED, AttributeValue::Bool(shard.ended))
        .with(at::LEASE_OWNER, text_or_null(shard.owner.as_ref()))
        .with(at::LEASE_EXPIRATION, moment_or_null(shard.until))
        .with(at::VERSION, text(version))
        .with_some(at::ARRIVAL, arrival(shard.arrival))
        .with_some(at::KF_ADJ, shard.adjacent.as_ref().map(text))
        .with_some(at::KF_FROM, shard.from.map(|from| number(from.0)))
        .with_some(at::KF_PART, checkpoint.part.as_ref().map(part))
        .with_some(at::KF_LEASE, shard.lease.as_ref().map(lease))
        .with_some(at::KF_FOR, shard.reserved.as_ref().map(text))
        .value()
}

/// A fan-out slot's entry.
pub(super) fn slot(slot: &Slot) -> AttributeValue {
    Fields::default()
        .with(at::ARN, text(&slot.arn))
        .with(at::IS_STANDALONE, AttributeValue::Bool(slot.standalone))
        .with(at::IS_USED_BY, text_or_null(slot.used_by.as_ref()))
        .with(at::VERSION, text(&slot.version))
        .with_some(at::SHARDS, slot.shards.as_ref().map(shards))
        .value()
}

/// Absent until something was said about it, as Node leaves it.
fn arrival(arrival: Arrival) -> Option<AttributeValue> {
    match arrival {
        Arrival::Unsaid => None,
        Arrival::Unknown => Some(NULL),
        Arrival::At(time) => Some(moment(time)),
    }
}

/// A tenure: `{epoch}:{owner}`.
pub(super) fn lease(lease: &Lease) -> AttributeValue {
    text(format!("{}:{}", lease.epoch, lease.owner))
}

/// A part of an aggregated record: `{sequence}:{sub}`.
pub(super) fn part(part: &Part) -> AttributeValue {
    text(format!("{}:{}", part.sequence, part.sub))
}

pub(super) fn text(text: impl AsRef<str>) -> AttributeValue {
    AttributeValue::S(text.as_ref().to_owned())
}

pub(super) fn text_or_null(value: Option<impl AsRef<str>>) -> AttributeValue {
    value.map_or(NULL, text)
}

pub(super) fn moment(date: WallTime) -> AttributeValue {
    AttributeValue::S(date::write(date))
}

pub(super) fn moment_or_null(date: Option<WallTime>) -> AttributeValue {
    date.map_or(NULL, moment)
}

pub(super) fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// JavaScript's null, which is there, unlike an attribute that is absent.
pub(super) const NULL: AttributeValue = AttributeValue::Null(true);

/// What a flag is while it is up.
pub(super) const TRUE: AttributeValue = AttributeValue::Bool(true);

fn entries<'a, K: AsRef<str> + 'a, V: 'a>(
    map: impl IntoIterator<Item = (&'a K, &'a V)>,
    encode: impl Fn(&V) -> AttributeValue,
) -> AttributeValue {
    let entry = |(id, value): (&K, &V)| (id.as_ref().to_owned(), encode(value));
    AttributeValue::M(map.into_iter().map(entry).collect())
}

/// A map in the making.
#[derive(Default)]
struct Fields(Item);

impl Fields {
    fn with(mut self, attribute: Attribute, value: AttributeValue) -> Self {
        self.0.insert(attribute.name.to_owned(), value);
        self
    }

    fn with_some(self, attribute: Attribute, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.with(attribute, value),
            None => self,
        }
    }

    fn value(self) -> AttributeValue {
        AttributeValue::M(self.0)
    }
}
