//! The write that ends a shard and makes its children readable, without a gap between the two.

use super::draft::{Draft, free};
use super::share::assign;
use super::{Coordinator, Held, Stage, settings};
use crate::change::{Edit, Effect as ShardEffect, Guard, Progress, Update};
use crate::id::{ShardId, Version};
use crate::sequence::Checkpoint;
use crate::snapshot::{Shard, Shards, Snapshot};
use crate::time::Now;
use crate::topology::ShardInfo;

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
            let update = Update { progress: held.beyond(shard), ended: true, ..free(None) };
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
            let begin = |child: &ShardInfo| {
                let edit = self.begin(now, &after, child, lease_children)?;
                Some((child.id.clone(), edit))
            };
            let children = self.listing.children(id).filter_map(begin);
            draft.add_together(children.chain([(id.clone(), end)]).collect());
        }
    }

    /// What makes a child readable in a state in which its parent is ended.
    fn begin(&self, now: &Now, after: &Shards, child: &ShardInfo, lease: bool) -> Option<Edit> {
        let open = |id: &&ShardId| after.get(*id).is_some_and(|shard| !shard.ended);
        let Some(entry) = after.get(&child.id) else {
            let mut entry = child.entry(Version::new(""));
            if let Some(adjacent) = child.adjacent.as_ref().filter(open) {
                // Node consumers check one parent, the stored one: it is kept an open one.
                entry.adjacent = entry.parent.replace(adjacent.clone());
            }
            if lease && self.listing.ready(after, &child.id, &entry) {
                let (lease, until) = self.tenure(now, &child.id, &entry, &self.me);
                (entry.owner, entry.until) = (Some(self.me.clone()), Some(until));
                entry.lease = Some(lease);
            }
            return Some(Edit { guard: Guard::Absent, effect: ShardEffect::Insert(entry) });
        };
        let update = self.begin_tracked(now, after, child, entry, lease)?;
        let guard = Guard::Version(entry.version.clone());
        Some(Edit { guard, effect: ShardEffect::Set(update) })
    }

    fn begin_tracked(
        &self,
        now: &Now,
        after: &Shards,
        child: &ShardInfo,
        entry: &Shard,
        lease: bool,
    ) -> Option<Update> {
        if entry.ended {
            return None;
        }
        let readable = self.listing.ready(after, &child.id, entry);
        let mut update = match lease && readable && entry.owner.is_none() {
            true => assign(self, now, &child.id, entry),
            false => Update::default(),
        };
        // One that is to be read from a time keeps that; one with a checkpoint is never rewound.
        if entry.checkpoint.sequence.is_none() && entry.from.is_none() {
            let checkpoint = Checkpoint::new(
                Some(child.starting_sequence.clone()),
                entry.checkpoint.part.clone(),
            );
            update.progress = Some(Progress { checkpoint, arrival: None });
        }
        let open = |id: &&ShardId| after.get(*id).is_some_and(|shard| !shard.ended);
        let stored = entry.parent.as_ref();
        let parents = [child.parent.as_ref(), child.adjacent.as_ref()];
        let waits_for = parents.into_iter().flatten().find(open);
        if let Some(open_one) = waits_for.filter(|open_one| stored != Some(open_one)) {
            let other = parents.into_iter().flatten().find(|id| *id != open_one);
            update.parents = Some((open_one.clone(), other.cloned()));
        }
        (update != Update::default()).then_some(update)
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
