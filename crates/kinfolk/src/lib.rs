//! Consumer groups for Amazon Kinesis Data Streams.
//!
//! Workers of a group share a stream's shards, keep their place, follow splits and merges, and
//! carry on when one of them dies. A [`Consumer`] is one worker:
//!
//! ```no_run
//! # async fn handle(record: &kinfolk::Delivery) -> Result<(), kinfolk::Error> { Ok(()) }
//! # async fn example(aws: &aws_types::SdkConfig) -> Result<(), kinfolk::Error> {
//! use futures_util::TryStreamExt;
//! use kinfolk::Consumer;
//!
//! let consumer = Consumer::builder("orders", "billing").connect(aws).await?;
//! let mut records = consumer.records();
//! while let Some(record) = records.try_next().await? {
//!     handle(&record).await?;
//!     record.ack();
//! }
//! consumer.shutdown().await
//! # }
//! ```
//!
//! A record that is dropped without [`ack`](Delivery::ack) comes again, in order, after a pause.
//! Every decision is made in [`core`]; this crate carries them out.
//!
//! | to | see |
//! | --- | --- |
//! | handle records one by one, by page, by shard | [`Consumer::records`], [`Consumer::next_batch`], [`Consumer::shards`], [`Processor`] |
//! | open aggregates of the Kinesis Producer Library, or not; make them | [`Builder::deaggregate`], [`aggregate::Aggregator`] |
//! | read what is compressed, JSON or in S3 | [`codec`] |
//! | read by enhanced fan-out | [`Builder::fan_out`], [`fan_out`] |
//! | keep the state in a file of this machine | [`Builder::sqlite`] |
//! | keep the state elsewhere, or read elsewhere | [`store::StateStore`], [`source::Source`] |
//! | write records, manage streams | [`producer`], [`stream`] |
//! | look at a group | [`Group`], [`Consumer::events`] |

pub mod aggregate;
mod aws;
mod backup;
mod budget;
pub mod clock;
pub mod codec;
mod consumer;
mod delivery;
mod drive;
pub mod error;
pub mod event;
pub mod fan_out;
mod fence;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod group;
mod hub;
mod lease;
mod processor;
pub mod producer;
mod random;
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

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
