//! Live consumers of Node's `lifion-kinesis` and workers of ours in one group: the members, what
//! the group's item showed while they ran, and the verdict.
#![allow(clippy::print_stdout, reason = "a program that prints what it saw")]

mod history;
mod member;
mod verdict;

pub use history::{Entry, History, Moment};
pub use member::{Crew, Kind, Member};
pub use verdict::Verdict;
