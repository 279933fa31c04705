//! `kinfolk stream`: create, describe, reshard and delete streams.

mod show;

use aws_sdk_kinesis::Client;
use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use kinfolk::core::id::{ShardId, StreamRef};
use kinfolk::stream::{self, ShardInfo};

use crate::exit::{Exit, Outcome};
use crate::{aws, output};

/// Create, describe, reshard and delete streams. Each returns when it is in effect.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum Command {
    /// Create a stream and wait until it can be used.
    Create {
        /// The name of the stream.
        stream: StreamRef,
        /// The number of its shards.
        #[arg(long, value_name = "N", default_value_t = 1,
              value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
        shards: u32,
    },
    /// Tell what a stream is, with its shards.
    Describe {
        /// The stream: its name or ARN.
        stream: StreamRef,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Split an open shard in two and wait until they can be used.
    Split {
        /// The stream: its name or ARN.
        stream: StreamRef,
        /// The shard: its id, or only the number in it.
        #[arg(value_parser = shard_id)]
        shard: ShardId,
        /// The first hash key of the upper shard, a decimal number [default: the middle].
        #[arg(long, value_name = "HASH-KEY")]
        at: Option<u128>,
    },
    /// Merge two neighbouring open shards and wait until the new one can be used.
    Merge {
        /// The stream: its name or ARN.
        stream: StreamRef,
        /// One shard: its id, or only the number in it.
        #[arg(value_parser = shard_id)]
        first: ShardId,
        /// The other, whose hash range begins where that of the first ends, or the reverse.
        #[arg(value_parser = shard_id)]
        second: ShardId,
    },
    /// Delete a stream with all its records and wait until it is gone.
    Delete {
        /// The stream: its name or ARN.
        stream: StreamRef,
        /// Delete it even if fan-out consumers are registered, and them with it.
        #[arg(long)]
        with_consumers: bool,
    },
}

const AFTER_HELP: &str = "\
Examples:
  kinfolk stream create orders --shards 4
  kinfolk stream describe orders
  kinfolk stream split orders 0                    shard shardId-000000000000, in the middle
  kinfolk stream merge orders 4 5
  kinfolk stream describe orders --json | jq -r '.shards[] | select(.open) | .id'
  kinfolk stream delete orders";

/// Runs the command.
pub(crate) async fn run(command: Command) -> Outcome {
    let client = aws::kinesis().await?;
    match command {
        Command::Create { stream, shards } => {
            stream::create(&client, &stream, shards).await?;
            let plural = if shards == 1 { "" } else { "s" };
            output::print(format_args!("created stream {stream} with {shards} shard{plural}\n"))?;
        }
        Command::Describe { stream, json } => describe(&client, &stream, json).await?,
        Command::Split { stream, shard, at } => {
            let children = stream::split(&client, &stream, &shard, at).await?;
            output::print(format_args!("split {shard} into {}\n", names(&children)))?;
        }
        Command::Merge { stream, first, second } => {
            let children = stream::merge(&client, &stream, &first, &second).await?;
            output::print(format_args!("merged {first} and {second} into {}\n", names(&children)))?;
        }
        Command::Delete { stream, with_consumers } => {
            stream::delete(&client, &stream, with_consumers).await?;
            output::print(format_args!("deleted stream {stream}\n"))?;
        }
    }
    Ok(Exit::Done)
}

async fn describe(
    client: &Client,
    stream: &StreamRef,
    json: bool,
) -> Result<(), crate::exit::Failure> {
    let info = stream::describe(client, stream).await?;
    if json { output::print_json(&show::Json::of(&info)) } else { output::print(show::text(&info)) }
}

fn names(shards: &[ShardInfo]) -> String {
    shards.iter().map(|shard| shard.id.to_string()).collect::<Vec<_>>().join(" and ")
}

/// A shard's id as Kinesis writes it; `7` stands for `shardId-000000000007`.
fn shard_id(text: &str) -> Result<ShardId, String> {
    if text.starts_with("shardId-") {
        return Ok(ShardId::from(text));
    }
    let number: u64 =
        text.parse().map_err(|_| "give an id such as shardId-000000000007, or 7".to_owned())?;
    Ok(ShardId::from(format!("shardId-{number:012}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_may_be_named_by_its_number() {
        assert_eq!(shard_id("7").unwrap().as_str(), "shardId-000000000007");
        assert_eq!(shard_id("shardId-000000000007").unwrap().as_str(), "shardId-000000000007");
        assert!(shard_id("seven").is_err());
    }
}
