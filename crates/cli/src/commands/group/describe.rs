//! `kinfolk group describe`: one group.

mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use kinfolk::ErrorKind;
use kinfolk::core::id::{GroupName, StreamRef};
use kinfolk::group::{Description, Group};
use kinfolk::source::KinesisSource;

use super::item;
use super::show::{self, Origin};
use crate::exit::{Exit, Failure, Outcome};
use crate::state::State;
use crate::{aws, output};

/// Show a group's workers and shards: who reads what, up to where, and how far behind.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The stream: its name or ARN.
    #[arg(long, value_name = "STREAM", required_unless_present = "item")]
    stream: Option<StreamRef>,

    /// The group.
    #[arg(long, value_name = "GROUP", required_unless_present = "item")]
    group: Option<GroupName>,

    /// Where the group's state is kept: dynamodb:TABLE or sqlite:PATH.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

    /// Show the state in this file instead, without calling AWS; `-` is standard input. It is an
    /// item of the state table in DynamoDB's typed JSON or plain JSON, by itself or within an
    /// object as its Item, item or rawItem.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stream", "group", "state", "watch"])]
    item: Option<PathBuf>,

    /// Look again every second until Ctrl-C, and probe every fifth.
    #[arg(long)]
    watch: bool,

    /// Leave the lag open. Finding it out reads one record of each shard, which counts among the
    /// five reads a second that all its readers share.
    #[arg(long)]
    no_probe: bool,

    /// Print one JSON object.
    #[arg(long, conflicts_with = "watch")]
    json: bool,
}

const AFTER_HELP: &str = "\
States of a shard:
  waiting   records of a shard that it was split or merged from are not done yet
  free      it can be read, and no worker holds it yet
  reading   its owner reads it
  orphaned  its owner is gone; another worker will take it
  ended     all its records are done
  expired   its records were deleted by age before they were read

CHECKPOINT  the last digits of the sequence number up to which records are done
AGE         for how long the record at the checkpoint has been in the stream
LAG         for how long the oldest record that is not done has been in the stream; 0 if none is
Workers store what is done with their beats: both ages are up to 2.5 s behind the workers, with
state in SQLite up to 1 s.

The shards that workers share come first, then those of each standalone reader, who reads all.
A saved item has no lag, and does not tell an expired shard from a free one.

Examples:
  kinfolk group describe --stream orders --group billing
  kinfolk group describe --stream orders --group billing --watch
  kinfolk group describe --stream orders --group billing --json | jq '[.shards[].lag_ms] | max'
  aws dynamodb get-item --table-name lifion-kinesis-state \\
    --key '{\"consumerGroup\": {\"S\": \"billing\"}, \"streamName\": {\"S\": \"orders\"}}' > saved.json
  kinfolk group describe --item saved.json";

/// Runs the command.
pub(super) async fn run(args: Args) -> Outcome {
    let (seen, origin) = match (&args.item, &args.stream, &args.group) {
        (Some(file), _, _) => (item::describe(file).await?, Origin::SavedItem),
        (None, Some(stream), Some(name)) => {
            let group = group(stream, name, &args.state).await?;
            if args.watch {
                return watch::run(&group, !args.no_probe).await;
            }
            (look(&group, !args.no_probe).await?, Origin::Store)
        }
        // The arguments do not come in that way.
        _ => return Err(Failure::setup("give --stream and --group, or --item")),
    };
    if args.json {
        output::print_json(&show::Json::of(&seen, origin))?;
    } else {
        output::print(show::text(&seen, origin))?;
    }
    Ok(Exit::Done)
}

async fn group(stream: &StreamRef, group: &GroupName, state: &State) -> Result<Group, Failure> {
    let config = aws::config().await?;
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    let source = KinesisSource::new(kinesis, stream.clone());
    let store = state.open(&config, group, stream.name()).map_err(explain)?;
    Ok(Group::new(stream.clone(), group.clone(), Arc::new(source), store))
}

async fn look(group: &Group, probe: bool) -> Result<Description, Failure> {
    let mut seen = group.describe().await.map_err(explain)?;
    if probe {
        group.probe(&mut seen).await;
    }
    Ok(seen)
}

fn explain(error: kinfolk::Error) -> Failure {
    let wrong = error.kind() == ErrorKind::Config;
    let failure = Failure::from(error);
    if !wrong {
        return failure;
    }
    failure.hint(
        "check --stream, --group and --state; `kinfolk group list` lists groups; a group begins \
         with its first worker: kinfolk consume --stream STREAM --group GROUP",
    )
}
