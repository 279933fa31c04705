//! The write that ends a shard and makes its children readable, without a gap between the two.

use super::draft::Draft;
use super::{Coordinator, Held, Stage, settings};
use crate::change::{Edit, Effect as ShardEffect, Update};
use crate::ending;
use crate::id::ShardId;
use crate::snapshot::{Shard, Snapshot};
use crate::time::Now;

impl Coordinator {
    /// Adds the ends of my shards whose children are known, each with its children.
    ///
    /// With `lease_children` those that can be read become this worker's at once: nobody waits
    /// for a look, and balance moves them later.
    pub(super) fn add_ends(
        &self,
        draft: &mut Draft<'_>,
        now: &Now,
        state: &Snapshot,
        lease_children: bool,
    ) {
        let shards = self.shards(state);
        // Children are new entries: they wait until there is room for them.
        for (id, held) in self.held.iter().filter(|_| !self.is_full(now)) {
            let Some(shard) = shards.get(id).filter(|_| self.end_is_known(now, held, id)) else {
                continue;
            };
            let update = Update { progress: held.beyond(shard), ended: true, ..Update::free() };
            let end = Edit { guard: self.guard(id, shard), effect: ShardEffect::Set(update) };
            // Both parents of a merge may end in this very write: a child that the first one's
            // end has put into it is begun again, now that both are ended.
            let mut after = shards.clone();
            let ended = draft.change.shards.iter().filter(|(_, edit)| ends(edit));
            for id in ended.map(|(id, _)| id).chain([id]) {
                if let Some(shard) = after.get_mut(id) {
                    shard.ended = true;
                }
            }
            let lease = |id: &ShardId, entry: &Shard| {
                lease_children.then(|| self.tenure(now, id, entry, &self.me))
            };
            let children = ending::children(&self.listing, &after, id, lease);
            draft.add_together(children.chain([(id.clone(), end)]).collect());
        }
    }

    /// Whether the children of a shard that was read to its end are known. A closed shard has
    /// some; a listing without them lags, but is not waited for for ever.
    fn end_is_known(&self, now: &Now, held: &Held, id: &ShardId) -> bool {
        let Stage::Ended { since, children } = &held.stage else { return false };
        let listed_since = self.listed_at.mono >= since.mono;
        let mut known = self.listing.children(id).peekable();
        match children.is_empty() {
            false => children.iter().all(|child| self.listing.get(child).is_some()),
            true => {
                known.peek().is_some()
                    || (listed_since && now.at_most_since(since) >= settings::CHILDLESS_MS)
            }
        }
    }

    pub(super) fn end_waits_for_a_listing(&self, now: &Now) -> bool {
        let lacks = |(id, held): (&ShardId, &Held)| match held.stage {
            Stage::Ended { since, .. } => {
                let fresh = self.listed_at.mono >= since.mono
                    && now.at_most_since(&self.listed_at) < settings::RELIST_MS;
                !fresh && !self.end_is_known(now, held, id)
            }
            _ => false,
        };
        self.held.iter().any(lacks)
    }

    /// Whether something that I read to its end cannot be ended yet.
    pub(super) fn end_lacks_a_listing(&self, now: &Now) -> bool {
        self.held.iter().any(|(id, held)| {
            matches!(held.stage, Stage::Ended { .. }) && !self.end_is_known(now, held, id)
        })
    }
}

fn ends(edit: &Edit) -> bool {
    matches!(&edit.effect, ShardEffect::Set(Update { ended: true, .. }))
}
