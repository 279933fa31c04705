//! Decisions of Kinfolk's consumer groups, and nothing else: no I/O, no clock, no randomness.
pub mod ack;
pub mod backoff;
pub mod balance;
pub mod change;
pub mod id;
pub mod limits;
pub mod reader;
pub mod sequence;
pub mod snapshot;
pub mod time;
pub mod topology;
