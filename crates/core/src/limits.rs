//! How much one write of a store can hold.

use crate::change::{Edit, Effect, Guard, LeaseUpdate, Update};

/// The room of one write, and what each kind of edit takes of it.
///
/// The coordinator fills a write up to its room and leaves the rest to the next one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The room of one write, in units that mean something to the store alone.
    pub room: u32,
    /// A checkpoint.
    pub checkpoint: u32,
    /// A checkpoint that also moves the date for Node consumers.
    pub dated: u32,
    /// Anything under [`Guard::Tenure`].
    pub tenure: u32,
    /// A shard taken by the writer.
    pub take: u32,
    /// A shard given to another worker.
    pub give: u32,
    /// A shard made free.
    pub release: u32,
    /// A shard of an evicted worker.
    pub evict: u32,
    /// An entry made under a condition: a child, with all its attributes.
    pub insert: u32,
    /// An entry made if there is none.
    pub track: u32,
    /// An entry removed.
    pub forget: u32,
}

impl Limits {
    /// Any number of edits in one write.
    pub const NONE: Limits = Limits {
        room: u32::MAX,
        checkpoint: 0,
        dated: 0,
        tenure: 0,
        take: 0,
        give: 0,
        release: 0,
        evict: 0,
        insert: 0,
        track: 0,
        forget: 0,
    };

    /// What an edit by a worker takes of the room.
    pub fn cost(&self, edit: &Edit, gives: bool) -> u32 {
        match (&edit.guard, &edit.effect) {
            (_, Effect::Track(_)) => self.track,
            (_, Effect::Insert(_)) => self.insert,
            (_, Effect::Forget) => self.forget,
            (Guard::OwnedBy(_), _) => self.evict,
            (Guard::Tenure(_), _) => self.tenure,
            (_, Effect::Set(Update { lease, .. })) => match lease {
                LeaseUpdate::Keep => self.checkpoint,
                LeaseUpdate::Extend { .. } => self.dated,
                LeaseUpdate::Assign { .. } if gives => self.give,
                LeaseUpdate::Assign { .. } => self.take,
                LeaseUpdate::Free { .. } => self.release,
            },
        }
    }
}
