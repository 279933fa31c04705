//! Consumer groups for Amazon Kinesis Data Streams.

mod aws;
pub mod error;

pub use error::{Error, ErrorKind, Result};
