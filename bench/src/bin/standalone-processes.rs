//! Two processes, each of which reads every shard of a busy stream by itself, under a name; one is
//! killed and started again under its name; a shard is split. Then the output of each is checked
//! against what was put: all of it, in order for each key, and nothing twice but what the killed
//! process had not stored.
//!
//! With the argument `fan-out` each takes a fan-out consumer, too.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints what it saw"
)]

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk_bench::{
    Fleet, Kill, Process, Result, Signal, State, check, in_folder, packages, read, wait_for_all,
};
use tokio::time::sleep;

/// Keeps the stream busy for 40 seconds.
const RATE: u32 = 500;
const NAMES: [&str; 2] = ["first", "second"];

#[tokio::main]
async fn main() -> Result<()> {
    in_folder("standalone", run).await
}

async fn run(folder: &Path) -> Result<()> {
    let fan_out = match std::env::args().nth(1).as_deref() {
        None | Some("polling") => false,
        Some("fan-out") => true,
        Some(other) => return Err(format!("expected polling or fan-out, not {other}").into()),
    };
    let input = packages()?;
    std::fs::write(folder.join("put.ndjson"), &input)?;
    let kill = Play { folder, fan_out }.run(input.lines().count()).await?;
    for name in NAMES {
        println!("{name}:");
        check(&input, &output(folder, name), &kill)?;
    }
    let again = read(&output(folder, NAMES[1]))?.len() - input.lines().count();
    match again {
        0 => Ok(()),
        _ => Err("something came out twice of the process that ran all the time".into()),
    }
}

/// Where a process writes. What is started again under its name goes on in the same file.
fn output(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.ndjson"))
}

struct Play<'a> {
    folder: &'a Path,
    fan_out: bool,
}

impl Play<'_> {
    async fn run(&self, records: usize) -> Result<Kill> {
        let fleet = Fleet::start("packages", "alone").await?;
        let begin = Instant::now();
        let say = |what: &str| println!("{:6.1} s  {what}", begin.elapsed().as_secs_f32());
        fleet.create_stream(4).await?;
        let (mut first, mut second) =
            (self.start(&fleet, NAMES[0])?, self.start(&fleet, NAMES[1])?);
        let rate = RATE.to_string();
        let arguments =
            ["put", "--stream", &fleet.stream, "--key", "version", "--rate", &rate, "-"];
        let put = File::open(self.folder.join("put.ndjson"))?;
        let mut put = fleet.command(&arguments).stdin(put).stdout(Stdio::null()).spawn()?;
        say(&format!("two standalone processes, fan-out {}; {records} records", self.fan_out));

        sleep(Duration::from_secs(10)).await;
        fleet.run(&["stream", "split", &fleet.stream, "shardId-000000000001"]).await?;
        say("a shard is split");

        sleep(Duration::from_secs(5)).await;
        let pid = first.pid();
        first.send(Signal::KILL)?;
        first.child.wait().await?;
        let place = format!("kfPlace:{}", NAMES[0]);
        let kill = Kill::of(&State::read(&fleet, &place).await?, pid)?;
        say(&format!("{} is killed; it read {}", NAMES[0], kill.held()));

        sleep(Duration::from_secs(2)).await;
        let mut again = self.start(&fleet, NAMES[0])?;
        say(&format!("{} is started again", NAMES[0]));

        if !put.wait().await?.success() {
            return Err("not every record was put".into());
        }
        say("all is put");
        for name in NAMES {
            wait_for_all(&output(self.folder, name), records).await?;
        }
        for process in [&mut again, &mut second] {
            process.send(Signal::TERM)?;
            if !process.child.wait().await?.success() {
                return Err("a process that is stopped must end well".into());
            }
        }
        say("both are stopped");
        Ok(kill)
    }

    fn start(&self, fleet: &Fleet, name: &str) -> Result<Process> {
        let mut file = OpenOptions::new();
        let file = file.create(true).append(true).open(output(self.folder, name))?;
        let mut arguments = vec!["--standalone", "--name", name];
        if self.fan_out {
            arguments.extend(["--fan-out", "2"]);
        }
        fleet.worker(file, &arguments)
    }
}
