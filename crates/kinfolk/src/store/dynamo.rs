//! The state in DynamoDB.

pub mod lifion;
pub mod table;
