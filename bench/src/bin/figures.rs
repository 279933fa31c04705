//! How fast a group starts, hands over and fails over: workers as processes of the real binary on
//! the local servers, timed from outside by what comes out of their pipes.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that times and prints"
)]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk_bench::{Fleet, Line, Process, Result, Signal, State, Watcher, packages};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::sleep;

/// How often each figure is taken.
const RUNS: usize = 5;
/// How long a figure may take at most before the run is given up.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    println!(
        "milliseconds over {RUNS} runs                       min   median      max   redelivered"
    );
    report("empty table to first record", cold_start).await?;
    report("SIGTERM to its shards' next record", |i| hand_over(i, Signal::TERM)).await?;
    report("kill -9 to its shards' next record", |i| hand_over(i, Signal::KILL)).await?;
    report("parent's last record to a child's first", split).await?;
    report("a join: to the new worker's first record", join).await?;
    Ok(())
}

/// A figure in milliseconds, and how many records came out twice while it was taken.
type Figure = (u128, usize);

async fn report<F: Future<Output = Result<Figure>>>(
    what: &str,
    run: impl Fn(usize) -> F,
) -> Result<()> {
    let mut figures = Vec::new();
    for i in 0..RUNS {
        figures.push(run(i).await?);
    }
    figures.sort_unstable();
    let at = |i: usize| figures.get(i).map_or(0, |figure| figure.0);
    let redelivered: usize = figures.iter().map(|figure| figure.1).sum();
    let (min, median, max) = (at(0), at(RUNS / 2), at(RUNS - 1));
    println!("{what:45} {min:8} {median:8} {max:8} {redelivered:13}");
    Ok(())
}

/// From the start of a process, with neither table nor state, to its first line.
async fn cold_start(i: usize) -> Result<Figure> {
    let fleet = Fleet::start(&format!("cold-{i}"), "figures").await?;
    fleet.create_stream(4).await?;
    put_some(&fleet, 100).await?;
    let watcher = Watcher::default();
    let begin = Instant::now();
    let _worker = start(&fleet, &watcher)?;
    let line = wait_for(&watcher, |_| true).await?;
    Ok((line.at.duration_since(begin).as_millis(), twice(&watcher)))
}

/// From a signal to one of two workers to the next record of each of its shards: the last of
/// those.
async fn hand_over(i: usize, signal: Signal) -> Result<Figure> {
    let fleet = Fleet::start(&format!("hand-over-{i}"), "figures").await?;
    let (watcher, _put) = busy(&fleet).await?;
    let first = start(&fleet, &watcher)?;
    let _second = start(&fleet, &watcher)?;
    let held = wait_for_shares(&fleet, &first).await?;
    sleep(Duration::from_millis(2_000 + 370 * i as u64)).await;
    let begin = Instant::now();
    first.send(signal)?;
    let worker = owner(&watcher, &held)?;
    let mut last = begin;
    for shard in &held {
        let next = |line: &Line| line.at > begin && line.shard == *shard && line.worker != worker;
        last = last.max(wait_for(&watcher, next).await?.at);
    }
    sleep(Duration::from_millis(500)).await;
    Ok((last.duration_since(begin).as_millis(), twice(&watcher)))
}

/// From the last record of a shard that was split to the first of a child.
async fn split(i: usize) -> Result<Figure> {
    let fleet = Fleet::start(&format!("split-{i}"), "figures").await?;
    let (watcher, _put) = busy(&fleet).await?;
    let _worker = start(&fleet, &watcher)?;
    wait_for(&watcher, |_| true).await?;
    sleep(Duration::from_millis(2_000 + 170 * i as u64)).await;
    let parent = "shardId-000000000001";
    fleet.run(&["stream", "split", &fleet.stream, parent]).await?;
    let child = |line: &Line| line.shard.as_str() > "shardId-000000000003";
    let first = wait_for(&watcher, child).await?;
    sleep(Duration::from_millis(500)).await;
    let lines = watcher.lines();
    let last = lines.iter().rfind(|line| line.shard == parent).ok_or("nothing of the parent")?;
    let took = first.at.saturating_duration_since(last.at).as_millis();
    drop(lines);
    Ok((took, twice(&watcher)))
}

/// From the start of a second worker to its first line; nothing may come out twice.
async fn join(i: usize) -> Result<Figure> {
    let fleet = Fleet::start(&format!("join-{i}"), "figures").await?;
    let (watcher, _put) = busy(&fleet).await?;
    let _first = start(&fleet, &watcher)?;
    let old = wait_for(&watcher, |_| true).await?.worker;
    sleep(Duration::from_millis(2_000 + 370 * i as u64)).await;
    let begin = Instant::now();
    let _second = start(&fleet, &watcher)?;
    let line = wait_for(&watcher, |line| line.worker != old).await?;
    sleep(Duration::from_secs(3)).await;
    Ok((line.at.duration_since(begin).as_millis(), twice(&watcher)))
}

/// A stream of 4 shards on which 200 records a second are put.
async fn busy(fleet: &Fleet) -> Result<(Watcher, Child)> {
    fleet.create_stream(4).await?;
    let mut put = fleet
        .command(&["put", "--stream", &fleet.stream, "--rate", "200", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = put.stdin.take().ok_or("no pipe")?;
    let input = packages()?;
    // The writer ends with the process: killing that breaks the pipe.
    tokio::spawn(async move {
        let _ = stdin.write_all(input.as_bytes()).await;
    });
    Ok((Watcher::default(), put))
}

async fn put_some(fleet: &Fleet, records: usize) -> Result<()> {
    let mut put = fleet
        .command(&["put", "--stream", &fleet.stream, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = put.stdin.take().ok_or("no pipe")?;
    for line in packages()?.lines().take(records) {
        stdin.write_all(line.as_bytes()).await?;
        stdin.write_all(b"\n").await?;
    }
    drop(stdin);
    put.wait().await?;
    Ok(())
}

fn start(fleet: &Fleet, watcher: &Watcher) -> Result<Process> {
    let mut worker = fleet.worker(Stdio::piped(), &[])?;
    watcher.watch(worker.child.stdout.take().ok_or("no pipe")?);
    Ok(worker)
}

/// The shards of a worker, once it has its half of them.
async fn wait_for_shares(fleet: &Fleet, worker: &Process) -> Result<BTreeSet<String>> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let state = State::read(fleet, "shards").await?;
        let held = state.held_by(worker.pid());
        if held.len() == 2 && state.workers.len() == 2 {
            return Ok(held.into_iter().collect());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err("the shares did not settle".into())
}

/// The worker that reads these shards.
fn owner(watcher: &Watcher, shards: &BTreeSet<String>) -> Result<String> {
    let lines = watcher.lines();
    let last = lines.iter().rfind(|line| shards.contains(&line.shard));
    Ok(last.ok_or("nothing came of these shards")?.worker.clone())
}

async fn wait_for(watcher: &Watcher, wanted: impl Fn(&Line) -> bool) -> Result<Line> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(line) = watcher.lines().iter().find(|line| wanted(line)) {
            return Ok(line.clone());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Err("nothing came in time".into())
}

/// How many records came out more than once.
fn twice(watcher: &Watcher) -> usize {
    let lines = watcher.lines();
    let unique: BTreeSet<_> = lines.iter().map(|line| (&line.shard, &line.sequence)).collect();
    lines.len() - unique.len()
}
