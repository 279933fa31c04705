//! What a group's state costs in DynamoDB: units of ours, counted, and of the Node library's rules.

mod beats;
mod group;
mod log;
mod node_rules;
mod shape;
mod stream;
mod table;

use kinfolk_local::Units;

pub use group::Group;
pub use node_rules::{NodeItem, Often, Rule};
pub use shape::{Load, Shape};
pub use table::{figures, rules};

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

/// What the same costs by the rules of the Node library.
#[derive(Clone, Debug)]
pub struct Theirs {
    pub shape: Shape,
    pub load: Load,
    /// The size of the item in bytes.
    pub bytes: u64,
    /// The units of one call of each rule.
    pub calls: Vec<(Rule, Units)>,
    pub an_hour: Units,
}
