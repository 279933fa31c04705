//! Shards: tracked, leased, read up to a place, done.

use std::collections::BTreeMap;

use kinfolk_core::change::{Change, Edit, Effect, Guard, LeaseUpdate, Progress, Says, Update};
use kinfolk_core::ending;
use kinfolk_core::id::{ShardId, Version};
use kinfolk_core::sequence::{Checkpoint, SequenceNumber};
use kinfolk_core::snapshot::{Home, Lease, Shard, Shards, Snapshot};
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::{Listing, ShardInfo};

use super::Operations;
use crate::error::{Error, ErrorKind, Result};

impl Operations {
    /// `ensure_shard_state_exists`: makes the entry of a shard where there is none: one that is
    /// the first of its home begins where the worker was told to, every later one at its beginning.
    pub async fn ensure_shard_state_exists(&self, shard: &ShardInfo) -> Result<()> {
        let state = self.look().await?;
        let home = self.home(&state)?;
        let tracked = state.shards_of(&home);
        let entry = match tracked.is_empty() {
            true => self.first_entry(shard),
            false => shard.entry(Version::new("")),
        };
        let track = Edit { guard: Guard::None, effect: Effect::Track(entry) };
        self.edit(home, [(shard.id.clone(), track)]).await?;
        Ok(())
    }

    /// `get_shard_and_stream_state`: a shard's entry and the whole state, from one consistent
    /// read. A missing entry is made first.
    pub async fn get_shard_and_stream_state(&self, shard: &ShardInfo) -> Result<(Shard, Snapshot)> {
        for _ in 0..2 {
            let state = self.look().await?;
            let home = self.home(&state)?;
            if let Some(entry) = state.shards_of(&home).get(&shard.id) {
                return Ok((entry.clone(), state));
            }
            self.ensure_shard_state_exists(shard).await?;
        }
        Err(self.unknown(&shard.id))
    }

    /// `get_owned_shards`: the entries that this worker holds, whose date is not over and which
    /// are not done.
    pub async fn get_owned_shards(&self) -> Result<Shards> {
        let (_, mut shards) = self.get_shards_data().await?;
        let now = self.clock.now().wall;
        shards.retain(|_, shard| {
            shard.owner.as_ref() == Some(&self.worker)
                && shard.until.is_some_and(|until| until > now)
                && !shard.ended
        });
        Ok(shards)
    }

    /// `get_shards_data`: the entries of this worker's mode, and where they are.
    ///
    /// # Errors
    /// `Config`: a standalone worker that reads by fan-out has no slot.
    pub async fn get_shards_data(&self) -> Result<(Home, Shards)> {
        let state = self.look().await?;
        let home = self.home(&state)?;
        Ok((home.clone(), state.shards_of(&home).clone()))
    }

    /// `lock_shard_lease`: takes a shard for `term_ms`, on condition that its version is still the
    /// one that was seen. Whether it did.
    pub async fn lock_shard_lease(
        &self,
        shard: &ShardId,
        term_ms: u64,
        seen: &Version,
    ) -> Result<bool> {
        let state = self.look().await?;
        let home = self.home(&state)?;
        let Some(entry) = state.shards_of(&home).get(shard) else { return Ok(false) };
        let now = self.clock.now().wall;
        let lease = Lease { epoch: entry.next_epoch(now), owner: self.worker.clone() };
        let until = now.plus(i64::try_from(term_ms).unwrap_or(i64::MAX));
        let lease = LeaseUpdate::Assign { lease, until };
        let update = Update { lease, ..Update::default() };
        Ok(self.edit(home, [set(shard, seen, update)]).await?.is_some())
    }

    /// `release_shard_lease`: frees a shard, on condition that its version is still the one that
    /// was seen. Its new version, if it did.
    pub async fn release_shard_lease(
        &self,
        shard: &ShardId,
        seen: &Version,
    ) -> Result<Option<Version>> {
        let home = self.home(&self.look().await?)?;
        let released = self.edit(home, [set(shard, seen, Update::free())]).await?;
        Ok(released.map(|change| change.stamp))
    }

