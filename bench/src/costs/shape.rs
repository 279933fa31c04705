//! How large a group is, and what it has to do.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A stream's shards and a group's workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub shards: u32,
    pub workers: u32,
}

/// What arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing, ever.
    Idle,
    /// A record a second in each shard.
    Busy,
}

/// `100/10`: 100 shards, 10 workers.
impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || format!("{text} is not SHARDS/WORKERS, as in 100/10");
        let (shards, workers) = text.split_once('/').ok_or_else(wrong)?;
        let shape = Self {
            shards: shards.parse().map_err(|_| wrong())?,
            workers: workers.parse().map_err(|_| wrong())?,
        };
        match shape.workers > 0 && shape.shards.is_multiple_of(shape.workers) {
            true => Ok(shape),
            false => {
                Err(format!("{text}: each worker is to have the same number of shards").into())
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shards, self.workers)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Load::Idle => "idle",
            Load::Busy => "busy",
        })
    }
}
