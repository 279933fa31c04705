//! The item of a group of Node consumers.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue as Value;
use kinfolk::core::id::IdSource;

use crate::costs::stream::{sequence, shard};
use crate::costs::{Load, Shape};

/// The whole item: its workers hold all shards, and have read from them if they had records.
pub(super) fn item(shape: Shape, load: Load) -> HashMap<String, Value> {
    let workers = (0..shape.workers).map(|index| (id(index), worker()));
    let shards = (0..shape.shards).map(|index| {
        let owner = id(index % shape.workers);
        (shard(index).to_string(), entry(owner, load))
    });
    fields([
        ("consumerGroup", text("costs")),
        ("streamName", text("costs")),
        ("streamCreatedOn", date()),
        ("version", text(id(0))),
        ("consumers", Value::M(workers.collect())),
        ("enhancedConsumers", Value::M(HashMap::new())),
        ("shards", Value::M(shards.collect())),
    ])
}

/// A consumer's entry, with names as ours has them.
pub(super) fn worker() -> Value {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Value::M(fields([
        ("appName", text("costs")),
        ("heartbeat", date()),
        ("host", text(host)),
        ("isActive", Value::Bool(true)),
        ("isStandalone", Value::Bool(false)),
        ("pid", Value::N(std::process::id().to_string())),
        ("startedOn", date()),
    ]))
}

fn entry(owner: String, load: Load) -> Value {
    let mut entry = fields([
        ("checkpoint", Value::Null(true)),
        ("depleted", Value::Bool(false)),
        ("leaseExpiration", date()),
        ("leaseOwner", text(owner)),
        ("parent", Value::Null(true)),
        ("version", text(id(0))),
    ]);
    if load == Load::Busy {
        entry.extend(fields([("checkpoint", place(1)), ("approximateArrivalTimestamp", date())]));
    }
    Value::M(entry)
}

/// An id or a version of that number; those of consumers and of versions are alike.
pub(super) fn id(number: u32) -> String {
    IdSource::new(number.into()).worker().to_string()
}

/// The place behind a shard's record of that number.
pub(super) fn place(number: u64) -> Value {
    text(sequence(number).as_str())
}

/// A date. All have the same length, which is all that counts.
pub(super) fn date() -> Value {
    text("2026-11-24T12:00:00.000Z")
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::S(text.into())
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> HashMap<String, Value> {
    fields.map(|(name, value)| (name.to_owned(), value)).into()
}
