//! Live consumers of Node's `lifion-kinesis` beside workers of ours in one group: some of either
//! kind come, are stopped and are killed while 20,000 real records go through, a shard is split and
//! two are merged. Then the output and the history of the group's item are checked.
//!
//! Takes up to ten minutes, since a Node consumer gives up a lease only when it runs out, after five.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that prints what it saw"
)]

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk_bench::mixed::{Crew, History, Kind, Verdict};
use kinfolk_bench::{Fleet, Result, Signal, in_folder, packages, read, wait_for_all};
use tokio::time::sleep;

/// Keeps the stream busy for five and a half minutes, past the last change of the group.
const RATE: u32 = 60;
/// Node's leases of five minutes, a look, and a margin.
const SETTLES_IN: Duration = Duration::from_secs(345);
/// How long even shares must stay.
const STAYS: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> Result<()> {
    in_folder("mixed", run).await
}

async fn run(folder: &Path) -> Result<()> {
    let input = packages()?;
    let put_file = folder.join("put.ndjson");
    std::fs::write(&put_file, &input)?;
    let fleet = Fleet::start("packages", "mixed").await?;
    let (history, out_file) = (History::default(), folder.join("out.ndjson"));
    let watching = history.watch(fleet.dynamodb.clone(), fleet.group.clone(), fleet.stream.clone());
    let crew = Crew::new(&fleet, &history, folder, &out_file);
    let mut play = Play { crew, begin: Instant::now() };
    play.run(&put_file).await?;
    wait_for_all(&out_file, input.lines().count()).await?;
    play.end().await?;
    watching.abort();
    let (moments, lines) = (history.moments().clone(), read(&out_file)?);
    Verdict::of(&play.crew, &moments, &lines, &input).await
}

struct Play<'a> {
    crew: Crew<'a>,
    begin: Instant,
}

impl Play<'_> {
    async fn run(&mut self, put_file: &Path) -> Result<()> {
        let fleet = self.crew.fleet;
        fleet.create_stream(8).await?;
        self.start("rust-1", Kind::Ours)?;
        self.start("rust-2", Kind::Ours)?;
        self.start("node-1", Kind::Node)?;
        self.start("node-2", Kind::Node)?;
        let rate = RATE.to_string();
        let arguments =
            ["put", "--stream", &fleet.stream, "--key", "version", "--rate", &rate, "-"];
        let mut put =
            fleet.command(&arguments).stdin(File::open(put_file)?).stdout(Stdio::null()).spawn()?;

        self.wait(40).await?;
        fleet.run(&["stream", "split", &fleet.stream, "3"]).await?;
        self.say("a shard is split");

        self.wait(10).await?;
        self.start("rust-3", Kind::Ours)?;

        self.wait(25).await?;
        self.end_one("rust-1", Signal::KILL).await?;

        self.wait(25).await?;
        self.end_one("node-1", Signal::TERM).await?;

        self.wait(15).await?;
        self.start("node-3", Kind::Node)?;

        self.wait(20).await?;
        fleet.run(&["stream", "merge", &fleet.stream, "5", "6"]).await?;
        self.say("two shards are merged");

        self.wait(15).await?;
        self.start("rust-4", Kind::Ours)?;

        self.wait(15).await?;
        self.end_one("rust-2", Signal::TERM).await?;

        self.wait(10).await?;
        self.end_one("node-2", Signal::KILL).await?;
        self.start("node-4", Kind::Node)?;

        let settled = self.settle().await?;
        self.say(&format!("settled {settled} s after the last change of the group"));
        if !put.wait().await?.success() {
            return Err("not every record was put".into());
        }
        self.say("all is put");
        Ok(())
    }

    fn start(&mut self, name: &str, kind: Kind) -> Result<()> {
        self.crew.start(name, kind)?;
        self.say(&format!("{name} starts"));
        Ok(())
    }

    async fn end_one(&mut self, name: &str, signal: Signal) -> Result<()> {
        self.crew.end(name, signal).await?;
        self.say(&format!("{name} is ended by {signal:?}"));
        Ok(())
    }

    /// Stops everybody.
    async fn end(&mut self) -> Result<()> {
        let living = self.crew.members.iter().filter(|member| member.gone.is_none());
        for name in living.map(|member| member.name.clone()).collect::<Vec<_>>() {
            self.end_one(&name, Signal::TERM).await?;
        }
        Ok(())
    }

    /// Waits, and fails if anybody ends by itself or our binary cannot read the item.
    async fn wait(&mut self, seconds: u64) -> Result<()> {
        sleep(Duration::from_secs(seconds)).await;
        self.crew.are_alive()?;
        let fleet = self.crew.fleet;
        let arguments = ["group", "describe", "--stream", &fleet.stream, "--group", &fleet.group];
        fleet.run(&[&arguments[..], &["--no-probe", "--json"]].concat()).await?;
        self.say_shares();
        Ok(())
    }

    /// Waits until the shares are even and stay it; returns after how many seconds they were.
    async fn settle(&mut self) -> Result<u64> {
        let (changed, mut even_since) = (Instant::now(), None);
        while changed.elapsed() < SETTLES_IN {
            sleep(Duration::from_secs(1)).await;
            self.crew.are_alive()?;
            match self.crew.is_even() {
                true => {
                    let since = *even_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= STAYS {
                        self.say_shares();
                        return Ok((since - changed).as_secs());
                    }
                }
                false => even_since = None,
            }
        }
        let (shares, open) = self.crew.shares();
        Err(format!("the shares of {open} shards are not within one: {shares:?}").into())
    }

    fn say(&self, what: &str) {
        println!("{:6.1} s  {what}", self.begin.elapsed().as_secs_f32());
    }

    fn say_shares(&self) {
        let (shares, open) = self.crew.shares();
        let shares: Vec<_> = shares.iter().map(|(name, held)| format!("{name} {held}")).collect();
        self.say(&format!("    {open} open shards: {}", shares.join(", ")));
    }
}
