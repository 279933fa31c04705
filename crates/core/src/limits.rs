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
    /// A fan-out slot.
    pub slot: u32,
    /// Each attribute of an entry in a home that is inside another entry.
    pub nested: u32,
    /// How much the store takes of all workers together.
    pub throughput: Throughput,
}

/// How much a store takes, where a write and a look cost as much as the state is large.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Throughput {
    /// How many KB all workers may write in a second; each write counts with the whole state.
    pub written_kb: u64,
    /// How many KB all workers may read in a second.
    pub read_kb: u64,
    /// The largest state, in bytes.
    pub most_bytes: u64,
}

impl Throughput {
    /// A store that asks nobody to hold back.
    pub const NONE: Throughput =
        Throughput { written_kb: u64::MAX, read_kb: u64::MAX, most_bytes: u64::MAX };
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
        nested: 0,
        throughput: Throughput::NONE,
    };

    /// What an edit of a change takes of the room.
    pub fn cost(&self, edit: &Edit, change: &Change) -> u32 {
        let nested = match change.home.is_nested() {
            true => self.nested * paths(edit),
            false => 0,
        };
        self.flat(edit, change.gives(edit)) + nested
    }

    fn flat(&self, edit: &Edit, gives: bool) -> u32 {
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
        let edits = change.shards.values().map(|edit| self.cost(edit, change));
        let absent = change.absent.iter().map(|_| self.absent);
        let slots = change.slots.iter().map(|_| self.slot);
        edits.chain(absent).chain(slots).fold(0, u32::saturating_add)
    }
}

/// How many attributes an edit touches, at most.
fn paths(edit: &Edit) -> u32 {
    let update = match &edit.effect {
        Effect::Track(_) | Effect::Insert(_) => return 2,
        Effect::Forget => return 1,
        Effect::Set(update) => update,
    };
    let lease = match update.lease {
        LeaseUpdate::Keep => 0,
        LeaseUpdate::Extend { .. } => 1,
        LeaseUpdate::Assign { .. } => 4,
        LeaseUpdate::Free { .. } => 3,
    };
    let count = |there: bool, paths| if there { paths } else { 0 };
    1 + lease
        + count(update.progress.is_some(), 3)
        + count(update.ended, 1)
        + count(update.parents.is_some(), 2)
}
