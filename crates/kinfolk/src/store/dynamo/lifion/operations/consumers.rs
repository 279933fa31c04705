//! Workers: in the group, active, gone.

use kinfolk_core::change::{
    Chain, Change, Committed, Edit, Effect, Eviction, Guard, Says, SlotEdit, Update,
};
use kinfolk_core::id::WorkerId;
use kinfolk_core::snapshot::{Home, Snapshot, held_by};

use super::super::LIFION;
use super::Operations;
use crate::error::Result;
use crate::store::StateStore;

impl Operations {
    /// `register_consumer`: puts the worker into the group; one that is there only beats.
    ///
    /// # Errors
    /// `Closed`: the worker was there and is not any more, which costs it its id.
    pub async fn register_consumer(&self) -> Result<()> {
        if self.chain.lock().await.beat.is_some() {
            self.commit(Says::NOTHING, |_| {}).await?;
            return Ok(());
        }
        let state = self.look().await?;
        let mut held = self.chain.lock().await;
        held.learn(state.workers.get(&self.worker));
        if held.beat.is_some() {
            return Ok(());
        }
        let chain = Chain::Join { created_on: state.created_on, entry: self.entry() };
        let mut change = Change::new(self.worker.clone(), chain, held.ids.version());
        self.bring_home(&mut change, Some(&state));
        held.doubt = change.chain.beat();
        match self.store.commit(&change).await? {
            Committed::Applied(_) => held.beat = change.chain.beat(),
            Committed::Refused(_) => return Err(self.not_in_the_group()),
            Committed::TooLarge => return Err(self.too_large()),
        }
        Ok(())
    }

    /// `update_consumer_is_active`: sets the flag. A failure is logged, not raised.
    pub async fn update_consumer_is_active(&self, active: bool) {
        let says = Says { active: Some(active), ..Says::NOTHING };
        if let Err(error) = self.commit(says, |_| {}).await {
            let error = error.report();
            tracing::debug!(%error, "cannot say whether the worker is active");
        }
    }

    /// `clear_old_consumers`: removes every other worker whose date is older than `timeout_ms`,
    /// each on condition that it has not beaten since, with its leases and its fan-out slot; then
    /// frees the slots of workers that are unknown. Returns who was removed.
    pub async fn clear_old_consumers(&self, timeout_ms: u64) -> Result<Vec<WorkerId>> {
        let mut removed = Vec::new();
        let mut state = self.look().await?;
        let oldest = self.clock.now().wall.plus(-i64::try_from(timeout_ms).unwrap_or(i64::MAX));
        let old = |state: &Snapshot| {
            let old = state
                .workers
                .iter()
                .filter(|(id, worker)| **id != self.worker && worker.beat < oldest);
            old.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        for victim in old(&state) {
            let home = state.home_of(&victim).filter(|home| !home.is_nested());
            let evicted = self.commit(Says::NOTHING, |c| evict(c, &state, &victim)).await?;
            let Some((_, mut after)) = evicted else { continue };
            // One write frees some 75 shards: the rest is freed because its owner is absent.
            while let Some(home) = &home
                && held_by(after.shards_of(home), &victim).any(|(_, shard)| !shard.ended)
            {
                let rest = self.commit(Says::NOTHING, |change| {
                    change.absent.insert(victim.clone());
                    free_shards_of(change, &after, home, &victim);
                });
                let Some((_, next)) = rest.await? else { break };
                after = next;
            }
            removed.push(victim);
            state = after;
        }
        self.commit(Says::NOTHING, |change| free_unknown(change, &state)).await?;
        Ok(removed)
    }
}

/// Fills a change that removes a worker. What is inside its own entry goes with it.
fn evict(change: &mut Change, state: &Snapshot, victim: &WorkerId) {
    let Some(worker) = state.workers.get(victim) else { return };
    let (beat, version) = (worker.beat, state.version.clone());
    change.evict = Some(Eviction { victim: victim.clone(), beat, version });
    change.slots = SlotEdit::freeing(state, victim);
    if let Some(home) = state.home_of(victim).filter(|home| !home.is_nested()) {
        free_shards_of(change, state, &home, victim);
    }
}

/// Frees what a worker holds, as far as one write has room.
fn free_shards_of(change: &mut Change, state: &Snapshot, home: &Home, victim: &WorkerId) {
    change.home = home.clone();
    let free = Effect::Set(Update::free());
    let edit = Edit { guard: Guard::OwnedBy(victim.clone()), effect: free };
    for (id, _) in held_by(state.shards_of(home), victim).filter(|(_, shard)| !shard.ended) {
        if LIFION.used(change) + LIFION.cost(&edit, change) > LIFION.room {
            return;
        }
        change.shards.insert(id.clone(), edit.clone());
    }
}

fn free_unknown(change: &mut Change, state: &Snapshot) {
    let users = state.slots.values().filter_map(|slot| slot.used_by.as_ref());
    for user in users.filter(|user| !state.workers.contains_key(*user)) {
        change.absent.insert(user.clone());
        change.slots.extend(SlotEdit::freeing(state, user));
    }
}
