//! Three worker processes share a busy stream of real records; one is killed, one stopped, one
//! starts late; a shard is split and two are merged. Then the output is checked against what was
//! put, and against what was stored at the kill.
//!
//! All workers append to one file, a batch in one write, so that the file is the order in which
//! records came out.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints what it saw"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk::core::sequence::SequenceNumber;
use kinfolk_bench::{Fleet, Line, Result, Signal, State, packages};
use tokio::time::sleep;

/// Keeps the stream busy for a minute.
const RATE: u32 = 330;
const LEAST_SHARED_KEYS: usize = 1_000;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("kinfolk-three-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(&folder).await;
    match &result {
        Ok(()) => std::fs::remove_dir_all(&folder)?,
        Err(_) => println!("what was put and what came out is kept in {}", folder.display()),
    }
    result
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
    let kill = play(&put_file, &out_file, input.lines().count()).await?;
    check(&input, &out_file, &kill)
}

/// What was stored when the worker was killed.
struct Kill {
    worker: String,
    /// The checkpoint of each shard that it held.
    stored: BTreeMap<String, Option<String>>,
}

async fn play(put_file: &Path, out_file: &PathBuf, records: usize) -> Result<Kill> {
    let fleet = Fleet::start("packages", "three").await?;
    let begin = Instant::now();
    let say = |what: String| println!("{:6.1} s  {what}", begin.elapsed().as_secs_f32());
    fleet.create_stream(8).await?;
    let append = || -> Result<Stdio> {
        Ok(OpenOptions::new().create(true).append(true).open(out_file)?.into())
    };
    let (first, second) = (fleet.worker(append()?)?, fleet.worker(append()?)?);
    let rate = RATE.to_string();
    let arguments = ["put", "--stream", &fleet.stream, "--key", "version", "--rate", &rate, "-"];
    let mut put =
        fleet.command(&arguments).stdin(File::open(put_file)?).stdout(Stdio::null()).spawn()?;
    say(format!("two workers, and {records} records at {rate} a second"));

    sleep(Duration::from_secs(15)).await;
    let third = fleet.worker(append()?)?;
    say("a third worker starts".to_owned());

    sleep(Duration::from_secs(8)).await;
    fleet.run(&["stream", "split", &fleet.stream, "shardId-000000000003"]).await?;
    say("a shard is split".to_owned());

    sleep(Duration::from_secs(7)).await;
    let mut first = first;
    let pid = first.pid();
    first.send(Signal::KILL)?;
    first.child.wait().await?;
    let state = State::read(&fleet).await?;
    let worker =
        pid.and_then(|pid| state.workers.get(&pid)).ok_or("the killed worker is unknown")?;
    let held = state.held_by(pid);
    say(format!("worker {worker} is killed; it held {}", held.join(", ")));
    let stored =
        held.into_iter().map(|shard| (shard.clone(), state.checkpoints.get(&shard).cloned()));
    let kill = Kill { worker: worker.clone(), stored: stored.collect() };

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

/// Waits until as many different records came out as were put, or nothing came for 20 seconds.
async fn wait_for_all(out_file: &Path, records: usize) -> Result<()> {
    let (mut before, mut quiet) = (0, 0);
    while quiet < 40 {
        let lines = read(out_file)?;
        let unique: BTreeSet<_> = lines.iter().map(|line| (&line.shard, &line.sequence)).collect();
        if unique.len() >= records {
            break;
        }
        quiet = if lines.len() == before { quiet + 1 } else { 0 };
        before = lines.len();
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// All lines in the order in which they came out. A kill may tear one line, whose rest is then
/// missing and whose beginning stands before another worker's line.
fn read(out_file: &Path) -> Result<Vec<Line>> {
    let (now, mut torn) = (Instant::now(), 0);
    let mut lines = Vec::new();
    for text in std::fs::read_to_string(out_file)?.lines() {
        let whole = text.rfind("{\"shard\"").and_then(|start| text.get(start..)).unwrap_or(text);
        match Line::parse(whole, now) {
            Ok(line) => lines.push(line),
            Err(_) => torn += 1,
        }
    }
    match torn {
        0 | 1 => Ok(lines),
        _ => Err(format!("{torn} lines cannot be read").into()),
    }
}

fn check(input: &str, out_file: &Path, kill: &Kill) -> Result<()> {
    let lines = read(out_file)?;
    let put: BTreeSet<&str> = input.lines().collect();
    let out: BTreeSet<&str> = lines.iter().map(|line| line.data.as_str()).collect();
    let lost = put.difference(&out).count();
    let out_of_order = out_of_order(input, &lines)?;
    let (redelivered, unexplained) = redelivered(&lines, kill);
    println!(
        "put {}, lines {}, lost {lost}, out of order {out_of_order}, redelivered {redelivered}, \
         of which not after the last stored checkpoint of the killed worker {unexplained}",
        put.len(),
        lines.len(),
    );
    match (lost, out_of_order, unexplained) {
        (0, 0, 0) if out.len() == put.len() => Ok(()),
        _ => Err("the check failed".into()),
    }
}

/// Records that came out for the first time after a record of their key that was put later.
fn out_of_order(input: &str, lines: &[Line]) -> Result<usize> {
    let place: BTreeMap<&str, usize> =
        input.lines().enumerate().map(|(place, line)| (line, place)).collect();
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = 0;
    for line in lines.iter().filter(|line| seen.insert((&line.shard, &line.sequence))) {
        let place = *place.get(line.data.as_str()).ok_or("a record that nobody put")?;
        let before = last.insert(&line.key, place);
        wrong += usize::from(before.is_some_and(|before| before > place));
    }
    Ok(wrong)
}

/// Records that came out again, and those of them that the kill does not explain.
fn redelivered(lines: &[Line], kill: &Kill) -> (usize, usize) {
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let (mut again, mut unexplained) = (0, 0);
    for line in lines {
        let id = (line.shard.as_str(), line.sequence.as_str());
        let Some(by) = first.insert(id, &line.worker) else { continue };
        again += 1;
        let after_the_checkpoint = kill.stored.get(&line.shard).is_some_and(|stored| {
            stored.as_ref().is_none_or(|stored| {
                SequenceNumber::compare(&line.sequence, stored) == std::cmp::Ordering::Greater
            })
        });
        if by != kill.worker || !after_the_checkpoint {
            println!("{} of {} came out again", line.sequence, line.shard);
            unexplained += 1;
        }
    }
    (again, unexplained)
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
