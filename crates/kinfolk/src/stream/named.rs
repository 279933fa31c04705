//! How calls name a stream.

use kinfolk_core::id::StreamRef;

use crate::error::{Error, ErrorKind, Result};

/// The ARN for a call that takes either, if it was given.
pub(crate) fn arn(stream: &StreamRef) -> Option<String> {
    stream.arn().map(str::to_owned)
}

/// The name for a call that takes either, where there is no ARN: both together would say the same
/// twice.
pub(crate) fn name(stream: &StreamRef) -> Option<String> {
    stream.arn().is_none().then(|| stream.name().to_string())
}

/// Refuses what cannot be a stream.
pub(crate) fn check(stream: &StreamRef) -> Result<()> {
    stream.check().map_err(|wrong| Error::new(ErrorKind::Config, wrong))
}
