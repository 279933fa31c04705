//! The state in DynamoDB.

pub mod lifion;
