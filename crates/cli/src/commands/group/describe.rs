//! `kinfolk group describe`: one group.

mod watch;

use std::sync::Arc;

use kinfolk::ErrorKind;
use kinfolk::core::id::{GroupName, StreamName};
use kinfolk::group::{Description, Group};
use kinfolk::source::KinesisSource;
use kinfolk::store::dynamo::lifion::LifionStore;

use super::show;
use crate::exit::{Exit, Failure, Outcome};
use crate::state::State;
use crate::{aws, output};

/// Show a group's workers and shards: who reads what, up to where, and how far behind.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The stream.
    #[arg(long, value_name = "STREAM")]
    stream: StreamName,

    /// The group.
    #[arg(long, value_name = "GROUP")]
    group: GroupName,

    /// Where the group's state is kept.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

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
Workers store what is done with their beats: both ages are up to 2.5 s behind the workers.

The shards that workers share come first, then those of each standalone reader, who reads all.

Examples:
  kinfolk group describe --stream orders --group billing
  kinfolk group describe --stream orders --group billing --watch
  kinfolk group describe --stream orders --group billing --json | jq '[.shards[].lag_ms] | max'";

/// Runs the command.
pub(super) async fn run(args: Args) -> Outcome {
    let group = group(&args).await?;
    if args.watch {
        return watch::run(&group, !args.no_probe).await;
    }
    let seen = look(&group, !args.no_probe).await?;
    if args.json {
        output::print_json(&show::Json::of(&seen))?;
    } else {
        output::print(show::text(&seen))?;
    }
    Ok(Exit::Done)
}

async fn group(args: &Args) -> Result<Group, Failure> {
    let (stream, group, state) = (&args.stream, &args.group, &args.state);
    let config = aws::config().await?;
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let source = KinesisSource::new(kinesis, stream.clone());
    let store = LifionStore::new(&dynamodb, state.table(), group.clone(), stream.clone());
    Ok(Group::new(stream.clone(), group.clone(), Arc::new(source), Arc::new(store)))
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
        "check --stream, --group and --state; a group begins with its first worker: \
          kinfolk consume --stream STREAM --group GROUP",
    )
}
