//! What workers wrote.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::task::JoinHandle;

use crate::Result;

/// A line of a worker's output.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    pub shard: String,
    pub sequence: String,
    pub key: String,
    pub worker: String,
    pub epoch: u64,
    pub data: String,
}

impl Line {
    /// Reads a line of `kinfolk consume --format json`.
    pub fn parse(text: &str, at: Instant) -> Result<Self> {
        let object: serde_json::Value = serde_json::from_str(text)?;
        let field = |name: &str| -> Result<String> {
            let value = object.get(name).and_then(|value| value.as_str());
            Ok(value.ok_or_else(|| format!("a line without {name}"))?.to_owned())
        };
        let epoch = object.get("epoch").and_then(|epoch| epoch.as_u64());
        Ok(Self {
            at,
            shard: field("shard")?,
            sequence: field("sequence")?,
            key: field("partition_key")?,
            worker: field("worker")?,
            epoch: epoch.ok_or("a line without epoch")?,
            data: field("data")?,
        })
    }
}

/// Reads workers' pipes as they write.
#[derive(Clone, Debug, Default)]
pub struct Watcher(Arc<Mutex<Vec<Line>>>);

impl Watcher {
    /// Reads a pipe until it ends. A line that a killed worker left half written is dropped.
    pub fn watch(&self, pipe: ChildStdout) -> JoinHandle<()> {
        let lines = self.0.clone();
        tokio::spawn(async move {
            let mut pipe = BufReader::new(pipe).lines();
            while let Ok(Some(text)) = pipe.next_line().await {
                if let Ok(line) = Line::parse(&text, Instant::now()) {
                    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            }
        })
    }

    /// All lines so far, in the order in which they were read.
    pub fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
