//! In which home a change edits shards.

use std::collections::BTreeMap;

use kinfolk_core::change::{Chain, Change, SlotEdit};
use kinfolk_core::id::PlaceName;
use kinfolk_core::snapshot::{Home, Shards, Snapshot};

use super::super::flaw::Flaw;
use super::Generator;
use super::state::shard_id;

impl Generator {
    /// Chooses a home that is there, or founds one.
    pub(super) fn home(&mut self, change: &mut Change, state: &Snapshot, flaw: Option<Flaw>) {
        match flaw {
            Some(Flaw::PlaceThere) => {
                let there = self.rng.pick(state.places.keys()).cloned();
                if let Some(name) = there {
                    self.found_as(change, name);
                }
                return;
            }
            Some(Flaw::HomeGone) => {
                let gone = [
                    Home::Place("gone".into()),
                    Home::Worker(self.ids.worker()),
                    Home::Slot("gone".into()),
                ];
                change.home = self.rng.pick(gone).unwrap_or_default();
                if matches!(change.home, Home::Worker(_)) && !is_beat(change) {
                    change.home = Home::Place("gone".into());
                }
                return self.track(change);
            }
            _ => {}
        }
        // Not every home has what a flaw needs.
        if flaw.is_none() && self.rng.chance(10) {
            return self.found(change);
        }
        if self.rng.chance(if flaw.is_none() { 50 } else { 20 }) {
            let homes = state.homes().filter(|home| match home {
                Home::Worker(id) => is_beat(change) && *id == change.worker,
                _ => true,
            });
            change.home = self.rng.pick(homes).unwrap_or_default();
        }
        if matches!(change.chain, Chain::Reset { .. }) {
            change.home = Home::Group;
        }
    }

    /// Founds a place of a name that never was.
    pub(super) fn found(&mut self, change: &mut Change) {
        let name = PlaceName::from(format!("place é {}", self.ids.worker()));
        self.found_as(change, name);
    }

    /// The places that a reset begins anew.
    pub(super) fn places(&mut self) -> BTreeMap<PlaceName, Shards> {
        let entries = (0..2).map(|number| (shard_id(number), self.new_shard())).collect();
        self.rng.maybe(|_| [("a".into(), entries)].into()).unwrap_or_default()
    }

    fn found_as(&mut self, change: &mut Change, name: PlaceName) {
        let count = self.rng.below(4);
        let entries: Shards = (0..count).map(|n| (shard_id(n), self.new_shard())).collect();
        (change.home, change.founds) = (Home::Place(name), Some(entries));
    }

    /// A home that is written as a whole has no entries that could be edited beside that.
    pub(super) fn has_no_entries(&self, change: &Change) -> bool {
        match &change.home {
            Home::Group => false,
            Home::Place(_) => change.founds.is_some(),
            Home::Worker(_) => !is_beat(change),
            Home::Slot(name) => match change.slots.get(name) {
                Some(edit) => !matches!(edit, SlotEdit::Free { .. }),
                None => false,
            },
        }
    }
}

fn is_beat(change: &Change) -> bool {
    matches!(change.chain, Chain::Beat { .. })
}
