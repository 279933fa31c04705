//! The keys that the table must have.

use std::fmt;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
};

/// The Node library's: each attribute and its role.
const NODE: [(&str, KeyType); 2] =
    [("consumerGroup", KeyType::Hash), ("streamName", KeyType::Range)];

/// A table's keys, in order: each attribute, its role and its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys(Vec<(String, KeyType, ScalarAttributeType)>);

impl Keys {
    /// Those of a table for the state.
    pub(super) fn expected() -> Self {
        Self(NODE.map(|(name, role)| (name.to_owned(), role, ScalarAttributeType::S)).into())
    }

    /// Those of a table that is there.
    pub(super) fn of(table: &TableDescription) -> Self {
        let kind = |name| {
            let definition =
                table.attribute_definitions().iter().find(|d| d.attribute_name == name);
            definition.map_or_else(|| "?".into(), |d| d.attribute_type.clone())
        };
        let keys = table.key_schema().iter();
        let keys = keys.map(|key| {
            (key.attribute_name.clone(), key.key_type.clone(), kind(key.attribute_name()))
        });
        Self(keys.collect())
    }

    /// The keys as a request states them: their roles.
    pub(super) fn schema(&self) -> Result<Vec<KeySchemaElement>, BuildError> {
        let element = |(name, role, _): &(String, KeyType, _)| {
            KeySchemaElement::builder().attribute_name(name).key_type(role.clone()).build()
        };
        self.0.iter().map(element).collect()
    }

    /// The keys as a request states them: their types.
    pub(super) fn definitions(&self) -> Result<Vec<AttributeDefinition>, BuildError> {
        let definition = |(name, _, kind): &(String, _, ScalarAttributeType)| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind.clone()).build()
        };
        self.0.iter().map(definition).collect()
    }
}

/// For people: `consumerGroup (HASH, S) and streamName (RANGE, S)`.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, role, kind)) in self.0.iter().enumerate() {
            let before = if at == 0 { "" } else { " and " };
            write!(f, "{before}{name} ({role}, {kind})")?;
        }
        Ok(())
    }
}
