//! `kinfolk group`: looking at groups.

mod describe;
mod item;
mod list;
mod show;

pub(super) use list::listed;

use crate::exit::Outcome;

/// Look at consumer groups.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Describe(describe::Args),
    List(list::Args),
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Describe(args) => describe::run(args).await,
            Self::List(args) => list::run(args).await,
        }
    }
}
