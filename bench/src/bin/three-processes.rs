//! Three worker processes share a busy stream of real records; one is killed, one stopped, one
//! starts late; a shard is split and two are merged. Then the output is checked against what was
//! put, and against what was stored at the kill.
//!
//! All workers append to one file, a batch in one write, so that the file is the order in which
//! records came out. The state is in DynamoDB, or with the argument `sqlite` in a file.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints what it saw"
)]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk_bench::{
    Fleet, Keep, Kill, Result, Signal, State, check, in_folder, packages, wait_for_all,
};
use tokio::time::sleep;

/// Keeps the stream busy for a minute.
const RATE: u32 = 330;
const LEAST_SHARED_KEYS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    in_folder("three", run).await
}

async fn run(folder: &Path) -> Result<()> {
    let input = packages()?;
    let shared = shared_keys(&input)?;
    println!("{} records, {shared} keys with two records or more", input.lines().count());
    if shared < LEAST_SHARED_KEYS {
        return Err(format!("too few keys with two records or more: {shared}").into());
    }
    let (put_file, out_file) = (folder.join("put.ndjson"), folder.join("out.ndjson"));
    std::fs::write(&put_file, &input)?;
    let keep = match std::env::args().nth(1).as_deref() {
        None | Some("dynamodb") => Keep::DynamoDb,
        Some("sqlite") => Keep::Sqlite(folder.join("state.sqlite")),
        Some(other) => return Err(format!("expected dynamodb or sqlite, not {other}").into()),
    };
    println!("the state is in {keep:?}");
    let kill = play(keep, &put_file, &out_file, input.lines().count()).await?;
    check(&input, &out_file, &kill)
}

async fn play(keep: Keep, put_file: &Path, out_file: &PathBuf, records: usize) -> Result<Kill> {
    let fleet = Fleet::start("packages", "three").await?.keep(keep);
    let begin = Instant::now();
    let say = |what: String| println!("{:6.1} s  {what}", begin.elapsed().as_secs_f32());
    fleet.create_stream(8).await?;
    let append = || -> Result<Stdio> {
        Ok(OpenOptions::new().create(true).append(true).open(out_file)?.into())
    };
    let (first, second) = (fleet.worker(append()?, &[])?, fleet.worker(append()?, &[])?);
    let rate = RATE.to_string();
    let arguments = ["put", "--stream", &fleet.stream, "--key", "version", "--rate", &rate, "-"];
    let mut put =
        fleet.command(&arguments).stdin(File::open(put_file)?).stdout(Stdio::null()).spawn()?;
    say(format!("two workers, and {records} records at {rate} a second"));

    sleep(Duration::from_secs(15)).await;
    let third = fleet.worker(append()?, &[])?;
    say("a third worker starts".to_owned());

    sleep(Duration::from_secs(8)).await;
    fleet.run(&["stream", "split", &fleet.stream, "shardId-000000000003"]).await?;
    say("a shard is split".to_owned());

    sleep(Duration::from_secs(7)).await;
    let mut first = first;
    let pid = first.pid();
    first.send(Signal::KILL)?;
    first.child.wait().await?;
    let kill = Kill::of(&State::read(&fleet, "shards").await?, pid)?;
    say(format!("worker {} is killed; it held {}", kill.worker, kill.held()));

    sleep(Duration::from_secs(12)).await;
    let (left, right) = ("shardId-000000000005", "shardId-000000000006");
    fleet.run(&["stream", "merge", &fleet.stream, left, right]).await?;
    say("two shards are merged".to_owned());

    sleep(Duration::from_secs(8)).await;
    let mut second = second;
    second.send(Signal::TERM)?;
    let status = second.child.wait().await?;
    say(format!("a worker is stopped by SIGTERM and ends with {status}"));
    if !status.success() {
        return Err("a worker that is stopped must end well".into());
    }

    if !put.wait().await?.success() {
        return Err("not every record was put".into());
    }
    say("all is put".to_owned());
    wait_for_all(out_file, records).await?;
    let mut third = third;
    third.send(Signal::TERM)?;
    third.child.wait().await?;
    say("the last worker is stopped".to_owned());
    Ok(kill)
}

fn shared_keys(input: &str) -> Result<usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in input.lines() {
        let object: serde_json::Value = serde_json::from_str(line)?;
        let key =
            object.get("version").and_then(|key| key.as_str()).ok_or("a record without key")?;
        *counts.entry(key.to_owned()).or_default() += 1;
    }
    Ok(counts.values().filter(|count| **count > 1).count())
}
