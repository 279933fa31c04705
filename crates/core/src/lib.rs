//! Decisions of Kinfolk's consumer groups, and nothing else: no I/O, no clock, no randomness, no
//! logging. Everything here can be tested in microseconds and searched by a model checker.
//!
//! A worker *looks* (reads a [`snapshot`] of the group), the [`coordinate`] module *decides*, and
//! the shell *commits* each [`change`]. The shell is the crate `kinfolk`.

pub mod ack;
pub mod backoff;
pub mod balance;
pub mod change;
pub mod coordinate;
pub mod ending;
pub mod event;
pub mod id;
pub mod invariants;
pub mod limits;
pub mod reader;
pub mod sequence;
pub mod snapshot;
pub mod time;
pub mod topology;
