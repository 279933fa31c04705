//! `kinfolk group`: looking at groups.

mod describe;
mod item;
mod show;
mod table;

use crate::exit::Outcome;

/// Look at consumer groups.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Describe(describe::Args),
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Describe(args) => describe::run(args).await,
        }
    }
}
