//! The group's state as DynamoDB has it: read raw, not through the library that is under test.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{Fleet, Result};

/// The parts of the state item that the checks need.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Worker id by process id.
    pub workers: BTreeMap<u32, String>,
    /// Owner by shard.
    pub owners: BTreeMap<String, String>,
    /// Stored checkpoint by shard.
    pub checkpoints: BTreeMap<String, String>,
    /// Shards that are done.
    pub ended: Vec<String>,
}

impl State {
    /// Reads the item, consistently; an empty state if there is no table or no item yet.
    pub async fn read(fleet: &Fleet) -> Result<Self> {
        let get = fleet
            .dynamodb
            .get_item()
            .table_name("lifion-kinesis-state")
            .key("consumerGroup", AttributeValue::S(fleet.group.clone()))
            .key("streamName", AttributeValue::S(fleet.stream.clone()))
            .consistent_read(true);
        let Ok(answer) = get.send().await else { return Ok(Self::default()) };
        let item = answer.item.unwrap_or_default();
        let map = |name: &str| item.get(name).and_then(|value| value.as_m().ok());
        let text = |entry: &AttributeValue, name: &str| -> Option<String> {
            entry.as_m().ok()?.get(name)?.as_s().ok().cloned()
        };
        let mut state = Self::default();
        for (id, entry) in map("consumers").into_iter().flatten() {
            let pid = entry.as_m().ok().and_then(|entry| entry.get("pid")?.as_n().ok());
            if let Some(pid) = pid.and_then(|pid| pid.parse().ok()) {
                state.workers.insert(pid, id.clone());
            }
        }
        for (id, entry) in map("shards").into_iter().flatten() {
            if let Some(owner) = text(entry, "leaseOwner") {
                state.owners.insert(id.clone(), owner);
            }
            if let Some(checkpoint) = text(entry, "checkpoint") {
                state.checkpoints.insert(id.clone(), checkpoint);
            }
            let ended = entry.as_m().ok().and_then(|entry| entry.get("depleted")?.as_bool().ok());
            if ended == Some(&true) {
                state.ended.push(id.clone());
            }
        }
        Ok(state)
    }

    /// The shards that a process holds.
    pub fn held_by(&self, pid: Option<u32>) -> Vec<String> {
        let worker = pid.and_then(|pid| self.workers.get(&pid));
        let held = self.owners.iter().filter(|(_, owner)| Some(*owner) == worker);
        held.map(|(shard, _)| shard.clone()).collect()
    }
}
