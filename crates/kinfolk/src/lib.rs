//! Consumer groups for Amazon Kinesis Data Streams.

mod aws;
pub mod error;
pub mod producer;
pub mod store;
pub mod stream;

pub use error::{Error, ErrorKind, Result};
