//! The family of a stream's shards: splits, merges, and which shard may be read when.

use std::collections::BTreeMap;

use crate::id::{ShardId, Version};
use crate::sequence::{Checkpoint, SequenceNumber};
use crate::snapshot::{Shard, Shards};
use crate::time::WallTime;

/// A shard as the stream lists it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShardInfo {
    /// Its id.
    pub id: ShardId,
    /// The shard that it was split from, or the first of the two that it was merged from. A
    /// parent may be past retention and no longer listed.
    pub parent: Option<ShardId>,
    /// The second shard that it was merged from.
    pub adjacent: Option<ShardId>,
    /// A sequence number below that of each of its records.
    pub starting_sequence: SequenceNumber,
    /// No more records are written to it.
    pub closed: bool,
    /// The hash keys that belong to it.
    pub hash_range: HashRange,
}

impl ShardInfo {
    fn parents(&self) -> impl Iterator<Item = &ShardId> {
        self.parent.iter().chain(&self.adjacent)
    }

    /// Its entry when the group meets it: read from its beginning, whoever is first.
    ///
    /// The starting sequence number stands as the checkpoint, because a Node consumer that meets
    /// an entry without one starts at its own initial position, which is the tip by default.
    pub fn entry(&self, version: Version) -> Shard {
        Shard {
            checkpoint: Checkpoint { sequence: Some(self.starting_sequence.clone()), part: None },
            ..Shard::new(self.parent.clone(), self.adjacent.clone(), version)
        }
    }
}

/// Hash keys from `start` to `end`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashRange {
    /// The first hash key.
    pub start: u128,
    /// The last hash key.
    pub end: u128,
}

impl HashRange {
    /// Every hash key there is.
    pub const ALL: HashRange = HashRange { start: 0, end: u128::MAX };

    /// The parts of the whole key space that none of the ranges covers.
    pub fn holes(ranges: impl IntoIterator<Item = HashRange>) -> Vec<HashRange> {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort();
        let mut holes = Vec::new();
        let mut next = Some(0u128); // the first key that nothing covers yet; `None` past the last
        for range in ranges {
            let Some(from) = next else { return holes };
            if range.start > from {
                holes.push(HashRange { start: from, end: range.start - 1 });
            }
            if range.end >= from {
                next = range.end.checked_add(1);
            }
        }
        holes.extend(next.map(|start| HashRange { start, end: u128::MAX }));
        holes
    }
}

/// Where a group starts to read a stream that it has not read before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initial {
    /// At the oldest record that the stream still has.
    TrimHorizon,
    /// With the records that arrive from now on; the Node library's default, and ours.
    #[default]
    Latest,
    /// With the records that arrived at or after this time.
    At(WallTime),
}

/// All the shards that the stream lists, of every page: a part of a listing says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Listing {
    shards: BTreeMap<ShardId, ShardInfo>,
}

impl FromIterator<ShardInfo> for Listing {
    fn from_iter<I: IntoIterator<Item = ShardInfo>>(shards: I) -> Self {
        Self { shards: shards.into_iter().map(|shard| (shard.id.clone(), shard)).collect() }
    }
}

impl Listing {
    /// The shard of that id.
    pub fn get(&self, id: &ShardId) -> Option<&ShardInfo> {
        self.shards.get(id)
    }

    /// All shards, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &ShardInfo> {
        self.shards.values()
    }

    /// The shards that came out of this one by a split or a merge.
    pub fn children<'a>(&'a self, parent: &'a ShardId) -> impl Iterator<Item = &'a ShardInfo> {
        self.iter().filter(move |shard| shard.parents().any(|p| p == parent))
    }

    /// The entries of a group that begins now (protocol, section 6).
    ///
    /// From the tip, shards that are closed already are written as ended: a Node consumer would
    /// otherwise read them and then rewind their children. The tip is pinned as a time, so that
    /// an idle shard whose owner changes before its first record loses nothing.
    pub fn first_entries(&self, initial: Initial, now: WallTime, version: &Version) -> Shards {
        let entry = |info: &ShardInfo| {
            let bare = Shard::new(info.parent.clone(), info.adjacent.clone(), version.clone());
            match initial {
                Initial::TrimHorizon if info.parents().any(|p| self.get(p).is_some()) => {
                    info.entry(version.clone())
                }
                Initial::TrimHorizon => bare,
                Initial::Latest if info.closed => Shard { ended: true, ..bare },
                Initial::Latest => Shard { from: Some(now), ..bare },
                Initial::At(time) => Shard { from: Some(time), ..bare },
            }
        };
        self.shards.iter().map(|(id, info)| (id.clone(), entry(info))).collect()
    }

    /// The shards that the stream lists and that are not among the tracked ones.
    pub fn untracked<'a>(&'a self, tracked: &'a Shards) -> impl Iterator<Item = &'a ShardInfo> {
        self.iter().filter(|info| !tracked.contains_key(&info.id))
    }

    /// Whether every parent of a tracked shard is done, so that it may be read.
    ///
    /// A parent that is tracked must be ended; one that is listed but not tracked yet blocks
    /// until it is; one that is past retention does not.
    pub fn ready(&self, tracked: &Shards, id: &ShardId, shard: &Shard) -> bool {
        let listed = self.get(id).into_iter().flat_map(ShardInfo::parents);
        shard.parents().chain(listed).all(|parent| match tracked.get(parent) {
            Some(entry) => entry.ended,
            None => self.get(parent).is_none(),
        })
    }
}

#[cfg(test)]
mod tests;
