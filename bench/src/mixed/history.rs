//! The group's item as DynamoDB had it, again and again: read raw, not through the library that is
//! under test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How often the item is read.
const EVERY: Duration = Duration::from_millis(200);

/// A shard's entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub owner: Option<String>,
    /// The lease's date, as written.
    pub until: Option<String>,
    pub checkpoint: Option<String>,
    pub ended: bool,
}

/// The item at one time.
#[derive(Clone, Debug)]
pub struct Moment {
    pub at: SystemTime,
    /// Process id by consumer id.
    pub consumers: BTreeMap<String, u32>,
    pub shards: BTreeMap<String, Entry>,
}

/// Every item that was seen, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Vec<Moment>>>);

impl History {
    /// Reads the item until the task is ended.
    pub fn watch(&self, client: Client, group: String, stream: String) -> JoinHandle<()> {
        let moments = self.0.clone();
        tokio::spawn(async move {
            loop {
                let key = [("consumerGroup", &group), ("streamName", &stream)];
                let key =
                    key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.clone())));
                let get = client.get_item().table_name("lifion-kinesis-state");
                let get = get.set_key(Some(key.into())).consistent_read(true);
                // There is no table yet, or no item: that is a moment without anything.
                let item = get.send().await.ok().and_then(|answer| answer.item);
                if let Some(item) = item {
                    moments.lock().unwrap_or_else(PoisonError::into_inner).push(Moment::of(&item));
                }
                sleep(EVERY).await;
            }
        })
    }

    /// What was seen so far.
    pub fn moments(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen last.
    pub fn last(&self) -> Option<Moment> {
        self.moments().last().cloned()
    }
}

impl Moment {
    fn of(item: &std::collections::HashMap<String, AttributeValue>) -> Self {
        let map = |name: &str| item.get(name).and_then(|value| value.as_m().ok());
        let consumers = map("consumers").into_iter().flatten().filter_map(|(id, entry)| {
            let pid = entry.as_m().ok()?.get("pid")?.as_n().ok()?.parse().ok()?;
            Some((id.clone(), pid))
        });
        let shards = map("shards").into_iter().flatten().filter_map(|(id, entry)| {
            let entry = entry.as_m().ok()?;
            let text = |name: &str| entry.get(name)?.as_s().ok().cloned();
            let ended = entry.get("depleted")?.as_bool().ok().copied()?;
            let (owner, until) = (text("leaseOwner"), text("leaseExpiration"));
            Some((id.clone(), Entry { owner, until, checkpoint: text("checkpoint"), ended }))
        });
        Self { at: SystemTime::now(), consumers: consumers.collect(), shards: shards.collect() }
    }

    /// The id of a process.
    pub fn id_of(&self, pid: u32) -> Option<&String> {
        self.consumers.iter().find_map(|(id, theirs)| (*theirs == pid).then_some(id))
    }

    /// How many open shards a consumer holds.
    pub fn held_by(&self, id: &str) -> usize {
        let held = |entry: &&Entry| !entry.ended && entry.owner.as_deref() == Some(id);
        self.shards.values().filter(held).count()
    }

    /// How many shards are not done.
    pub fn open(&self) -> usize {
        self.shards.values().filter(|entry| !entry.ended).count()
    }
}
