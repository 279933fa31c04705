//! Plain JSON. Its numbers are exact within 64 bits, and beyond them as near as an `f64` comes.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use super::place::Place;
use crate::error::Result;

/// Reads a value.
pub(super) fn attribute(json: Value, place: &Place) -> Result<AttributeValue> {
    Ok(match json {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(list) => AttributeValue::L(place.elements(list, attribute)?),
        Value::Object(fields) => AttributeValue::M(place.members(fields, attribute)?),
    })
}
