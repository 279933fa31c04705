//! `kinfolk group`: looking at groups.

mod show;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use kinfolk::ErrorKind;
use kinfolk::core::id::{GroupName, ShardId, StreamName};
use kinfolk::group::{Description, Group, Lag};
use kinfolk::source::KinesisSource;

use crate::exit::{Exit, Failure, Outcome};
use crate::state::State;
use crate::{aws, output, signal};

/// How often `--watch` looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Each how many looks it probes: the workers need the shards' reads more.
const PROBE_EACH: u32 = 5;

/// Look at consumer groups.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show a group's workers and shards: who reads what, up to where, and how far behind.
    Describe(DescribeArgs),
}

/// Show a group's workers and shards: who reads what, up to where, and how far behind.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DescribeArgs {
    /// The stream.
    #[arg(long, value_name = "STREAM")]
    stream: StreamName,

    /// The group.
    #[arg(long, value_name = "GROUP")]
    group: GroupName,

    /// Where the group's state is kept: dynamodb:TABLE or sqlite:PATH.
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
Workers store what is done with their beats: both ages are up to 2.5 s behind the workers, with
state in SQLite up to 1 s.

Examples:
  kinfolk group describe --stream orders --group billing
  kinfolk group describe --stream orders --group billing --watch
  kinfolk group describe --stream orders --group billing --json | jq '[.shards[].lag_ms] | max'";

impl Command {
    /// Carries the command out.
    pub(crate) async fn run(self) -> Outcome {
        let Self::Describe(args) = self;
        let group = group(&args).await?;
        if args.watch {
            return watch(&group, &args).await;
        }
        let seen = look(&group, !args.no_probe).await?;
        if args.json {
            output::print_json(&show::Json::of(&seen))?;
        } else {
            output::print(show::text(&seen))?;
        }
        Ok(Exit::Done)
    }
}

async fn group(args: &DescribeArgs) -> Result<Group, Failure> {
    let config = aws::config().await?;
    let kinesis = aws_sdk_kinesis::Client::new(&config);
    let (stream, group) = (&args.stream, &args.group);
    let source = KinesisSource::new(kinesis, stream.clone());
    let store = args.state.open(&config, group, stream).map_err(explain)?;
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
        "check --stream, --group and --state; a group begins with its first worker: \
         kinfolk consume --stream STREAM --group GROUP",
    )
}

async fn watch(group: &Group, args: &DescribeArgs) -> Outcome {
    let stop = signal::asked_to_stop();
    tokio::pin!(stop);
    let mut lags = BTreeMap::new();
    for looks in 0u32.. {
        let probe = !args.no_probe && looks.is_multiple_of(PROBE_EACH);
        let text = match look(group, probe).await {
            Ok(mut seen) => {
                keep_lags(&mut seen, &mut lags);
                show::text(&seen)
            }
            // Names that are wrong stay wrong; later on it is an outage, which may pass.
            Err(failure) if looks == 0 => return Err(failure),
            Err(failure) => format!("{}\n", output::escape(&failure.message)),
        };
        output::print(redraw(&text))?;
        tokio::select! {
            biased;
            asked = &mut stop => {
                asked.map_err(|error| Failure::failed("cannot wait for Ctrl-C").because(error))?;
                break;
            }
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    Ok(Exit::Done)
}

/// Fills in the lags of the last look that probed.
fn keep_lags(seen: &mut Description, lags: &mut BTreeMap<ShardId, Lag>) {
    for shard in &mut seen.shards {
        match (&shard.lag, lags.get(&shard.id)) {
            (Lag::Unasked, Some(known)) => shard.lag = known.clone(),
            (Lag::Unasked, None) => {}
            (asked, _) => drop(lags.insert(shard.id.clone(), asked.clone())),
        }
    }
}

/// On a terminal, text in the place of what it shows, without flicker; else an empty line apart.
fn redraw(text: &str) -> String {
    if !std::io::stdout().is_terminal() {
        return format!("{text}\n");
    }
    let mut screen = String::from("\x1b[H");
    for line in text.lines() {
        let _ = write!(screen, "{line}\x1b[K\r\n");
    }
    screen + "\x1b[J"
}
