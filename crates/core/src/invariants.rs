//! What must hold of a group's state, and of every step of it: watched by simulations, models and
//! the stores' conformance suite.

use std::fmt;

use crate::id::ShardId;
use crate::snapshot::{Home, Shard, Shards, Snapshot};
use crate::topology::{HashRange, Listing};

/// Something that must not happen, and where it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// A stored checkpoint moved back.
    CheckpointMovedBack(ShardId),
    /// A tenure began with an epoch that is not above the last one.
    EpochDidNotGrow(ShardId),
    /// An ended shard is not ended any more.
    EndedShardRevived(ShardId),
    /// A shard that was not ended is not tracked any more.
    ShardForgotten(ShardId),
    /// A shard is held although a parent of it is not ended.
    ChildHeldBeforeParent(ShardId),
    /// An ended shard is held.
    EndedShardHeld(ShardId),
    /// No tracked shard that is still to be read covers these hash keys.
    Hole(HashRange),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckpointMovedBack(shard) => write!(f, "the checkpoint of {shard} moved back"),
            Self::EpochDidNotGrow(shard) => write!(f, "the epoch of {shard} did not grow"),
            Self::EndedShardRevived(shard) => write!(f, "{shard} was ended and is not any more"),
            Self::ShardForgotten(shard) => write!(f, "{shard} was forgotten before its end"),
            Self::ChildHeldBeforeParent(shard) => {
                write!(f, "{shard} is held before its parent ended")
            }
            Self::EndedShardHeld(shard) => write!(f, "{shard} is ended and held"),
            Self::Hole(range) => {
                write!(f, "nobody reads the hash keys {}–{}", range.start, range.end)
            }
        }
    }
}

impl std::error::Error for Violation {}

/// Checks one step of a state in which only our own workers write.
pub fn check_step(before: &Snapshot, after: &Snapshot) -> Result<(), Violation> {
    // A home inside a worker's entry goes with the worker.
    let stays = |home: &Home| after.has_home(home);
    before
        .homes()
        .filter(stays)
        .try_for_each(|home| check_step_of(before.shards_of(&home), after.shards_of(&home)))
}

fn check_step_of(before: &Shards, after: &Shards) -> Result<(), Violation> {
    for (id, old) in before {
        let Some(new) = after.get(id) else {
            match old.ended {
                true => continue,
                false => return Err(Violation::ShardForgotten(id.clone())),
            }
        };
        if new.checkpoint < old.checkpoint {
            return Err(Violation::CheckpointMovedBack(id.clone()));
        }
        if old.ended && !new.ended {
            return Err(Violation::EndedShardRevived(id.clone()));
        }
        if new.lease != old.lease
            && new.lease.as_ref().map(|l| l.epoch) <= old.lease.as_ref().map(|l| l.epoch)
        {
            return Err(Violation::EpochDidNotGrow(id.clone()));
        }
    }
    Ok(())
}

/// Checks a state by itself, where only our own workers write.
pub fn check_state(state: &Snapshot) -> Result<(), Violation> {
    state.homes().try_for_each(|home| check_state_of(state.shards_of(&home)))
}

fn check_state_of(shards: &Shards) -> Result<(), Violation> {
    for (id, shard) in shards.iter().filter(|(_, shard)| shard.tenure().is_some()) {
        if shard.ended {
            return Err(Violation::EndedShardHeld(id.clone()));
        }
        let open = |parent: &Shard| !parent.ended;
        if shard.parents().filter_map(|parent| shards.get(parent)).any(open) {
            return Err(Violation::ChildHeldBeforeParent(id.clone()));
        }
    }
    Ok(())
}

/// Checks that the shards of a home that are still to be read cover every hash key (no shard is
/// lost): each one that is tracked and not ended, and each one that the stream lists and nobody
/// tracks yet.
pub fn check_cover(tracked: &Shards, listing: &Listing) -> Result<(), Violation> {
    let unread = |id: &ShardId| tracked.get(id).is_none_or(|shard| !shard.ended);
    let ranges = listing.iter().filter(|info| unread(&info.id)).map(|info| info.hash_range);
    match HashRange::holes(ranges).first() {
        Some(hole) => Err(Violation::Hole(*hole)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Checkpoint;
    use crate::snapshot::Lease;
    use crate::time::WallTime;
    use std::collections::BTreeMap;

    fn state() -> Snapshot {
        let held = |epoch| Shard {
            checkpoint: Checkpoint::at("5"),
            owner: Some("w".into()),
            lease: Some(Lease { epoch, owner: "w".into() }),
            ..Shard::new(None, None, "v".into())
        };
        let child = Shard::new(Some("a".into()), None, "v".into());
        Snapshot {
            created_on: WallTime(0),
            version: "v".into(),
            started_at: None,
            workers: BTreeMap::new(),
            slots: BTreeMap::new(),
            shards: [("a".into(), held(3)), ("c".into(), child)].into(),
            places: BTreeMap::new(),
        }
    }

    fn changed(change: impl Fn(&mut Shard)) -> Snapshot {
        let mut state = state();
        state.shards.get_mut("a").map(change);
        state
    }

    #[test]
    fn each_step_that_must_not_happen_is_seen() {
        let step = |change: fn(&mut Shard)| check_step(&state(), &changed(change));
        assert_eq!(step(|_| {}), Ok(()));
        assert_eq!(step(|a| a.checkpoint = Checkpoint::at("10")), Ok(()));
        let back = step(|a| a.checkpoint = Checkpoint::at("4"));
        assert_eq!(back, Err(Violation::CheckpointMovedBack("a".into())));
        let same = step(|a| a.lease = Some(Lease { epoch: 3, owner: "x".into() }));
        assert_eq!(same, Err(Violation::EpochDidNotGrow("a".into())));
        let revived = check_step(&changed(|a| a.ended = true), &state());
        assert_eq!(revived, Err(Violation::EndedShardRevived("a".into())));
        let mut without = state();
        without.shards.remove("a");
        let forgotten = check_step(&state(), &without);
        assert_eq!(forgotten, Err(Violation::ShardForgotten("a".into())));
    }

    #[test]
    fn each_state_that_must_not_be_is_seen() {
        assert_eq!(check_state(&state()), Ok(()));
        let held = check_state(&changed(|a| a.ended = true));
        assert_eq!(held, Err(Violation::EndedShardHeld("a".into())));
        let mut early = state();
        if let Some(child) = early.shards.get_mut("c") {
            child.owner = Some("w".into());
            child.lease = Some(Lease { epoch: 1, owner: "w".into() });
        }
        assert_eq!(check_state(&early), Err(Violation::ChildHeldBeforeParent("c".into())));
        let hole = check_cover(&state().shards, &Listing::default());
        assert_eq!(hole, Err(Violation::Hole(HashRange::ALL)));
    }
}
