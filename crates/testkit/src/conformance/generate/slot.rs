//! Random edits of fan-out slots.

use kinfolk_core::change::{Change, SlotEdit};
use kinfolk_core::id::SlotName;
use kinfolk_core::snapshot::{Home, Slot, Snapshot};

use super::super::flaw::Flaw;
use super::Generator;

impl Generator {
    /// Adds edits of slots that fit, or the one that has this flaw.
    pub(super) fn slots(&mut self, change: &mut Change, state: &Snapshot, flaw: Option<Flaw>) {
        if let Some((name, edit)) = self.flawed_slot(change, state, flaw) {
            change.slots.insert(name, edit);
        } else if self.rng.chance(25) {
            let any = |_: &Slot| true;
            let Some((name, slot)) = self.slot(change, state, any) else { return };
            let edit = match (&slot.used_by, self.rng.chance(50)) {
                (Some(user), _) => {
                    SlotEdit::Free { user: user.clone(), seen: slot.version.clone() }
                }
                (None, true) => self.take(slot),
                (None, false) => SlotEdit::Drop(slot.version.clone()),
            };
            change.slots.insert(name.clone(), edit);
        } else if self.rng.chance(10) {
            let name = SlotName::from(format!("fan {}", self.ids.worker()));
            change.slots.insert(name, self.add());
        }
    }

    fn flawed_slot(
        &mut self,
        change: &Change,
        state: &Snapshot,
        flaw: Option<Flaw>,
    ) -> Option<(SlotName, SlotEdit)> {
        let used = |slot: &Slot| slot.used_by.is_some();
        Some(match flaw? {
            Flaw::OthersSlot => {
                let (name, slot) = self.slot(change, state, |_| true)?;
                let free = SlotEdit::Free { user: self.ids.worker(), seen: slot.version.clone() };
                (name.clone(), free)
            }
            Flaw::OtherSlotVersion => {
                let (name, slot) = self.slot(change, state, |_| true)?;
                let seen = self.ids.version();
                let edit = match &slot.used_by {
                    Some(user) => SlotEdit::Free { user: user.clone(), seen },
                    None => SlotEdit::Take { seen, home: false },
                };
                (name.clone(), edit)
            }
            Flaw::SlotGone => ("gone".into(), SlotEdit::Drop(self.ids.version())),
            Flaw::SlotUsed => {
                let home = matches!(change.home, Home::Slot(_));
                let (name, slot) = self.slot(change, state, used).filter(|_| !home)?;
                let edit = match self.rng.chance(50) {
                    true => self.take(slot),
                    false => SlotEdit::Drop(slot.version.clone()),
                };
                (name.clone(), edit)
            }
            Flaw::SlotThere => {
                let home = matches!(change.home, Home::Slot(_));
                let (name, _) = self.slot(change, state, |_| true).filter(|_| !home)?;
                (name.clone(), self.add())
            }
            _ => return None,
        })
    }

    fn add(&mut self) -> SlotEdit {
        SlotEdit::Add { arn: "arn:aws:kinesis:::é".to_owned(), standalone: self.rng.chance(50) }
    }

    fn take(&mut self, slot: &Slot) -> SlotEdit {
        SlotEdit::Take { seen: slot.version.clone(), home: self.rng.chance(50) }
    }

    /// A slot that the change does not touch yet.
    fn slot<'s>(
        &mut self,
        change: &Change,
        state: &'s Snapshot,
        fits: impl Fn(&Slot) -> bool,
    ) -> Option<(&'s SlotName, &'s Slot)> {
        // What is in the slot that the change edits shards in can be freed, and no more.
        let free = state.slots.iter().filter(|(name, slot)| {
            let home = matches!(&change.home, Home::Slot(home) if home == *name);
            (!home || slot.used_by.is_some()) && !change.slots.contains_key(*name)
        });
        self.rng.pick(free.filter(|(_, slot)| fits(slot)))
    }
}
