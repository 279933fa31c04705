//! What a group's state costs in DynamoDB: units of ours, counted.

mod beats;
mod group;
mod log;
mod shape;
mod stream;

use kinfolk_local::Units;

pub use group::Group;
pub use shape::{Load, Shape};

/// What the state of a group of ours costs.
#[derive(Clone, Debug)]
pub struct Ours {
    pub shape: Shape,
    pub load: Load,
    /// The size of the item in bytes.
    pub bytes: u64,
    /// The shortest and the longest period in force, in milliseconds.
    pub period_ms: (u32, u32),
    /// The period as it was, in seconds: from the first write of a beat to that of the next.
    pub measured: f64,
    pub writes_a_beat: f64,
    /// For how long units were counted, in seconds.
    pub window: f64,
    /// Reads and writes within the window that failed, or were refused.
    pub failed: u64,
    pub an_hour: Units,
}
