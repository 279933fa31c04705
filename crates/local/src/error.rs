use std::{fmt, io, path::PathBuf};

/// Why the servers could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum LocalError {
    /// The port is taken or may not be used. Choose another, or 0 for any free one.
    Bind {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder cannot be made or read.
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The DynamoDB side could not open its database.
    Database(String),
    /// The Kinesis side could not restore its state.
    Stream(String),
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { port, .. } => write!(f, "cannot listen on 127.0.0.1:{port}"),
            Self::Folder { path, .. } => write!(f, "cannot use the data folder {}", path.display()),
            Self::Database(why) => write!(f, "cannot open the local DynamoDB: {why}"),
            Self::Stream(why) => write!(f, "cannot open the local Kinesis: {why}"),
        }
    }
}

impl std::error::Error for LocalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } | Self::Folder { source, .. } => Some(source),
            Self::Database(_) | Self::Stream(_) => None,
        }
    }
}
