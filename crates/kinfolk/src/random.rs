//! The one place that asks the system for random numbers.

use kinfolk_core::id::IdSource;

use crate::error::{Error, ErrorKind, Result};

/// A source of ids that no other process draws.
pub(crate) fn ids() -> Result<IdSource> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = "the system gives no random numbers";
        Error::new(ErrorKind::Internal, message).with_source(error.to_string())
    })?;
    Ok(IdSource::new(u128::from_ne_bytes(bytes)))
}

/// What tells the pauses of one producer from those of others. Without the system's help it only
/// shares them.
pub(crate) fn jitter() -> u64 {
    getrandom::u64().unwrap_or_default()
}
