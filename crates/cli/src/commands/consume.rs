//! `kinfolk consume`: a worker of a group.

mod child;
mod line;

use std::io::IsTerminal;
use std::time::Duration;

use clap::ValueEnum;
use jiff::Timestamp;
use kinfolk::aggregate::Deaggregate;
use kinfolk::core::time::WallTime;
use kinfolk::core::topology::Initial;
use kinfolk::store::dynamo::table::TableSettings;
use kinfolk::{Batch, Consumer};
use tokio::io::{AsyncWriteExt, Stdout};

use crate::exit::{Exit, Failure, Outcome};
use crate::state::State;
use crate::{aws, signal};
use line::Line;

/// How many records are written at a time, at most. Each write is acknowledged as a whole.
const BATCH: usize = 500;

/// Share a stream's records with the other workers of a group.
///
/// Writes each record as a line to standard output, or to a command's standard input. A record is
/// handled once its line was taken; the group goes on behind the last one that was. Start it
/// several times to share the work, on one machine or many. Ctrl-C or SIGTERM hands everything
/// over to the others at once.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The stream to read: its name or ARN.
    #[arg(long, value_name = "STREAM")]
    stream: String,

    /// The group to be a worker of. It is created by its first worker.
    #[arg(long, value_name = "GROUP")]
    group: String,

    /// Where a new group begins: trim-horizon, latest, or a time like 2026-01-31T12:00:00Z.
    ///
    /// A group that exists goes on from its place, whatever this says.
    #[arg(long, value_name = "POSITION", default_value = "latest", value_parser = position)]
    from: Initial,

    /// Where the group's state is kept: dynamodb:TABLE, or sqlite:PATH for the workers of one
    /// machine.
    #[arg(long, value_name = "STATE", default_value_t)]
    state: State,

    /// Read every shard, whatever the other workers of the group do. Without a name, its place goes
    /// with it.
    #[arg(long)]
    standalone: bool,

    /// With --standalone: keep the place under this name, and go on from it when started again.
    /// Processes that run under one name at the same time share the shards among them.
    #[arg(long, value_name = "NAME", requires = "standalone")]
    name: Option<String>,

    /// Read by enhanced fan-out, with one of so many consumers, which are registered for the group
    /// where they are missing. Poll while all of them are in use; with --standalone and without
    /// --name, wait. Kinesis charges for each by the hour: see `kinfolk fan-out`.
    #[arg(long, value_name = "CONSUMERS", default_value_t = 0, hide_default_value = true)]
    fan_out: u32,

    /// Fail if the state's table or file does not exist, instead of creating it.
    #[arg(long)]
    no_create_table: bool,

    /// Write aggregates of the Kinesis Producer Library as they are, instead of the records in them.
    #[arg(long)]
    no_deaggregate: bool,

    /// How a record is written.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,

    /// Leave the group and exit once no record came for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    idle_exit: Option<u64>,

    /// With a command: when a record counts as handled.
    #[arg(long, value_enum, default_value_t = Ack::Line, requires = "command")]
    ack: Ack,

    /// Run this command and write the records to its standard input.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An object a line: shard, sequence, sub_sequence (the place within an aggregate, or 0),
    /// partition_key, arrival, worker, epoch, and data, or data_base64 where it is not text.
    Json,
    /// The record's data and a line end.
    Raw,
}

/// When a record that a command got counts as handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ack {
    /// When the command writes a line `ack`: each one stands for the oldest record that has none.
    Line,
    /// As soon as it is written. What the command had read but not handled is LOST when it dies.
    Written,
}

const AFTER_HELP: &str = "\
Examples:
  kinfolk consume --stream orders --group billing
  kinfolk consume --stream orders --group billing --from trim-horizon --idle-exit 5
  kinfolk consume --stream orders --group billing -- ./handle-orders
  kinfolk consume --stream orders --group billing --standalone --name cache-1
  kinfolk consume --stream orders --group billing --state sqlite:billing.db

With a command, its standard input gets the lines, and a record is handled when it writes a line
`ack` to its standard output, once for each record and in their order. Its other lines are passed
on. When it ends or fails, nothing more is acknowledged and the exit code is 1: the records come
again, to whoever goes on.";

