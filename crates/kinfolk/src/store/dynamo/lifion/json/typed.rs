//! DynamoDB's typed JSON: each value is an object with one member, named after the type.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Item;
use super::place::Place;
use crate::error::Result;

/// What a value should be.
pub(super) const TYPED: &str =
    "a value with its type: an object whose only member is S, N, BOOL, NULL, M, L, SS, NS, BS or B";

/// The types by name, and what a value of each should be.
const TYPES: [(&str, &str); 10] = [
    ("S", "a text"),
    ("N", "a number, written as a text"),
    ("BOOL", "true or false"),
    ("NULL", "true, as a null must be"),
    ("M", "a map: an object of values with their types"),
    ("L", "a list of values with their types"),
    ("SS", "a list of texts"),
    ("NS", "a list of numbers, each written as a text"),
    ("BS", "a list of base64 texts"),
    ("B", "a base64 text"),
];

/// Whether this is an object with one member, named after a type. What it holds may be wrong.
pub(super) fn is_typed(json: &Value) -> bool {
    let Value::Object(fields) = json else { return false };
    fields.len() == 1 && fields.keys().all(|kind| wanted(kind).is_some())
}

/// Reads a value.
pub(super) fn attribute(json: Value, place: &Place) -> Result<AttributeValue> {
    let Value::Object(fields) = json else { return Err(place.not(TYPED)) };
    let mut fields = fields.into_iter();
    let (Some((kind, value)), None) = (fields.next(), fields.next()) else {
        return Err(place.not(TYPED));
    };
    let read = match (kind.as_str(), value) {
        ("M", Value::Object(map)) => Some(AttributeValue::M(place.members(map, attribute)?)),
        ("L", Value::Array(list)) => Some(AttributeValue::L(place.elements(list, attribute)?)),
        ("BOOL", Value::Bool(flag)) => Some(AttributeValue::Bool(flag)),
        ("NULL", Value::Bool(true)) => Some(AttributeValue::Null(true)),
        ("S", value) => text(value).map(AttributeValue::S),
        ("N", value) => number(value).map(AttributeValue::N),
        ("B", value) => bytes(value).map(AttributeValue::B),
        ("SS", value) => set(value, text).map(AttributeValue::Ss),
        ("NS", value) => set(value, number).map(AttributeValue::Ns),
        ("BS", value) => set(value, bytes).map(AttributeValue::Bs),
        _ => None,
    };
    read.ok_or_else(|| place.not(wanted(&kind).unwrap_or(TYPED)))
}

/// Writes the members of a map, or of an item.
pub(super) fn members(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

/// Writes a value.
fn json(value: &AttributeValue) -> Value {
    let (kind, value) = match value {
        AttributeValue::S(text) => ("S", text.as_str().into()),
        AttributeValue::N(number) => ("N", number.as_str().into()),
        AttributeValue::Bool(flag) => ("BOOL", (*flag).into()),
        AttributeValue::Null(flag) => ("NULL", (*flag).into()),
        AttributeValue::M(item) => ("M", members(item)),
        AttributeValue::L(list) => ("L", list.iter().map(json).collect()),
        AttributeValue::Ss(texts) => ("SS", texts.as_slice().into()),
        AttributeValue::Ns(numbers) => ("NS", numbers.as_slice().into()),
        AttributeValue::Bs(blobs) => ("BS", blobs.iter().map(base64).collect()),
        AttributeValue::B(blob) => ("B", base64(blob).into()),
        _ => return Value::Null,
    };
    [(kind, value)].into_iter().collect()
}

fn wanted(kind: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, _)| *name == kind).map(|(_, what)| *what)
}

fn text(json: Value) -> Option<String> {
    match json {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn number(json: Value) -> Option<String> {
    text(json).filter(|text| text.parse().is_ok_and(f64::is_finite))
}

fn bytes(json: Value) -> Option<Blob> {
    STANDARD.decode(text(json)?).ok().map(Blob::new)
}

fn base64(blob: &Blob) -> String {
    STANDARD.encode(blob)
}

fn set<T>(json: Value, read: fn(Value) -> Option<T>) -> Option<Vec<T>> {
    match json {
        Value::Array(list) => list.into_iter().map(read).collect(),
        _ => None,
    }
}