    /// `store_shard_checkpoint`: stores how far a shard is done, on condition that this worker
    /// holds it by the tenure that was seen, and that what is stored is not beyond that.
    ///
    /// # Errors
    /// `Config`: the sequence number is empty. `LeaseLost`: somebody else holds the shard, or the
    /// checkpoint is behind the one that is stored.
    pub async fn store_shard_checkpoint(
        &self,
        shard: &ShardId,
        sequence: &SequenceNumber,
        arrival: Option<WallTime>,
    ) -> Result<()> {
        if sequence.as_str().is_empty() {
            let message = format!("a checkpoint of shard {shard} needs a sequence number");
            return Err(Error::new(ErrorKind::Config, message));
        }
        let state = self.look().await?;
        let home = self.home(&state)?;
        let entry = state.shards_of(&home).get(shard).ok_or_else(|| self.unknown(shard))?;
        let checkpoint = Checkpoint { sequence: Some(sequence.clone()), part: None };
        let update =
            Update { progress: Some(Progress { checkpoint, arrival }), ..Update::default() };
        let mine = entry.tenure().filter(|lease| lease.owner == self.worker);
        let Some(lease) = mine else { return Err(self.lost(shard)) };
        let edit = Edit { guard: Guard::Tenure(lease.clone()), effect: Effect::Set(update) };
        let stored = self.edit(home, [(shard.clone(), edit)]).await?;
        stored.map(|_| ()).ok_or_else(|| self.lost(shard))
    }

    /// `mark_shard_as_depleted`: says that a shard is done, frees it, and makes its children
    /// readable from their beginning, all in one write. `listing` is what the stream lists.
    ///
    /// # Errors
    /// `LeaseLost`: the entry changed meanwhile.
    pub async fn mark_shard_as_depleted(&self, listing: &Listing, parent: &ShardId) -> Result<()> {
        let state = self.look().await?;
        let home = self.home(&state)?;
        let mut after = state.shards_of(&home).clone();
        let entry = after.get_mut(parent).ok_or_else(|| self.unknown(parent))?;
        entry.ended = true;
        let seen = entry.version.clone();
        let end = set(parent, &seen, Update { ended: true, ..Update::free() });
        let children = ending::children(listing, &after, parent, |_, _| None);
        let edits: Vec<_> = children.chain([end]).collect();
        self.edit(home, edits).await?.map(|_| ()).ok_or_else(|| self.lost(parent))
    }

    async fn edit(
        &self,
        home: Home,
        edits: impl IntoIterator<Item = (ShardId, Edit)>,
    ) -> Result<Option<Change>> {
        let edits: BTreeMap<_, _> = edits.into_iter().collect();
        let edited = self.commit(Says::NOTHING, |change| {
            change.home = home.clone();
            change.shards = edits.clone();
        });
        Ok(edited.await?.map(|(change, _)| change))
    }

    fn first_entry(&self, shard: &ShardInfo) -> Shard {
        let begin = self.clock.now().wall.plus(-1_000);
        let listing: Listing = [shard.clone()].into_iter().collect();
        let entries = listing.first_entries(self.initial, begin, &Version::new(""));
        entries.into_values().next().unwrap_or_else(|| shard.entry(Version::new("")))
    }

    fn unknown(&self, shard: &ShardId) -> Error {
        let message = format!("shard {shard} has no entry ({:?})", self.store);
        Error::new(ErrorKind::Config, message)
    }

    fn lost(&self, shard: &ShardId) -> Error {
        let message = format!(
            "shard {shard} changed hands, or is done beyond that: worker {} does not hold it as \
             it was ({:?})",
            self.worker, self.store
        );
        Error::new(ErrorKind::LeaseLost, message)
    }
}

fn set(shard: &ShardId, seen: &Version, update: Update) -> (ShardId, Edit) {
    let edit = Edit { guard: Guard::Version(seen.clone()), effect: Effect::Set(update) };
    (shard.clone(), edit)
}
