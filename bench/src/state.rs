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
    /// Reads the state, with the shards of this map of the item; an empty state if there is no
    /// table or no item yet.
    pub async fn read(fleet: &Fleet, shards: &str) -> Result<Self> {
        match fleet.state().is_empty() {
            true => Self::read_item(fleet, shards).await,
            false => Self::ask(fleet).await,
        }
    }

    /// Asks the binary, for states whose form is nobody else's business.
    async fn ask(fleet: &Fleet) -> Result<Self> {
        let arguments = ["group", "describe", "--stream", &fleet.stream, "--group", &fleet.group];
        let mut command = fleet.command(&arguments);
        let output = command.args(fleet.state()).args(["--no-probe", "--json"]).output().await?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let list =
            |name: &str| seen.get(name).and_then(|list| list.as_array()).into_iter().flatten();
        let mut state = Self::default();
        for worker in list("workers") {
            let pid = worker.get("pid").and_then(|pid| pid.as_u64()?.try_into().ok());
            let id = worker.get("id").and_then(|id| id.as_str());
            if let (Some(pid), Some(id)) = (pid, id) {
                state.workers.insert(pid, id.to_owned());
            }
        }
        for shard in list("shards") {
            let text = |name: &str| Some(shard.get(name)?.as_str()?.to_owned());
            let Some(id) = text("id") else { continue };
            state.owners.extend(text("owner").map(|owner| (id.clone(), owner)));
            state.checkpoints.extend(text("checkpoint").map(|at| (id.clone(), at)));
            if text("state").as_deref() == Some("ended") {
                state.ended.push(id);
            }
        }
        Ok(state)
    }

    async fn read_item(fleet: &Fleet, shards: &str) -> Result<Self> {
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
        for (id, entry) in map(shards).into_iter().flatten() {
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
