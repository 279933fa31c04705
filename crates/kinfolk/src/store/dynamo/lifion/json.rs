//! From JSON text to an item and back, for items that are kept in files.
//!
//! An item comes in DynamoDB's typed JSON or as plain JSON. The whole document decides which: it is
//! typed if every attribute of the item is. An item has texts for its keys, so that no plain one is
//! taken for a typed one.

mod place;
mod plain;
mod typed;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use self::place::Place;
use super::attribute as at;
use super::decode::Item;
use crate::error::{Error, ErrorKind, Result};

/// What an item may come in, the form that says more before the one that says less.
const WRAPPERS: [&str; 3] = ["rawItem", "Item", "item"];

/// What every error about the document as a whole ends with.
const EXPECTED: &str = "give the item of a group on a stream, with its consumerGroup and \
                        streamName, as `aws dynamodb get-item` prints it or as plain JSON";

/// Reads a state item from JSON, typed or plain: the item itself, or within an object as its `Item`,
/// `rawItem` or `item`. Errors name the attribute and never quote what it holds.
pub(crate) fn read(text: &[u8]) -> Result<Item> {
    let item = item(inner(document(text)?)?)?;
    for key in [at::CONSUMER_GROUP.name, at::STREAM_NAME.name] {
        match item.get(key) {
            Some(AttributeValue::S(text)) if !text.is_empty() => {}
            Some(_) => return Err(wrong(format!("state item's {key} is not a name"))),
            None => return Err(wrong(format!("state item has no {key}"))),
        }
    }
    Ok(item)
}

/// Writes an item in DynamoDB's typed JSON. A value of a type that the SDK does not know becomes
/// null, which [`read`] refuses: better no copy than one that differs.
pub(crate) fn write(item: &Item) -> Value {
    typed::members(item)
}

fn document(text: &[u8]) -> Result<Map<String, Value>> {
    let text = std::str::from_utf8(text)
        .map_err(|error| wrong("state is not UTF-8: save it as UTF-8").with_source(error))?;
    // Windows begins files with a mark that JSON does not know.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        // What the AWS CLI prints for an item that is not there.
        return Err(wrong("state is empty"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err(wrong("state is not a JSON object")),
        Err(error) => {
            let wrong = wrong("state does not read as JSON");
            // Errors about data, unlike those about syntax, may quote it.
            Err(if error.is_data() { wrong } else { wrong.with_source(error) })
        }
    }
}

/// The item of a document, which may be the document itself.
fn inner(mut document: Map<String, Value>) -> Result<Map<String, Value>> {
    if document.contains_key(at::CONSUMER_GROUP.name) {
        return Ok(document);
    }
    for name in WRAPPERS {
        match document.remove(name) {
            Some(Value::Object(item)) => return Ok(item),
            Some(_) => return Err(wrong(format!("state's {name} is not a JSON object"))),
            None => {}
        }
    }
    Ok(document)
}

fn item(fields: Map<String, Value>) -> Result<Item> {
    let plain = fields.iter().find(|(_, value)| !typed::is_typed(value));
    let Some((name, _)) = plain else { return Place::item().members(fields, typed::attribute) };
    // The group is typed: a slip in one attribute must not make all the others plain.
    if fields.get(at::CONSUMER_GROUP.name).is_some_and(typed::is_typed) {
        return Err(Place::item().member(name)?.not(typed::TYPED));
    }
    Place::item().members(fields, plain::attribute)
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Data, format!("the {what}; {EXPECTED}"))
}

#[cfg(test)]
mod tests;
