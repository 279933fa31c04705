//! The commands, one file each.

mod completions;
mod consume;
mod demo;
mod fan_out;
mod group;
mod local;
mod put;
mod stream;

use clap::Subcommand;

use crate::exit::Outcome;

/// What `kinfolk` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(completions::Args),
    /// Share a stream's records with the other workers of a group.
    Consume(consume::Args),
    /// See a group share a stream, lose a worker, and lose no record.
    Demo(demo::Args),
    /// List and deregister the fan-out consumers of a stream.
    #[command(subcommand)]
    FanOut(fan_out::Command),
    /// Look at consumer groups.
    #[command(subcommand)]
    Group(group::Command),
    Local(local::Args),
    Put(put::Args),
    /// Create, describe, reshard and delete streams.
    #[command(subcommand)]
    Stream(stream::Command),
}

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Completions(args) => completions::run(&args),
            Self::Consume(args) => consume::run(args).await,
            Self::Demo(args) => demo::run(args).await,
            Self::FanOut(command) => command.run().await,
            Self::Group(command) => command.run().await,
            Self::Local(args) => local::run(args).await,
            Self::Put(args) => put::run(args).await,
            Self::Stream(command) => stream::run(command).await,
        }
    }
}
