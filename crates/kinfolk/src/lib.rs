//! Consumer groups for Amazon Kinesis Data Streams.

mod aws;
mod tenure;
mod supervise;
pub mod source;
pub mod record;
mod read;
mod processor;
mod lease;
mod hub;
mod fence;
pub mod group;
pub mod event;
mod drive;
mod delivery;
mod consumer;
pub mod clock;
mod budget;
pub mod error;
pub mod producer;
pub mod store;
pub mod stream;

pub use consumer::{Builder, Consumer, Records};
pub use delivery::{Batch, Delivery};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, Events};
pub use group::Group;
pub use kinfolk_core as core;
pub use lease::Lease;
pub use processor::Processor;
pub use record::{OwnedRecord, Record};
