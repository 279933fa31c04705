//! Registered fan-out consumers.

use std::collections::BTreeMap;

use kinfolk_core::change::{Says, SlotEdit};
use kinfolk_core::coordinate::Mode;
use kinfolk_core::id::SlotName;
use kinfolk_core::snapshot::Slot;

use super::Operations;
use crate::error::Result;

impl Operations {
    /// `register_enhanced_consumer`: makes the entry of a registered fan-out consumer. Whether
    /// there was none.
    pub async fn register_enhanced_consumer(&self, name: &SlotName, arn: &str) -> Result<bool> {
        let standalone = self.mode != Mode::Shared;
        let add = SlotEdit::Add { arn: arn.to_owned(), standalone };
        self.edit_slot(name, add).await
    }

    /// `deregister_enhanced_consumer`: removes the entry. Whether there was one, which nobody
    /// uses: the entry of a worker that reads by it is left alone.
    pub async fn deregister_enhanced_consumer(&self, name: &SlotName) -> Result<bool> {
        match self.look().await?.slots.get(name) {
            Some(slot) => self.edit_slot(name, SlotEdit::Drop(slot.version.clone())).await,
            None => Ok(false),
        }
    }

    /// `get_enhanced_consumers`: the entries of all fan-out consumers.
    pub async fn get_enhanced_consumers(&self) -> Result<BTreeMap<SlotName, Slot>> {
        Ok(self.look().await?.slots)
    }

    /// `get_assigned_enhanced_consumer`: the ARN of the fan-out consumer that this worker uses, or
    /// of the first free one, which is its own from now on. The worker is active with it, and
    /// without one, when none is free, it is not.
    pub async fn get_assigned_enhanced_consumer(&self) -> Result<Option<String>> {
        let state = self.look().await?;
        if let Some((_, slot)) = state.slot_of(&self.worker) {
            self.update_consumer_is_active(true).await;
            return Ok(Some(slot.arn.clone()));
        }
        let mut lost = Vec::new();
        // A slot that somebody else was faster to take is passed over.
        while let Some((name, slot)) =
            state.free_slot(self.mode != Mode::Shared, |name, _| !lost.contains(name))
        {
            let home = self.mode.lives_in_slot();
            let take = SlotEdit::Take { seen: slot.version.clone(), home };
            let says = Says { active: Some(true), ..Says::NOTHING };
            let taken = self.commit(says, |change| {
                change.slots.insert(name.clone(), take.clone());
            });
            if taken.await?.is_some() {
                return Ok(Some(slot.arn.clone()));
            }
            lost.push(name.clone());
        }
        tracing::warn!(worker = %self.worker, "every fan-out consumer is in use");
        self.update_consumer_is_active(false).await;
        Ok(None)
    }

    async fn edit_slot(&self, name: &SlotName, edit: SlotEdit) -> Result<bool> {
        let edited = self.commit(Says::NOTHING, |change| {
            change.slots.insert(name.clone(), edit.clone());
        });
        Ok(edited.await?.is_some())
    }
}
