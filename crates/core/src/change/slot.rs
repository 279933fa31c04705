//! What happens to a fan-out slot.

use std::collections::BTreeMap;

use crate::id::{SlotName, Version, WorkerId};
use crate::snapshot::{Slot, Snapshot};

/// What happens to a fan-out slot, and under which condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlotEdit {
    /// Makes the entry. Refused when there is one.
    Add {
        /// The ARN of the registered consumer.
        arn: String,
        /// Whether it serves standalone workers.
        standalone: bool,
    },
    /// Removes the entry. Refused unless nobody uses it and its version is this one.
    Drop(Version),
    /// The writer uses it from now on. Refused unless nobody does and its version is this one.
    Take {
        /// The version that was seen.
        seen: Version,
        /// The writer keeps its shards in it: it gets a map for them if it has none.
        home: bool,
    },
    /// Nobody uses it any more. Refused unless this worker does, and its version is this one.
    Free {
        /// Who uses it.
        user: WorkerId,
        /// The version that was seen.
        seen: Version,
    },
}

impl SlotEdit {
    /// What frees every slot that a worker uses.
    pub fn freeing(state: &Snapshot, user: &WorkerId) -> BTreeMap<SlotName, SlotEdit> {
        let used = state.slots.iter().filter(|(_, slot)| slot.used_by.as_ref() == Some(user));
        let free = |slot: &Slot| SlotEdit::Free { user: user.clone(), seen: slot.version.clone() };
        used.map(|(name, slot)| (name.clone(), free(slot))).collect()
    }

    /// Whether the condition holds for the slot's entry.
    pub fn holds(&self, entry: Option<&Slot>) -> bool {
        let is = |user: Option<&WorkerId>, seen: &Version| {
            entry.is_some_and(|slot| slot.used_by.as_ref() == user && slot.version == *seen)
        };
        match self {
            SlotEdit::Add { .. } => entry.is_none(),
            SlotEdit::Drop(seen) | SlotEdit::Take { seen, .. } => is(None, seen),
            SlotEdit::Free { user, seen } => is(Some(user), seen),
        }
    }

    pub(super) fn carry_out(
        &self,
        name: &SlotName,
        writer: &WorkerId,
        stamp: &Version,
        slots: &mut BTreeMap<SlotName, Slot>,
    ) {
        match self {
            SlotEdit::Add { arn, standalone } => {
                slots.insert(name.clone(), Slot::new(arn, *standalone, stamp.clone()));
            }
            SlotEdit::Drop(_) => drop(slots.remove(name)),
            SlotEdit::Take { home, .. } => {
                if let Some(slot) = slots.get_mut(name) {
                    slot.used_by = Some(writer.clone());
                    slot.version = stamp.clone();
                    if *home {
                        slot.shards.get_or_insert_default();
                    }
                }
            }
            SlotEdit::Free { .. } => {
                if let Some(slot) = slots.get_mut(name) {
                    slot.used_by = None;
                    slot.version = stamp.clone();
                }
            }
        }
    }
}
