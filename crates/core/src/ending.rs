//! What makes the children of a shard readable in the write that ends it.

use crate::change::{Edit, Effect, Guard, LeaseUpdate, Progress, Update};
use crate::id::{ShardId, Version};
use crate::sequence::Checkpoint;
use crate::snapshot::{Lease, Shard, Shards};
use crate::time::WallTime;
use crate::topology::{Listing, ShardInfo};

/// The edits of a shard's children, in a home in which the shard is ended already: an absent child
/// is made with its starting sequence number as checkpoint, one without checkpoint gets it, and one
/// with a checkpoint is never rewound. `lease` says whose a child becomes that can be read and that
/// nobody holds; `None` leaves it free.
pub fn children<'a>(
    listing: &'a Listing,
    after: &'a Shards,
    parent: &'a ShardId,
    lease: impl Fn(&ShardId, &Shard) -> Option<(Lease, WallTime)> + 'a,
) -> impl Iterator<Item = (ShardId, Edit)> + 'a {
    listing.children(parent).filter_map(move |child| {
        let edit = match after.get(&child.id) {
            Some(entry) => begin_tracked(listing, after, child, entry, &lease)?,
            None => begin(listing, after, child, &lease),
        };
        Some((child.id.clone(), edit))
    })
}

fn begin(
    listing: &Listing,
    after: &Shards,
    child: &ShardInfo,
    lease: impl Fn(&ShardId, &Shard) -> Option<(Lease, WallTime)>,
) -> Edit {
    let mut entry = child.entry(Version::new(""));
    if let Some(adjacent) = child.adjacent.as_ref().filter(|id| is_open(after, id)) {
        // Node consumers check one parent, the stored one: it is kept an open one.
        entry.adjacent = entry.parent.replace(adjacent.clone());
    }
    if listing.ready(after, &child.id, &entry)
        && let Some((lease, until)) = lease(&child.id, &entry)
    {
        (entry.owner, entry.until) = (Some(lease.owner.clone()), Some(until));
        entry.lease = Some(lease);
    }
    Edit { guard: Guard::Absent, effect: Effect::Insert(entry) }
}

fn begin_tracked(
    listing: &Listing,
    after: &Shards,
    child: &ShardInfo,
    entry: &Shard,
    lease: impl Fn(&ShardId, &Shard) -> Option<(Lease, WallTime)>,
) -> Option<Edit> {
    if entry.ended {
        return None;
    }
    let mut update = Update::default();
    if listing.ready(after, &child.id, entry)
        && entry.owner.is_none()
        && let Some((lease, until)) = lease(&child.id, entry)
    {
        update.lease = LeaseUpdate::Assign { lease, until };
    }
    // One that is to be read from a time keeps that; one with a checkpoint is never rewound.
    if entry.checkpoint.sequence.is_none() && entry.from.is_none() {
        let start = Some(child.starting_sequence.clone());
        let checkpoint = Checkpoint::new(start, entry.checkpoint.part.clone());
        update.progress = Some(Progress { checkpoint, arrival: None });
    }
    let parents = || [child.parent.as_ref(), child.adjacent.as_ref()].into_iter().flatten();
    let waits_for = parents().find(|id| is_open(after, id));
    if let Some(open) = waits_for.filter(|open| entry.parent.as_ref() != Some(open)) {
        let other = parents().find(|id| *id != open);
        update.parents = Some((open.clone(), other.cloned()));
    }
    let guard = Guard::Version(entry.version.clone());
    (update != Update::default()).then_some(Edit { guard, effect: Effect::Set(update) })
}

fn is_open(shards: &Shards, id: &ShardId) -> bool {
    shards.get(id).is_some_and(|shard| !shard.ended)
}
