//! A command that handles the records.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use kinfolk::{Batch, Consumer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

use super::{Ack, Format, Next, leave, line::Line, next};
use crate::exit::{Failure, Outcome};
use crate::output;

/// How many records a command may have without having acknowledged them.
const AHEAD: usize = 1_000;
/// How long a command may take to end once its input has.
const GRACE: Duration = Duration::from_secs(5);

/// A command at work. Dropping it kills it.
pub(super) struct Child {
    process: tokio::process::Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    line: Line,
    ack: Ack,
    /// What is still to be written.
    unwritten: Bytes,
    /// Batches that it has got, oldest first, and how many records of each are acknowledged.
    got: VecDeque<(Batch, usize)>,
}

/// Why feeding stopped.
enum End {
    Asked,
    ChildGone,
}

impl Child {
    pub(super) fn start(
        program: &str,
        arguments: &[String],
        format: Format,
        ack: Ack,
    ) -> Result<Self, Failure> {
        let cannot = |error: io::Error| {
            Failure::setup(format!("cannot run {program}"))
                .because(error)
                .hint("the command after -- must be a program on the PATH, or a path to one")
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().map_err(cannot)?;
        let piped = || Failure::failed(format!("cannot talk to {program}"));
        let stdin = Some(process.stdin.take().ok_or_else(piped)?);
        let stdout = process.stdout.take().ok_or_else(piped)?;
        Ok(Self {
            process,
            stdin,
            lines: BufReader::new(stdout).lines(),
            line: Line { format, escaped: false },
            ack,
            unwritten: Bytes::new(),
            got: VecDeque::new(),
        })
    }

    /// Feeds it until it is time to stop, then lets it finish what it has got.
    pub(super) async fn feed(
        mut self,
        consumer: &Consumer,
        idle: Option<Duration>,
        stop: impl Future<Output = ()>,
    ) -> Outcome {
        let end = self.work(consumer, idle, stop).await?;
        if let End::ChildGone = end {
            self.got.clear();
            let left = leave(consumer).await;
            let status = self.process.wait().await.map(|status| status.to_string());
            let status = status.unwrap_or_else(|error| error.to_string());
            left?;
            let message = format!("the command ended by itself ({status})");
            let hint = "what it had not acknowledged comes again to whoever goes on";
            return Err(Failure::failed(message).hint(hint));
        }
        let left = {
            let leaving = leave(consumer);
            tokio::pin!(leaving);
            loop {
                tokio::select! {
                    biased;
                    left = &mut leaving => break left,
                    end = self.turn() => if end?.is_some() {
                        self.got.clear();
                        break leaving.await;
                    },
                }
            }
        };
        self.stdin = None;
        if tokio::time::timeout(GRACE, self.process.wait()).await.is_err() {
            output::note("the command did not end with its input: it is killed");
        }
        left
    }

    async fn work(
        &mut self,
        consumer: &Consumer,
        idle: Option<Duration>,
        stop: impl Future<Output = ()>,
    ) -> Result<End, Failure> {
        tokio::pin!(stop);
        loop {
            let room = self.unwritten.is_empty() && self.in_hands() < AHEAD;
            tokio::select! {
                biased;
                () = &mut stop => return Ok(End::Asked),
                end = self.turn() => if let Some(end) = end? { return Ok(end) },
                records = next(consumer, idle), if room => match records {
                    Next::Records(batch) => self.give(batch)?,
                    // Nothing came, but it may still work on what it has.
                    Next::Idle if self.got.is_empty() => return Ok(End::Asked),
                    Next::Idle => {}
                    Next::Over => return Ok(End::Asked),
                },
            }
        }
    }

    fn in_hands(&self) -> usize {
        self.got.iter().map(|(batch, acked)| batch.len() - acked).sum()
    }

    fn give(&mut self, batch: Batch) -> Result<(), Failure> {
        let mut text = Vec::new();
        for record in batch.iter() {
            let written = self.line.write(&mut text, &batch, record);
            written.map_err(|error| Failure::failed("cannot write a record").because(error))?;
        }
        self.unwritten = text.into();
        self.got.push_back((batch, 0));
        Ok(())
    }

    /// Writes or reads whatever is possible. Both at once: a command that waits for its output to
    /// be read does not read its input. Cancel safe: what was written of `unwritten` is gone
    /// from it.
    async fn turn(&mut self) -> Result<Option<End>, Failure> {
        let written = async {
            match &mut self.stdin {
                Some(stdin) if !self.unwritten.is_empty() => {
                    stdin.write_all_buf(&mut self.unwritten).await?;
                    stdin.flush().await
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            line = self.lines.next_line() => match line {
                Ok(Some(line)) => { self.take(&line)?; Ok(None) }
                Ok(None) | Err(_) => Ok(Some(End::ChildGone)),
            },
            written = written => match written {
                Ok(()) => {
                    if self.ack == Ack::Written {
                        self.got.drain(..).for_each(|(batch, _)| { batch.ack(); });
                    }
                    Ok(None)
                }
                Err(_) => Ok(Some(End::ChildGone)),
            },
        }
    }

    fn take(&mut self, line: &str) -> Result<(), Failure> {
        if line != "ack" || self.ack == Ack::Written {
            return output::print(format_args!("{line}\n"));
        }
        let Some((batch, acked)) = self.got.front_mut() else {
            return Err(Failure::failed("the command acknowledged more records than it got")
                .hint("it must write one line `ack` for each line that it reads"));
        };
        batch.ack_through(*acked);
        *acked += 1;
        if *acked == batch.len() {
            self.got.pop_front();
        }
        Ok(())
    }
}
