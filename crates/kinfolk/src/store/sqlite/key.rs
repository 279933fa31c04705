//! Whose state it is.

use std::fmt;

use kinfolk_core::id::{GroupName, StreamName};

/// A group on a stream.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) group: GroupName,
    pub(super) stream: StreamName,
}

impl Key {
    pub(super) fn group(&self) -> &str {
        self.group.as_str()
    }

    pub(super) fn stream(&self) -> &str {
        self.stream.as_str()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {} on stream {}", self.group, self.stream)
    }
}
