//! What can go wrong, and what to do about it.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure: its [kind](ErrorKind) says what to do, its text what was attempted on which group,
/// stream and shard. Never a record's content.
///
/// `Display` prints this error alone; [`Error::report`] appends its causes.
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Kinds of failure, by what to do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting, a name or an argument is wrong, or what it names is not there. Fix it:
    /// repeating the call changes nothing.
    Config,
    /// AWS refused the credentials or what they may do. Fix the permissions; expired credentials
    /// heal by themselves once they are renewed, so that repeating slowly makes sense.
    Denied,
    /// Throttled, timed out or unreachable. Repeat with growing pauses; a request that timed out
    /// may have been carried out.
    Unavailable,
    /// Something stored or received does not read as it should. Inspect it: nothing was dropped,
    /// and the raw bytes are kept where there are any.
    Data,
    /// Another worker owns the shard by now. Stop handling that shard; its records come out
    /// there.
    LeaseLost,
    /// The application's own handler failed. Its error is the source.
    Processor,
    /// It has been shut down or its other half is gone. Build another one.
    Closed,
    /// A defect of this crate. Please report it.
    Internal,
}

impl ErrorKind {
    /// What to do, in one sentence for a person.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Config => "correct the setting or the name and run it again",
            Self::Denied => "check which credentials are in use and what they are allowed to do",
            Self::Unavailable => "it is usually passing: try again in a moment",
            Self::Data => "inspect the data: nothing was dropped",
            Self::LeaseLost => "stop this shard: its records are handled by another worker",
            Self::Processor => "look at the handler's own output: its records are kept",
            Self::Closed => "start it again",
            Self::Internal => "this is a defect: please report it",
        }
    }
}

impl Error {
    /// An error without a cause. The message names the operation, group, stream and shard as far
    /// as they are known, and starts with a lower-case letter.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same error with its cause, which `message` should not repeat.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is: what to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// This error and its causes on one line, separated by `: `. A cause that its parent already
    /// spells out is not repeated.
    pub fn report(&self) -> impl fmt::Display + '_ {
        Report(self)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.kind, self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Any error and its causes on one line.
pub(crate) struct Report<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_each_cause_once() {
        let io = std::io::Error::other("connection refused");
        let middle = Error::new(ErrorKind::Unavailable, "no answer: connection refused");
        let error = Error::new(ErrorKind::Unavailable, "cannot list the shards of stream orders")
            .with_source(middle.with_source(io));
        assert_eq!(error.to_string(), "cannot list the shards of stream orders");
        assert_eq!(
            error.report().to_string(),
            "cannot list the shards of stream orders: no answer: connection refused"
        );
    }
}
