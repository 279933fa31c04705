//! The processes of a mixed group.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::process::Command;

use super::{History, Moment};
use crate::{Fleet, Process, Result, Signal};

/// How often a Node consumer looks for leases: an option of the library, 20 s by default.
const NODE_LOOKS_MS: u32 = 2_000;

/// Whose process it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Node,
}

/// A process of the group, and how it went.
pub struct Member {
    pub name: String,
    pub kind: Kind,
    pub pid: u32,
    pub log: PathBuf,
    /// When it was told to go, or killed.
    pub gone: Option<SystemTime>,
    /// The item when it was gone.
    pub left: Option<Moment>,
    process: Process,
}

/// Starts and ends the members of a group.
pub struct Crew<'a> {
    pub fleet: &'a Fleet,
    pub history: &'a History,
    pub members: Vec<Member>,
    folder: &'a Path,
    out: PathBuf,
}

impl<'a> Crew<'a> {
    /// A crew whose members append what comes out to one file.
    pub fn new(fleet: &'a Fleet, history: &'a History, folder: &'a Path, out: &Path) -> Self {
        Self { fleet, history, members: Vec::new(), folder, out: out.to_owned() }
    }

    /// Starts a worker of ours, or a Node consumer.
    pub fn start(&mut self, name: &str, kind: Kind) -> Result<()> {
        let log = self.folder.join(format!("{name}.log"));
        let errors = File::create(&log)?;
        let process = match kind {
            Kind::Ours => {
                let out = OpenOptions::new().create(true).append(true).open(&self.out)?;
                self.fleet.worker_with(out, errors, &["-v"])?
            }
            Kind::Node => Process { child: self.node(errors)?.spawn()? },
        };
        let pid = process.pid().ok_or("a process without id")?;
        let (name, gone, left) = (name.to_owned(), None, None);
        self.members.push(Member { name, kind, pid, log, gone, left, process });
        Ok(())
    }

    fn node(&self, errors: File) -> Result<Command> {
        let local = &self.fleet.local;
        let at = |endpoint: String| {
            json!({
                "accessKeyId": "local",
                "secretAccessKey": "local",
                "region": local.region(),
                "endpoint": endpoint,
            })
        };
        let mut options = json!({
            "dynamoDb": at(local.dynamodb_endpoint()),
            "streamName": self.fleet.stream,
            "consumerGroup": self.fleet.group,
            "initialPositionInStream": "TRIM_HORIZON",
            "leaseAcquisitionInterval": NODE_LOOKS_MS,
            "noRecordsPollDelay": 250,
        });
        if let (Some(options), serde_json::Value::Object(kinesis)) =
            (options.as_object_mut(), at(local.kinesis_endpoint()))
        {
            options.extend(kinesis);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop/lifion");
        let mut command = Command::new("node");
        command
            .current_dir(folder)
            .args(["consumer.js", &options.to_string()])
            .arg(&self.out)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors);
        Ok(command)
    }

    /// Sends a signal that ends a member, and waits until it has.
    pub async fn end(&mut self, name: &str, signal: Signal) -> Result<()> {
        let (history, mut members) = (self.history, self.members.iter_mut());
        let member = members.find(|member| member.name == name && member.gone.is_none());
        let member = member.ok_or_else(|| format!("there is no {name}"))?;
        member.gone = Some(SystemTime::now());
        member.process.send(signal)?;
        let status = member.process.child.wait().await?;
        if signal == Signal::TERM && !status.success() {
            return Err(format!("{name} was stopped and ended with {status}").into());
        }
        // What it wrote last is in the next look.
        tokio::time::sleep(Duration::from_millis(500)).await;
        member.left = history.last();
        Ok(())
    }

    /// Fails if a member has ended by itself.
    pub fn are_alive(&mut self) -> Result<()> {
        for member in self.members.iter_mut().filter(|member| member.gone.is_none()) {
            if let Some(status) = member.process.child.try_wait()? {
                return Err(format!("{} ended by itself with {status}", member.name).into());
            }
        }
        Ok(())
    }

    /// How many open shards each living member holds, and how many there are.
    pub fn shares(&self) -> (Vec<(String, usize)>, usize) {
        let Some(last) = self.history.last() else { return (Vec::new(), 0) };
        let living = self.members.iter().filter(|member| member.gone.is_none());
        let shares = living.map(|member| {
            let held = last.id_of(member.pid).map_or(0, |id| last.held_by(id));
            (member.name.clone(), held)
        });
        (shares.collect(), last.open())
    }

    /// Whether the shares are as even as they can be.
    pub fn is_even(&self) -> bool {
        let (shares, open) = self.shares();
        let (few, many) = (open / shares.len().max(1), open.div_ceil(shares.len().max(1)));
        let held: usize = shares.iter().map(|(_, held)| held).sum();
        held == open && shares.iter().all(|(_, held)| (few..=many).contains(held))
    }
}
