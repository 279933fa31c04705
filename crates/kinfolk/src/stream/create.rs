//! Making streams.

use std::fmt;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{StreamMode, StreamModeDetails};
use kinfolk_core::id::StreamRef;

use super::{named, wait};
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// How much a stream is made to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capacity {
    Shards(u32),
    /// As much as comes: AWS chooses the number of shards.
    OnDemand,
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shards(count) => write!(f, "{count} shards"),
            Self::OnDemand => f.write_str("on demand"),
        }
    }
}

/// Makes a stream of so many shards, and waits until it can be used.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is one of that name; otherwise as AWS fails.
pub async fn create(client: &Client, stream: &StreamRef, shards: u32) -> Result<()> {
    if create_unless_there(client, stream, shards).await? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("stream {stream} exists already")))
}

/// Makes a stream of so many shards unless there is one of that name, and waits until it can be
/// used. Returns whether it was made. [`StreamSettings`](super::StreamSettings) does more.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if the stream is named by an ARN; otherwise as AWS fails.
pub async fn create_unless_there(client: &Client, stream: &StreamRef, shards: u32) -> Result<bool> {
    make(client, stream, Capacity::Shards(shards)).await
}

/// Makes a stream, and waits until it can be used. False if there was one of that name.
pub(super) async fn make(client: &Client, stream: &StreamRef, capacity: Capacity) -> Result<bool> {
    named::check(stream)?;
    if stream.arn().is_some() {
        // It would be made in the caller's account and region, whatever the ARN says.
        let message = format!("cannot create stream {stream}: give its name instead of an ARN");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let call = client.create_stream().stream_name(stream.name().as_str());
    let call = match capacity {
        Capacity::Shards(count) => call.shard_count(i32::try_from(count).unwrap_or(i32::MAX)),
        Capacity::OnDemand => {
            let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build();
            call.set_stream_mode_details(mode.ok())
        }
    };
    let made = match call.send().await.map_err(|error| Failure::of(&error)) {
        Ok(_) => true,
        // Somebody was faster.
        Err(failure) if failure.is("ResourceInUseException") => false,
        Err(failure) => return Err(failure.error(format_args!("create stream {stream}"))),
    };
    wait::until_active(client, stream).await?;
    Ok(made)
}
