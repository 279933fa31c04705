//! What the runs share: the local servers, the stream's input, workers as processes of the real
//! binary, and what is known of the group's state.
#![allow(clippy::disallowed_methods, reason = "runs are timed by the clock of this machine")]
#![allow(missing_docs, reason = "fields that say what they are")]

mod check;
mod clients;
pub mod costs;
mod fleet;
mod input;
pub mod mixed;
mod output;
mod state;

pub use check::{Kill, check, in_folder, read, wait_for_all};
pub use fleet::{Fleet, Keep, Process, Signal};
pub use input::packages;
pub use output::{Line, Watcher};
pub use state::State;

/// What ends a run early.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The result of a part of a run.
pub type Result<T> = std::result::Result<T, Error>;
