//! The state item as it lies in its table.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk::core::time::WallTime;
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::{DEFAULT_TABLE, TableSettings};

use crate::common::World;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The most bytes of an item.
pub(crate) const MOST: usize = 400 * 1_024;

/// The item of the group `group` on a stream.
pub(crate) struct RawState {
    client: Client,
    stream: String,
    pub(crate) store: LifionStore,
}

impl RawState {
    /// With its table.
    pub(crate) async fn of(world: &World, stream: &str) -> Self {
        let client = world.dynamodb.clone();
        TableSettings::new().ensure(&client).await.unwrap();
        let store = LifionStore::new(&client, DEFAULT_TABLE, "group", stream);
        Self { client, stream: stream.to_owned(), store }
    }

    fn key(&self) -> Item {
        [("consumerGroup", "group"), ("streamName", &self.stream)]
            .map(|(name, value)| (name.to_owned(), text(value)))
            .into()
    }

    pub(crate) async fn get(&self) -> Item {
        let get = self.client.get_item().table_name(DEFAULT_TABLE).set_key(Some(self.key()));
        get.consistent_read(true).send().await.unwrap().item.expect("the item")
    }

    pub(crate) async fn put(&self, item: Item) {
        let put = self.client.put_item().table_name(DEFAULT_TABLE).set_item(Some(item));
        put.send().await.unwrap();
    }

    /// Sets what is at a path, as somebody does who knows nothing of the rest.
    pub(crate) async fn set(&self, path: &[&str], value: AttributeValue) {
        let mut update = self.client.update_item().table_name(DEFAULT_TABLE);
        update = update.set_key(Some(self.key())).expression_attribute_values(":v", value);
        let mut names = Vec::new();
        for (number, name) in path.iter().enumerate() {
            names.push(format!("#p{number}"));
            update = update.expression_attribute_names(&names[number], *name);
        }
        let update = update.update_expression(format!("SET {} = :v", names.join(".")));
        update.send().await.unwrap();
    }

    /// Its size as DynamoDB counts it.
    pub(crate) async fn bytes(&self) -> usize {
        self.store.look().await.unwrap().expect("the item");
        usize::try_from(self.store.usage().bytes).unwrap()
    }

    /// Fills the item up with something foreign until only so many bytes are left.
    pub(crate) async fn fill(&self, left: usize) {
        self.set(&[FILLER], text("")).await;
        let bytes = MOST - left - self.bytes().await;
        self.set(&[FILLER], text("x".repeat(bytes))).await;
        assert_eq!(self.bytes().await, MOST - left);
    }

    /// Takes away what [`fill`](Self::fill) has put.
    pub(crate) async fn empty(&self) {
        self.set(&[FILLER], text("")).await;
    }
}

const FILLER: &str = "theirs";

pub(crate) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A date as JavaScript writes it, so many seconds from now.
pub(crate) fn date(seconds: i64) -> AttributeValue {
    use kinfolk::clock::{Clock, SystemClock};
    let WallTime(ms) = SystemClock.now().wall.plus(seconds * 1_000);
    let date = jiff::Timestamp::from_millisecond(ms).unwrap();
    text(format!("{date:.3}"))
}

/// The map at a path.
pub(crate) fn map<'a>(item: &'a mut Item, path: &[&str]) -> &'a mut Item {
    path.iter().fold(item, |map, name| match map.get_mut(*name) {
        Some(AttributeValue::M(inner)) => inner,
        other => panic!("{name} of {path:?} is {other:?}"),
    })
}

/// Every value that holds no others, by its path.
pub(crate) fn leaves(item: &Item) -> BTreeMap<String, AttributeValue> {
    let mut leaves = BTreeMap::new();
    for (name, value) in item {
        match value {
            AttributeValue::M(inner) if !inner.is_empty() => leaves.extend(
                self::leaves(inner).into_iter().map(|(path, v)| (format!("{name}/{path}"), v)),
            ),
            value => drop(leaves.insert(name.clone(), value.clone())),
        }
    }
    leaves
}
