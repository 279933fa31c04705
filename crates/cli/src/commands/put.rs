//! `kinfolk put`: a record for each line.

pub(super) mod lines;
pub(super) mod pace;
mod progress;
mod summary;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use kinfolk::ErrorKind;
use kinfolk::clock::{Clock, SystemClock};
use kinfolk::core::id::StreamRef;
use kinfolk::producer::{NewRecord, Producer, Stats};
use kinfolk::stream;

use self::lines::Lines;
use self::pace::Pace;
use self::progress::Progress;
use self::summary::Summary;
use crate::exit::{Exit, Failure, Outcome};
use crate::{aws, output, signal};

/// Put records into a stream, one for each line.
///
/// Records of one partition key are stored in the order of their lines, whatever has to be
/// retried. The line end (LF or CR LF) is not part of the record; the rest of the line is put as
/// it is and need not be text.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The stream: its name or ARN.
    #[arg(long, value_name = "S")]
    stream: StreamRef,

    /// Create the stream with so many shards if there is none.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    create_shards: Option<u32>,

    /// Take the partition key from this field of each line, which must be a JSON object.
    /// Otherwise it is the SHA-1 of the line in base64, as with the Node library lifion-kinesis.
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,

    /// Put so many records a second, evenly; otherwise as fast as the stream takes them.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    rate: Option<u32>,

    /// Give a record up after so many seconds of failing and throttling.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    give_up: u64,

    /// Print the summary as one JSON object.
    #[arg(long)]
    json: bool,

    /// The file to read; `-` is standard input.
    #[arg(default_value = "-")]
    file: PathBuf,
}

const AFTER_HELP: &str = "\
Examples:
  kinfolk put --stream orders orders.ndjson --key customer
  zcat packages.ndjson.gz | kinfolk put --stream packages --create-shards 8 --key version --rate 300
  journalctl -f -o json | kinfolk put --stream logs

A line without the key's field ends the reading: the lines before it are put, the exit code is 1.
A record whose answer is lost is put again, so that it may be stored twice.";

/// Runs the command.
pub(crate) async fn run(args: Args) -> Outcome {
    let client = aws::kinesis().await?;
    let lines = Lines::open(&args.file).await?;
    if let Some(shards) = args.create_shards {
        stream::create_unless_there(&client, &args.stream, shards).await?;
    }
    let builder = Producer::builder(args.stream.clone());
    let (producer, driver) = builder.give_up_after(Duration::from_secs(args.give_up)).build(client);
    let started = SystemClock.now();
    let elapsed = || Duration::from_millis(SystemClock.now().mono.saturating_sub(started.mono));
    let progress = Progress::new(lines.total_bytes());
    let ended = tokio::select! {
        biased;
        ended = put_all(&producer, lines, &args) => ended,
        // Neither ends while there is a producer.
        _ = driver.run() => Ok(()),
        () = progress.follow(&producer, elapsed) => Ok(()),
    };
    progress.clear();
    let stats = producer.stats();
    let summary = Summary::new(&args.stream, stats, elapsed());
    if args.json {
        output::print_json(&summary)?
    } else {
        output::print(summary.text())?
    }
    ended.map(|()| Exit::Done).map_err(|failure| explain(failure, &args, stats))
}

/// Sends every line and waits for the answers.
async fn put_all(producer: &Producer, mut lines: Lines, args: &Args) -> Result<(), Failure> {
    let read = tokio::select! {
        biased;
        read = send_all(producer, &mut lines, args) => Some(read),
        _ = signal::asked_to_stop() => None,
    };
    let answered = tokio::select! {
        biased;
        answered = producer.flush() => answered,
        _ = signal::asked_to_stop() => {
            return Err(Failure::failed("interrupted before everything was answered"));
        }
    };
    // That a record failed is the reason why the reading ended early.
    answered.map_err(Failure::from)?;
    read.unwrap_or_else(|| {
        Err(Failure::failed(match producer.stats().put {
            0 => "interrupted before anything was put".to_owned(),
            put => format!("interrupted: the first {} lines are put", output::count(put)),
        }))
    })
}

async fn send_all(producer: &Producer, lines: &mut Lines, args: &Args) -> Result<(), Failure> {
    let mut pace = args.rate.map(Pace::new);
    while let Some(line) = lines.next().await? {
        let mut record = NewRecord::new(line.clone());
        if let Some(field) = &args.key {
            record = record.partition_key(lines.key(&line, field)?);
        }
        if let Some(pace) = &mut pace {
            pace.next().await;
        }
        let sent = producer.send(record).await;
        // The flush tells the first failure.
        drop(sent.map_err(|error| lines.at_line(error.to_string()))?);
        if producer.stats().failed > 0 {
            break;
        }
    }
    Ok(())
}

/// Says what a failure means for the lines.
fn explain(mut failure: Failure, args: &Args, stats: Stats) -> Failure {
    if stats.put > 0 {
        failure.exit = Exit::Failed;
    }
    let missing = failure.causes().iter().any(|text| text.contains("ResourceNotFoundException"));
    if missing && args.create_shards.is_none() {
        failure = failure.hint("create it with `kinfolk stream create`, or add --create-shards N");
    } else if stats.failed > 0 && failure.hint.as_deref() == Some(ErrorKind::Config.advice()) {
        failure = failure.hint("the stream may not take records of that size");
    }
    failure
}
