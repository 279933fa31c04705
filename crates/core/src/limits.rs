//! How much one write of a store can hold.

use crate::change::{Chain, Change, Edit, Effect, Guard, LeaseUpdate, Update};

/// The room of one write, and what each part of it takes.
///
/// The coordinator fills a write up to its room and leaves the rest to the next one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The room of one write, in units that mean something to the store alone.
    pub room: u32,
    /// The least that any edit takes: its condition.
    pub least: u32,
    /// Touching an entry at all. What follows comes on top.
    pub entry: u32,
    /// Anything under [`Guard::Tenure`].
    pub tenure: u32,
    /// A checkpoint.
    pub checkpoint: u32,
    /// A new date for Node consumers.
    pub dated: u32,
    /// A tenure of the writer.
    pub take: u32,
    /// A tenure of another worker.
    pub give: u32,
    /// The end of a tenure.
    pub release: u32,
    /// The end of a shard.
    pub end: u32,
    /// Other parents.
    pub parents: u32,
    /// An entry made under a condition; nothing comes on top.
    pub insert: u32,
    /// An entry made if there is none; nothing comes on top.
    pub track: u32,
    /// An entry removed; nothing comes on top.
    pub forget: u32,
    /// A worker that must be absent.
    pub absent: u32,
    /// A fan-out slot of an evicted worker.
    pub slot: u32,
}

impl Limits {
    /// Any number of edits in one write.
    pub const NONE: Limits = Limits {
        room: u32::MAX,
        least: 0,
        entry: 0,
        tenure: 0,
        checkpoint: 0,
        dated: 0,
        take: 0,
        give: 0,
        release: 0,
        end: 0,
        parents: 0,
        insert: 0,
        track: 0,
        forget: 0,
        absent: 0,
        slot: 0,
    };

    /// What an edit takes of the room. `gives`: a tenure in it is another worker's.
    pub fn cost(&self, edit: &Edit, gives: bool) -> u32 {
        let update = match &edit.effect {
            Effect::Track(_) => return self.track,
            Effect::Insert(_) => return self.insert,
            Effect::Forget => return self.forget,
            Effect::Set(update) => update,
        };
        let (guard, least) = match edit.guard {
            Guard::Tenure(_) => (self.tenure, self.least),
            Guard::Ended(_) => (self.forget.saturating_sub(self.least), self.forget),
            _ => (0, self.least),
        };
        (self.entry + guard + self.of_update(update, gives)).max(least)
    }

    fn of_update(&self, update: &Update, gives: bool) -> u32 {
        let lease = match update.lease {
            LeaseUpdate::Keep => 0,
            LeaseUpdate::Extend { .. } => self.dated,
            LeaseUpdate::Assign { .. } if gives => self.give,
            LeaseUpdate::Assign { .. } => self.take,
            LeaseUpdate::Free { .. } => self.release,
        };
        let when = |there: bool, cost| if there { cost } else { 0 };
        lease
            + when(update.progress.is_some(), self.checkpoint)
            + when(update.ended, self.end)
            + when(update.parents.is_some(), self.parents)
    }

    /// What a change takes of the room. A change that brings a whole state takes nothing: its
    /// parts are not written one by one.
    pub fn used(&self, change: &Change) -> u32 {
        if matches!(change.chain, Chain::Create { .. } | Chain::Reset { .. }) {
            return 0;
        }
        let edits = change.shards.values().map(|edit| self.cost(edit, change.gives(edit)));
        let absent = change.absent.iter().map(|_| self.absent);
        let slots = change.evict.iter().flat_map(|e| &e.slots).map(|_| self.slot);
        edits.chain(absent).chain(slots).fold(0, u32::saturating_add)
    }
}
