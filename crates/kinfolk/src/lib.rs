//! Consumer groups for Amazon Kinesis Data Streams.

mod aws;
pub mod error;
pub mod store;

pub use error::{Error, ErrorKind, Result};
