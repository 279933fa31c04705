//! What lifion-kinesis 1.3.3 asks of DynamoDB, request by request, and how often.
//!
//! Every request reads or writes the whole item, so that one of each kind says what all cost. They
//! are sent here as often as it takes to count their units: once.

mod item;
mod request;
mod rule;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::{DEFAULT_TABLE, TableSettings};
use kinfolk_local::{Local, Units};

pub use self::rule::{Often, Rule};

use super::{Load, Shape, Theirs};
use crate::{Result, clients};

/// How long reading a large item may take on a machine at work.
const PATIENCE: Duration = Duration::from_secs(30);

/// An item as the library writes it, on servers of its own.
pub struct NodeItem {
    shape: Shape,
    load: Load,
    local: Local,
    dynamodb: Client,
}

impl NodeItem {
    /// Puts the item of a group at work.
    pub async fn put(shape: Shape, load: Load) -> Result<Self> {
        let local = Local::builder().start().await?;
        let dynamodb = clients::dynamodb(&local);
        TableSettings::new().ensure(&dynamodb).await?;
        let item = item::item(shape, load);
        dynamodb.put_item().table_name(DEFAULT_TABLE).set_item(Some(item)).send().await?;
        Ok(Self { shape, load, local, dynamodb })
    }

    /// Counts one request of each rule, and multiplies.
    pub async fn count(&self) -> Result<Theirs> {
        let (shape, load) = (self.shape, self.load);
        let mut calls = Vec::new();
        for rule in Rule::ALL.into_iter().filter(|rule| rule.applies(load)) {
            let before = self.local.units();
            self.ask(rule).await?;
            calls.push((rule, self.local.units() - before));
        }
        let an_hour =
            calls.iter().map(|(rule, units)| times(*units, rule.often().calls(shape))).sum();
        Ok(Theirs { shape, load, bytes: self.bytes().await?, calls, an_hour })
    }

    /// The size of the item, as ours sees it.
    async fn bytes(&self) -> Result<u64> {
        let store = LifionStore::new(&self.dynamodb, DEFAULT_TABLE, "costs", "costs");
        let store = store.attempt_limit(PATIENCE);
        store.look().await?;
        Ok(store.usage().bytes)
    }
}

fn times(units: Units, calls: u64) -> Units {
    // Exact: a group makes fewer calls than 2⁵³.
    let calls = calls as f64;
    Units { read: units.read * calls, write: units.write * calls }
}
