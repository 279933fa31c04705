//! A worker of the demo: a process of this very program.

use std::io;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::happening::Happening;
use super::servers::Servers;
use crate::exit::Failure;

/// When a worker without records goes by itself: if this process dies too suddenly to end it.
const ORPHAN_SECONDS: &str = "120";

/// What a worker process is made to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Die at once, without a chance to say anything: SIGKILL.
    Kill,
    /// Hand over and go: SIGTERM.
    Leave,
}

/// What is needed of a line that `kinfolk consume` writes.
#[derive(Debug, Deserialize)]
struct Line {
    shard: String,
    sequence: String,
    sub_sequence: u64,
}

/// Starts a worker. Dropping it kills it.
pub(super) fn start(servers: &Servers, stream: &str, group: &str) -> Result<Child, Failure> {
    let cannot = |error: io::Error| Failure::failed("cannot start a worker").because(error);
    let mut command = Command::new(std::env::current_exe().map_err(cannot)?);
    command
        .args(["consume", "--stream", stream, "--group", group])
        .args(["--from", "trim-horizon", "--format", "json"])
        .args(["--idle-exit", ORPHAN_SECONDS])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    servers.point(&mut command);
    if std::env::var_os("RUST_LOG").is_none() {
        // The demo itself tells what happens.
        command.env("RUST_LOG", "error");
    }
    command.spawn().map_err(cannot)
}

/// Carries orders out and passes on what the worker says, until its process has ended.
pub(super) async fn attend(
    worker: usize,
    mut child: Child,
    mut orders: mpsc::Receiver<Order>,
    say: mpsc::Sender<Happening>,
) -> Result<(), Failure> {
    let (Some(out), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::failed("a worker has no output"));
    };
    let mut lines = BufReader::new(out).split(b'\n');
    let mut errors = BufReader::new(errors).split(b'\n');
    let (mut more_lines, mut more_errors, mut killed) = (true, true, false);
    while more_lines || more_errors {
        let happening = tokio::select! {
            biased;
            Some(order) = orders.recv() => {
                obey(&mut child, order);
                if order == Order::Leave {
                    continue;
                }
                killed = true;
                Happening::Killed { worker }
            }
            line = lines.next_segment(), if more_lines => match line {
                Ok(Some(line)) => match handled(worker, &line) {
                    Some(happening) => happening,
                    // Death cut it off.
                    None if killed => continue,
                    None => said(worker, &line),
                },
                Ok(None) | Err(_) => { more_lines = false; continue }
            },
            line = errors.next_segment(), if more_errors => match line {
                Ok(Some(line)) => said(worker, &line),
                Ok(None) | Err(_) => { more_errors = false; continue }
            },
        };
        // Nobody listens once the demo is over.
        let _ = say.send(happening).await;
    }
    let failed = match child.wait().await {
        Ok(status) if status.success() => None,
        Ok(status) => Some(status.to_string()),
        Err(error) => Some(error.to_string()),
    };
    let _ = say.send(Happening::Gone { worker, failed }).await;
    Ok(())
}

fn handled(worker: usize, line: &[u8]) -> Option<Happening> {
    let Line { shard, sequence, sub_sequence } = serde_json::from_slice(line).ok()?;
    Some(Happening::Handled { worker, id: (shard, sequence, sub_sequence) })
}

fn said(worker: usize, line: &[u8]) -> Happening {
    Happening::Said { worker, text: String::from_utf8_lossy(line).into_owned() }
}

/// A process that has ended already needs no order.
fn obey(child: &mut Child, order: Order) {
    #[cfg(unix)]
    if order == Order::Leave {
        use rustix::process::{Pid, Signal, kill_process};
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        return;
    }
    let _ = child.start_kill();
}
