//! Kinesis, DynamoDB and S3 inside the process, for demos and tests.
//!
//! Each listens on a loopback port of its own and answers as AWS does, down to the throttling;
//! calls can be made to go wrong while the servers run ([`Faults`]). Nothing is checked that would
//! need an account: any credentials will do.
//!
//! ```no_run
//! # async fn demo() -> Result<(), kinfolk_local::LocalError> {
//! use kinfolk_local::{Fault, FaultKind, Local};
//!
//! let local = Local::builder().start().await?;
//! println!("{} {}", local.kinesis_endpoint(), local.dynamodb_endpoint());
//! local.faults().add(Fault::dynamodb(FaultKind::Throttle).on("UpdateItem").times(3));
//! local.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Where AWS differs still
//! - A record may hold 10 MiB in every stream, whatever its `MaxRecordSizeInKiB`.
//! - Only GetRecords is throttled, and puts if asked for; a fan-out subscription goes as fast as
//!   its client reads.
//! - UpdateShardCount is done when it answers: the stream is never seen UPDATING.
//! - GetRecords gives the end of a closed shard together with its last records; SubscribeToShard
//!   gives it in an event of its own.
//! - DynamoDB has no point-in-time recovery and never answers `TransactionConflict`.
//! - Most answers of DynamoDB come without their checksum, `x-amz-crc32`.
//! - S3 knows buckets, their tags and lifecycle rules, and whole objects; a lifecycle rule is kept,
//!   but deletes nothing. An ETag is a number.
//! - [`Units`] leave out PartiQL. Of a cancelled transaction they hold what the failed conditions
//!   cost, where AWS does not say.

mod builder;
mod clock;
mod counts;
mod dynamodb;
mod error;
mod fault;
mod gate;
mod kinesis;
mod local;
mod s3;
mod serve;
mod units;

pub use builder::LocalBuilder;
pub use counts::Counts;
pub use error::LocalError;
pub use fault::{EventFault, Fault, FaultId, FaultKind, Faults, Server};
pub use local::Local;
pub use units::Units;
