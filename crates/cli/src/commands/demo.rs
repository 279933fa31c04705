//! `kinfolk demo`: a group at work, in one command.

mod chores;
mod crew;
mod feed;
mod happening;
mod meter;
mod records;
mod roster;
mod servers;
mod stage;
mod summary;
mod takeover;
mod tally;
mod view;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::RangedU64ValueParser;
use kinfolk::core::id::StreamRef;
use kinfolk::group::Group;
use kinfolk::source::KinesisSource;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::DEFAULT_TABLE;
use kinfolk::stream;

use self::records::Item;
use self::servers::Servers;
use self::stage::{Plan, Stage};
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

const STREAM: &str = "demo";
const GROUP: &str = "demo";
/// How many records without `--records` and `--input`.
const RECORDS: u64 = 10_000;
/// For how long records are put by default, in seconds: with a kill, long enough for the dead
/// worker's shards to be taken over meanwhile.
const BUSY_SECONDS: u64 = 6;
const BUSY_SECONDS_WITH_KILL: u64 = 12;

/// See a group share a stream, lose a worker, and lose no record.
///
/// Runs Kinesis and DynamoDB in this process, puts records, and starts workers, which are
/// processes of their own: `kinfolk consume`. Then it compares what it put with what the workers
/// wrote. Nothing of it touches an AWS account.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// How many records to put; by default 10000, or the whole input.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    records: Option<u64>,

    /// How many workers share the stream.
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=50))]
    workers: u32,

    /// How many shards the stream has.
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    shards: u32,

    /// Kill a worker half way, with SIGKILL.
    #[arg(long)]
    kill: bool,

    /// Split a shard half way.
    #[arg(long)]
    split: bool,

    /// Put the lines of this file instead of made-up records.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Take the partition key from this field of the input's lines, which must be JSON objects.
    #[arg(long, value_name = "FIELD", requires = "input")]
    key: Option<String>,

    /// Put so many records a second; by default as many as take some seconds.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    rate: Option<u32>,

    /// Print the summary as one JSON object.
    #[arg(long)]
    json: bool,
}

const AFTER_HELP: &str = "\
What happens is told on standard error; standard output gets the summary:
  put           records that the stream took
  handled       lines that the workers wrote
  unique        records put that came out at least once
  redelivered   lines of records that had come out before
  out_of_order  records that first came out after a later one of their partition key
  takeover_ms   from the kill to the first record of the dead worker's shards elsewhere
  lost          records put that never came out
The exit code is 1 if anything was lost or out of order.

Examples:
  kinfolk demo --kill --split
  kinfolk demo --workers 5 --shards 16 --records 100000 --rate 20000 --kill
  kinfolk demo --input orders.ndjson --key customer --json";

/// Runs the command.
pub(crate) async fn run(args: Args) -> Outcome {
    if args.kill && args.workers < 2 {
        let message = "with --kill somebody must be left to take over";
        return Err(Failure::setup(message).hint("use --workers 2 or more"));
    }
    let items = items(&args).await?;
    let rate = args.rate.unwrap_or_else(|| default_rate(items.len() as u64, args.kill));
    let plan = Plan { items, rate, kill: args.kill, split: args.split };

    let servers = Servers::start().await?;
    let kinesis = servers.kinesis();
    stream::create(&kinesis, &StreamRef::from(STREAM), args.shards).await?;
    let mut stage = Stage::new(STREAM.into(), kinesis, group(&servers), plan);
    for _ in 0..args.workers {
        stage.hire(worker::start(&servers, STREAM, GROUP)?);
    }
    let summary = stage.play().await?;
    drop(stage);
    servers.shutdown().await;

    if args.json {
        output::print_json(&summary)?
    } else {
        output::print(summary.text())?
    }
    Ok(if summary.verdict.good() { Exit::Done } else { Exit::Failed })
}

async fn items(args: &Args) -> Result<Vec<Item>, Failure> {
    match &args.input {
        Some(file) => records::of_file(file, args.key.as_deref(), args.records).await,
        None => Ok(records::made_up(args.records.unwrap_or(RECORDS))),
    }
}

fn default_rate(records: u64, kill: bool) -> u32 {
    let seconds = if kill { BUSY_SECONDS_WITH_KILL } else { BUSY_SECONDS };
    u32::try_from(records.div_ceil(seconds)).unwrap_or(u32::MAX).max(1)
}

fn group(servers: &Servers) -> Group {
    let source = KinesisSource::new(servers.kinesis(), STREAM);
    let store = LifionStore::new(&servers.dynamodb(), DEFAULT_TABLE, GROUP, STREAM);
    Group::new(STREAM, GROUP, Arc::new(source), Arc::new(store))
}
