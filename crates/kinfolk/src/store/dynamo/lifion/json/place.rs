//! Where in an item a value stands.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value};

use super::Item;
use crate::error::{Error, ErrorKind, Result};

/// How deep DynamoDB lets values be: an attribute of the item is the first level.
const LEVELS: usize = 32;

/// How a value is read, given where it stands.
type Read = fn(Value, &Place) -> Result<AttributeValue>;

/// Where in an item a value stands: what errors call it, and how deep it is.
pub(super) struct Place {
    path: String,
    level: usize,
}

impl Place {
    /// The item itself.
    pub(super) fn item() -> Self {
        Self { path: String::new(), level: 0 }
    }

    /// The place of a map's member.
    pub(super) fn member(&self, name: &str) -> Result<Self> {
        match self.level {
            0 => self.inside(name),
            _ => self.inside(format_args!(".{name}")),
        }
    }

    /// Reads the members of the map that stands here.
    pub(super) fn members(&self, fields: Map<String, Value>, read: Read) -> Result<Item> {
        let member = |(name, value): (String, Value)| {
            let value = read(value, &self.member(&name)?)?;
            Ok((name, value))
        };
        fields.into_iter().map(member).collect()
    }

    /// Reads the elements of the list that stands here.
    pub(super) fn elements(&self, list: Vec<Value>, read: Read) -> Result<Vec<AttributeValue>> {
        let element = |(index, value)| read(value, &self.inside(format_args!("[{index}]"))?);
        list.into_iter().enumerate().map(element).collect()
    }

    /// That what stands here is not what it should be.
    pub(super) fn not(&self, what: &str) -> Error {
        let message = format!("the state item's {} is not {what}", self.path);
        Error::new(ErrorKind::Data, message)
    }

    fn inside(&self, step: impl fmt::Display) -> Result<Self> {
        let place = Self { path: format!("{}{step}", self.path), level: self.level + 1 };
        if place.level > LEVELS {
            return Err(place.not("within the 32 levels that DynamoDB allows"));
        }
        Ok(place)
    }
}
