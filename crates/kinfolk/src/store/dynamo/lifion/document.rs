//! A state item outside its table: in a file, for backups and for people.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::snapshot::Snapshot;

use super::decode::{self, Item};
use super::{attribute as at, encode, json};
use crate::error::Result;

/// A state item: whose it is, what it says, and what else it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The group.
    pub group: GroupName,
    /// The stream.
    pub stream: StreamName,
    /// The state.
    pub state: Snapshot,
    /// What this version of Kinfolk does not know of the item, as it was read.
    rest: HashMap<String, Rest>,
}

/// Something that nobody here knows, or a known map that holds something of the kind.
#[derive(Clone, Debug, PartialEq)]
enum Rest {
    Unknown(AttributeValue),
    Within(HashMap<String, Rest>),
}

impl Document {
    /// Reads an item from JSON: DynamoDB's typed JSON or plain JSON, by itself or within an object
    /// as its `Item`, `item` or `rawItem`.
    ///
    /// # Errors
    /// `Data`, with the path of what does not read as it should; never what stands there.
    pub fn read(text: &[u8]) -> Result<Self> {
        Self::of(&json::read(text)?)
    }

    /// The item as DynamoDB's typed JSON.
    pub fn write(&self) -> Vec<u8> {
        text_of(&self.item())
    }

    pub(super) fn of(item: &Item) -> Result<Self> {
        let state = decode::snapshot(item)?;
        let name = |key: at::Attribute| match item.get(key.name) {
            Some(AttributeValue::S(name)) => name.as_str(),
            _ => "",
        };
        let (group, stream) = (name(at::CONSUMER_GROUP).into(), name(at::STREAM_NAME).into());
        let rest = rest(item, &encode::item(&group, &stream, &state));
        Ok(Self { group, stream, state, rest })
    }

    pub(super) fn item(&self) -> Item {
        let mut item = encode::item(&self.group, &self.stream, &self.state);
        put_back(&self.rest, &mut item);
        item
    }
}

/// A state as DynamoDB's typed JSON.
pub(crate) fn write(group: &GroupName, stream: &StreamName, state: &Snapshot) -> Vec<u8> {
    text_of(&encode::item(group, stream, state))
}

/// An item as the AWS CLI prints it.
pub(super) fn text_of(item: &Item) -> Vec<u8> {
    let document = serde_json::json!({ "Item": json::write(item) });
    let mut text = format!("{document:#}").into_bytes();
    text.push(b'\n');
    text
}

/// What an item holds beyond what is known of it.
fn rest(item: &Item, known: &Item) -> HashMap<String, Rest> {
    let beyond = |(name, value): (&String, &AttributeValue)| {
        let rest = match (value, known.get(name)) {
            (value, None) => Rest::Unknown(value.clone()),
            (AttributeValue::M(inner), Some(AttributeValue::M(known))) => {
                Rest::Within(rest(inner, known))
            }
            (_, Some(_)) => return None,
        };
        (rest != Rest::Within(HashMap::new())).then(|| (name.clone(), rest))
    };
    item.iter().filter_map(beyond).collect()
}

/// Puts what is not known back to where it was. What was inside an entry that is gone is gone
/// with it.
fn put_back(rest: &HashMap<String, Rest>, item: &mut Item) {
    for (name, rest) in rest {
        match (rest, item.get_mut(name)) {
            (Rest::Within(rest), Some(AttributeValue::M(inner))) => put_back(rest, inner),
            (Rest::Unknown(value), None) => drop(item.insert(name.clone(), value.clone())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