/// Runs the command.
pub(crate) async fn run(args: Args) -> Outcome {
    let stop = signal::asked_to_stop();
    let stop = async {
        // Without signals there is nothing to wait for: the process can still be killed.
        if stop.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let idle = args.idle_exit.map(Duration::from_secs);
    // A command that cannot be run must not leave a worker behind that others wait for.
    let child = match args.command.split_first() {
        Some((program, rest)) => Some(child::Child::start(program, rest, args.format, args.ack)?),
        None => None,
    };
    let consumer = start(&args).await?;
    match child {
        None => to_stdout(&consumer, args.format, idle, stop).await,
        Some(child) => child.feed(&consumer, idle, stop).await,
    }
}

async fn start(args: &Args) -> Result<Consumer, Failure> {
    let builder = Consumer::builder(args.stream.as_str(), args.group.as_str())
        .initial(args.from)
        .fan_out(args.fan_out)
        .deaggregate(if args.no_deaggregate { Deaggregate::Off } else { Deaggregate::Auto })
        .app_name("kinfolk consume");
    let builder = match (args.standalone, &args.name) {
        (_, Some(name)) => builder.standalone_as(name.as_str()),
        (true, None) => builder.standalone(),
        (false, None) => builder,
    };
    let started = match &args.state {
        State::DynamoDb(table) => {
            let table = TableSettings::new().name(table).create_table(!args.no_create_table);
            builder.table(table).connect(&aws::config().await?).await
        }
        State::Sqlite(path) => {
            if args.no_create_table && !path.exists() {
                let message = format!("there is no state file {}", path.display());
                return Err(Failure::setup(message).hint("leave out --no-create-table to make it"));
            }
            builder.sqlite(aws::kinesis().await?, path).await
        }
    };
    Ok(started?)
}

async fn to_stdout(
    consumer: &Consumer,
    format: Format,
    idle: Option<Duration>,
    stop: impl Future<Output = ()>,
) -> Outcome {
    let line = Line { format, escaped: std::io::stdout().is_terminal() };
    let mut out = tokio::io::stdout();
    tokio::pin!(stop);
    loop {
        let records = tokio::select! {
            biased;
            () = &mut stop => break,
            records = next(consumer, idle) => records,
        };
        let Next::Records(batch) = records else { break };
        let mut stopping = false;
        let taken = {
            let writing = write(&mut out, &line, &batch);
            tokio::pin!(writing);
            tokio::select! {
                biased;
                taken = &mut writing => taken,
                () = &mut stop => {
                    stopping = true;
                    // Half a batch is no batch: it is written to its end, unless nobody reads it.
                    tokio::select! {
                        biased;
                        taken = &mut writing => taken,
                        Ok(()) = signal::asked_to_stop() => return Err(in_a_hurry()),
                    }
                }
            }
        };
        if let Err(error) = taken {
            // Not acknowledged: whoever goes on writes these lines again.
            drop(batch);
            consumer.shutdown().await?;
            let message = "cannot write to standard output";
            return Err(Failure::failed(message).because(error));
        }
        batch.ack();
        if stopping {
            break;
        }
    }
    leave(consumer).await
}

async fn write(out: &mut Stdout, line: &Line, batch: &Batch) -> std::io::Result<()> {
    let mut text = Vec::new();
    for record in batch.iter() {
        line.write(&mut text, batch, record)?;
    }
    out.write_all(&text).await?;
    out.flush().await
}

/// What there is to handle.
enum Next {
    Records(Batch),
    /// Nothing came for long enough.
    Idle,
    /// The consumer is over.
    Over,
}

async fn next(consumer: &Consumer, idle: Option<Duration>) -> Next {
    let records = consumer.next_batch(BATCH);
    let records = match idle {
        None => Ok(records.await),
        Some(limit) => tokio::time::timeout(limit, records).await,
    };
    match records {
        Ok(Some(batch)) => Next::Records(batch),
        Ok(None) => Next::Over,
        Err(_) => Next::Idle,
    }
}

/// Hands over and leaves. Being asked to stop a second time ends it at once.
async fn leave(consumer: &Consumer) -> Outcome {
    tokio::select! {
        biased;
        left = consumer.shutdown() => { left?; Ok(Exit::Done) }
        Ok(()) = signal::asked_to_stop() => Err(in_a_hurry()),
    }
}

fn in_a_hurry() -> Failure {
    Failure::failed("stopped before everything was handed over")
        .hint("the others take its shards over once it has been silent, as after a crash")
}

fn position(text: &str) -> Result<Initial, String> {
    match text {
        "trim-horizon" => Ok(Initial::TrimHorizon),
        "latest" => Ok(Initial::Latest),
        time => match time.parse::<Timestamp>() {
            Ok(time) => Ok(Initial::At(WallTime(time.as_millisecond()))),
            Err(_) => {
                Err("expected trim-horizon, latest, or a time like 2026-01-31T12:00:00Z".to_owned())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_names_or_times() {
        assert_eq!(position("latest"), Ok(Initial::Latest));
        assert_eq!(position("1970-01-01T00:00:01.5Z"), Ok(Initial::At(WallTime(1_500))));
        assert!(position("yesterday").is_err());
    }
}
