//! What came out, against what was put: the verdict of a run.
#![allow(clippy::print_stdout, reason = "programs that print what they saw")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use kinfolk::core::sequence::SequenceNumber;
use tokio::time::sleep;

use crate::{Line, Result, State};

/// Runs something that keeps its files in a folder of its own, which stays where it fails.
pub async fn in_folder(name: &str, run: impl AsyncFnOnce(&Path) -> Result<()>) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("kinfolk-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = run(&folder).await;
    match &result {
        Ok(()) => std::fs::remove_dir_all(&folder)?,
        Err(_) => println!("what was put and what came out is kept in {}", folder.display()),
    }
    result
}

/// What was stored when the worker was killed.
pub struct Kill {
    pub worker: String,
    /// The checkpoint of each shard that it held.
    pub stored: BTreeMap<String, Option<String>>,
}

impl Kill {
    /// What a state says of the worker with this process id.
    pub fn of(state: &State, pid: Option<u32>) -> Result<Self> {
        let worker = pid.and_then(|pid| state.workers.get(&pid));
        let worker = worker.ok_or("the killed worker is unknown")?.clone();
        let held = state.held_by(pid).into_iter();
        let stored = held.map(|shard| {
            let checkpoint = state.checkpoints.get(&shard).cloned();
            (shard, checkpoint)
        });
        Ok(Self { worker, stored: stored.collect() })
    }

    /// The shards that it held, for people.
    pub fn held(&self) -> String {
        self.stored.keys().cloned().collect::<Vec<_>>().join(", ")
    }
}

/// Waits until as many different records came out as were put, or nothing came for 20 seconds.
pub async fn wait_for_all(out_file: &Path, records: usize) -> Result<()> {
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
pub fn read(out_file: &Path) -> Result<Vec<Line>> {
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

/// Prints the verdict on one file of output, and fails unless every record came out, in order for
/// each key, and only what the killed worker had not stored came out twice.
pub fn check(input: &str, out_file: &Path, kill: &Kill) -> Result<()> {
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
