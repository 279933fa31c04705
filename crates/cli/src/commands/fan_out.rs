//! `kinfolk fan-out`: the fan-out consumers that are registered at a stream.

mod deregister;
mod list;
mod standing;

use crate::exit::Outcome;

/// List and deregister the fan-out consumers of a stream.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    List(list::Args),
    Deregister(deregister::Args),
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::List(args) => list::run(args).await,
            Self::Deregister(args) => deregister::run(args).await,
        }
    }
}
