//! Consumer groups for Amazon Kinesis Data Streams.

mod aws;
mod budget;
pub mod clock;
mod consumer;
mod delivery;
mod drive;
pub mod error;
pub mod event;
mod fence;
pub mod group;
mod hub;
mod lease;
mod processor;
pub mod producer;
mod read;
pub mod record;
pub mod source;
pub mod store;
pub mod stream;
mod supervise;
mod tenure;

pub use consumer::{Builder, Consumer, Records, Shards};
pub use delivery::{Batch, Delivery};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events};
pub use group::Group;
pub use kinfolk_core as core;
pub use lease::Lease;
pub use processor::Processor;
pub use record::{OwnedRecord, Record};
