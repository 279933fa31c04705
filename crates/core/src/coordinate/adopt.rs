//! What a state says about this worker: its answers, and which leases are its own.

use super::{Coordinator, Effect, Held, Phase, Stage, Start, Write, announced};
use crate::change::{Chain, Change, Committed, Effect as ShardEffect, LeaseUpdate, Update};
use crate::event::Event;
use crate::id::{ShardId, WorkerId};
use crate::reader::Position;
use crate::sequence::Part;
use crate::snapshot::{Shard, Shards, Snapshot, held_by};
use crate::time::Now;
use crate::topology::Initial;

impl Coordinator {
    pub(super) fn looked(&mut self, now: &Now, state: Option<Snapshot>, out: &mut Vec<Effect>) {
        let asked_at = self.looking.take();
        // A look that began before my last acknowledged write, or beside one, may not contain my
        // latest beat: it says nothing (P4). The write's own answer is a look, too.
        if asked_at != Some(self.acks) || self.write.is_some() {
            return;
        }
        match state {
            Some(state) if self.contains_my_beat(&state) => self.adopt(now, state, out),
            Some(state) if state.workers.get(&self.me).is_some_and(|w| w.beat < self.beat) => {}
            Some(state) => self.was_evicted(state, out),
            None => self.state_went_missing(out),
        }
    }

    pub(super) fn committed(&mut self, now: &Now, what: Committed, out: &mut Vec<Effect>) {
        let Some(write) = self.write.take() else { return };
        match what {
            Committed::Applied(state) => self.applied(now, write, state, out),
            Committed::Refused(state) => match (&write.change.chain, state) {
                // A write whose answer was lost is refused when it is repeated, and the state
                // shows its beat.
                (chain, Some(state))
                    if chain.beat().is_some()
                        && chain.beat() == state.workers.get(&self.me).map(|w| w.beat) =>
                {
                    self.applied(now, write, state, out);
                }
                (Chain::Leave { .. }, Some(state)) if !state.workers.contains_key(&self.me) => {
                    self.applied(now, write, state, out);
                }
                (_, Some(state)) => self.refused(now, &write.change, state, out),
                (_, None) => self.state_went_missing(out),
            },
            Committed::TooLarge => self.too_large(now, &write.change, out),
        }
    }

    fn applied(&mut self, now: &Now, write: Write, state: Snapshot, out: &mut Vec<Effect>) {
        let Write { change, first_sent, .. } = write;
        self.acks += 1;
        self.watch.acknowledged(now, self.is_healthy(now));
        self.acked_at = *now;
        if !change.shards.is_empty() || change.evict.is_some() {
            self.refusals = 0;
            self.contested.retain(|shard, _| !change.shards.contains_key(shard));
        }
        self.settle(&change, out);
        match change.chain.beat() {
            Some(beat) => {
                self.beat = beat;
                self.set_period(announced(&change), out);
                self.believed_since = Some(first_sent);
                let fence_ms = self.fence_ms(self.tempo.beat_ms);
                out.push(Effect::Believe { since: first_sent, fence_ms });
                if self.phase == Phase::Outside {
                    self.phase = Phase::Member;
                }
                self.adopt(now, state, out);
            }
            None => self.left(now, state, out),
        }
    }

    /// What my own write did: said aloud, and let go of.
    fn settle(&mut self, change: &Change, out: &mut Vec<Effect>) {
        let me = self.me.clone();
        match &change.chain {
            Chain::Create { .. } => out.push(Effect::Notice(Event::Created { worker: me.clone() })),
            Chain::Reset { .. } => {
                if let Some(old) = self.view.clone() {
                    out.push(Effect::Notice(Event::Reset { old: Box::new(old) }));
                }
            }
            _ => {}
        }
        if !matches!(change.chain, Chain::Beat { .. } | Chain::Leave { .. }) {
            out.push(Effect::Notice(Event::Joined { worker: me.clone() }));
        }
        if let Some(eviction) = &change.evict {
            self.watch.evicted(&eviction.victim);
            out.push(Effect::Notice(Event::Evicted { worker: eviction.victim.clone() }));
        }
        if !self.is_at_home(change) {
            return;
        }
        for (shard, edit) in &change.shards {
            let ShardEffect::Set(Update { lease, ended, .. }) = &edit.effect else { continue };
            let event = match lease {
                _ if *ended => match self.end_event(shard) {
                    Some(event) => event,
                    None => continue,
                },
                LeaseUpdate::Assign { lease, .. } if lease.owner != me => {
                    Event::Gave { shard: shard.clone(), to: lease.owner.clone() }
                }
                LeaseUpdate::Free { .. } if self.held.contains_key(shard) => {
                    Event::Released { shard: shard.clone() }
                }
                _ => continue,
            };
            self.let_go(shard, out);
            out.push(Effect::Notice(event));
        }
    }

    /// Whether the shards that a change edits are this worker's own. Those of a worker that it evicts
    /// in another home have the same names.
    fn is_at_home(&self, change: &Change) -> bool {
        let home = self.view.as_ref().and_then(|state| self.home(state));
        change.evict.is_none() || home.as_ref() == Some(&change.home)
    }

    fn end_event(&self, shard: &ShardId) -> Option<Event> {
        let (shard, held) = self.held.get_key_value(shard)?;
        Some(match &held.stage {
            Stage::Ended { .. } => Event::Ended {
                shard: shard.clone(),
                children: self.listing.children(shard).map(|child| child.id.clone()).collect(),
            },
            _ => Event::Expired { shard: shard.clone() },
        })
    }

    fn let_go(&mut self, shard: &ShardId, out: &mut Vec<Effect>) {
        if let Some(held) = self.held.remove(shard) {
            let floor = self.floor.entry(shard.clone()).or_default();
            *floor = held.epoch.max(*floor);
            if let Some(progress) = held.progress {
                self.remembered.insert(shard.clone(), progress);
            }
            out.push(Effect::Stop { shard: shard.clone(), epoch: held.epoch });
        }
    }

    fn refused(&mut self, now: &Now, change: &Change, state: Snapshot, out: &mut Vec<Effect>) {
        if self.phase == Phase::Outside {
            self.drop_unstarted(out);
            // Somebody else created the state, or changed it. The write may have been applied and
            // its worker evicted before it was heard of: an id lives once (P9).
            self.me = self.ids.worker();
            self.watch.saw(now, &state, self.shards(&state), &self.me);
            self.view = Some(state);
            self.missing = false;
            return;
        }
        if !self.contains_my_beat(&state) {
            return self.was_evicted(state, out);
        }
        self.refusals += 1;
        self.again = true;
        self.stored_up_to = None;
        let at_home = self.is_at_home(change);
        for (shard, edit) in change.shards.iter().filter(|_| at_home) {
            if !edit.holds(state.shards_of(&change.home).get(shard)) {
                *self.contested.entry(shard.clone()).or_default() += 1;
            }
        }
        self.adopt(now, state, out);
    }

    fn contains_my_beat(&self, state: &Snapshot) -> bool {
        state.workers.get(&self.me).is_some_and(|me| me.beat == self.beat)
    }

    /// Takes over a state that contains my latest beat.
    fn adopt(&mut self, now: &Now, state: Snapshot, out: &mut Vec<Effect>) {
        self.remember_home(&state);
        let shards = self.shards(&state);
        for (shard, to) in self.lost_in(shards) {
            self.let_go(&shard, out);
            out.push(Effect::Notice(Event::Lost { shard, to }));
        }
        for (id, shard) in held_by(shards, &self.me.clone()) {
            let Some(epoch) = self.begins(id, shard) else { continue };
            let leaving = matches!(self.phase, Phase::Leaving { .. });
            let stage = if leaving { Stage::Drained } else { Stage::Reading };
            let (progress, rest_until) = (None, None);
            let held = Held { epoch, stage, progress, rest_until, warned_ahead: false };
            self.held.insert(id.clone(), held);
            if !leaving {
                let (from, part) = self.start_of(&state, shard);
                out.push(Effect::Start(Start { shard: id.clone(), epoch, from, part }));
                out.push(Effect::Notice(Event::Started { shard: id.clone(), epoch }));
            }
        }
        self.drop_unstarted(out);
        self.warn_of_checkpoints_ahead(shards, out);
        self.watch.saw(now, &state, shards, &self.me);
        self.viewed_at = *now;
        self.view = Some(state);
        self.missing = false;
        let plan = self.plan(now);
        let worker = |id: &WorkerId| self.view.as_ref().and_then(|state| state.workers.get(id));
        let is_node = |id: &WorkerId| worker(id).is_some_and(|worker| !worker.is_kinfolk());
        self.watch.left_free(now, &plan, &self.me, is_node);
    }

    /// A home that was this worker's and is not any more: its place goes into the next one, if that
    /// is empty.
    fn remember_home(&mut self, state: &Snapshot) {
        let Some(before) = &self.view else { return };
        let home = self.home(before).filter(|home| self.home(state).as_ref() != Some(home));
        if let Some(home) = home {
            self.known = before.shards_of(&home).clone();
            self.beginning.clear();
        }
    }

    /// Reading may begin with the write that joins: what it takes is known with its epoch.
    pub(super) fn prepare(&mut self, change: Option<&Change>, out: &mut Vec<Effect>) {
        let Some(change) = change else { return };
        let Committed::Applied(after) = change.apply(self.state_to_join()) else { return };
        for (id, shard) in held_by(self.shards(&after), &self.me) {
            if let Some(lease) = shard.tenure() {
                let (from, part) = self.start_of(&after, shard);
                let start = Start { shard: id.clone(), epoch: lease.epoch, from, part };
                self.prepared.insert(id.clone(), lease.epoch);
                out.push(Effect::Prepare(start));
            }
        }
    }

    /// What was prepared and did not become this worker's.
    pub(super) fn drop_unstarted(&mut self, out: &mut Vec<Effect>) {
        for (shard, epoch) in std::mem::take(&mut self.prepared) {
            if self.held.get(&shard).is_none_or(|held| held.epoch != epoch) {
                out.push(Effect::Stop { shard, epoch });
            }
        }
    }

    fn lost_in(&self, shards: &Shards) -> Vec<(ShardId, Option<WorkerId>)> {
        let mine = |id: &ShardId, held: &Held| {
            let tenure = shards.get(id).and_then(Shard::tenure);
            tenure.is_some_and(|lease| lease.owner == self.me && lease.epoch == held.epoch)
        };
        let owner = |id: &ShardId| shards.get(id).and_then(|shard| shard.owner.clone());
        let lost = self.held.iter().filter(|(id, held)| !mine(id, held));
        lost.map(|(id, _)| (id.clone(), owner(id))).collect()
    }

    /// The epoch of a tenure in my name that I do not know of. It is mine (P7): that is how a
    /// given lease arrives, and how a lost answer heals. But not one that I have let go of.
    fn begins(&self, id: &ShardId, shard: &Shard) -> Option<u64> {
        let known = self.held.contains_key(id);
        let lease = shard.tenure().filter(|_| !known && !shard.ended)?;
        self.can_begin(id, shard).then_some(lease.epoch)
    }

    /// Whether the tenure of a shard in my name is one that I have not let go of.
    pub(super) fn can_begin(&self, id: &ShardId, shard: &Shard) -> bool {
        let floor = self.floor.get(id).copied().unwrap_or(0);
        shard.tenure().is_some_and(|lease| lease.epoch > floor)
    }

    fn start_of(&self, state: &Snapshot, shard: &Shard) -> (Position, Option<Part>) {
        let part = shard.checkpoint.part.clone();
        let from = match (&shard.checkpoint.sequence, shard.from) {
            (Some(sequence), _) => Position::After(sequence.clone()),
            // Nothing before the record that is done in part was ever to be read.
            (None, _) if let Some(part) = &part => Position::From(part.sequence.clone()),
            (None, Some(time)) => Position::At(time),
            (None, None) if state.started_at.is_some() => Position::TrimHorizon,
            // A Node consumer made the entry: it starts where this group's consumers start.
            (None, None) => match self.settings.initial {
                Initial::TrimHorizon => Position::TrimHorizon,
                Initial::Latest => Position::Latest,
                Initial::At(time) => Position::At(time),
            },
        };
        (from, part)
    }

    fn warn_of_checkpoints_ahead(&mut self, shards: &Shards, out: &mut Vec<Effect>) {
        for (id, held) in &mut self.held {
            let Some(stored) = shards.get(id).map(|shard| &shard.checkpoint) else {
                continue;
            };
            let done = held.progress.as_ref().map(|progress| &progress.checkpoint);
            let ahead = done.is_some_and(|done| done < stored);
            if ahead && !std::mem::replace(&mut held.warned_ahead, ahead) {
                let (shard, stored) = (id.clone(), stored.clone());
                out.push(Effect::Notice(Event::CheckpointAhead { shard, stored }));
            }
        }
    }

    fn was_evicted(&mut self, state: Snapshot, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Event::WasEvicted { worker: self.me.clone() }));
        self.stand_outside(out);
        self.view = Some(state);
    }

    /// Somebody deleted the state. What was known stays in `view`, for the write that makes it
    /// again.
    fn state_went_missing(&mut self, out: &mut Vec<Effect>) {
        if self.phase != Phase::Outside {
            out.push(Effect::Notice(Event::StateMissing));
        }
        self.missing = true;
        self.drop_unstarted(out);
        self.stand_outside(out);
    }

    /// Not a member any more: every tenure is over, and the next life has another id (P9).
    fn stand_outside(&mut self, out: &mut Vec<Effect>) {
        for shard in self.held.keys().cloned().collect::<Vec<_>>() {
            self.let_go(&shard, out);
        }
        self.refusals = 0;
        self.stored_up_to = None;
        self.contested.clear();
        self.last_places = Some(usize::MAX);
        self.beginning.clear();
        self.believed_since = None;
        if self.phase != Phase::Outside
            && let Some(state) = &self.view
        {
            self.known = self.shards(state).clone();
        }
        match self.phase {
            Phase::Leaving { comes_back: false, .. } => self.finish(out),
            _ => {
                self.me = self.ids.worker();
                self.phase = Phase::Outside;
            }
        }
    }

    fn left(&mut self, now: &Now, state: Snapshot, out: &mut Vec<Effect>) {
        out.push(Effect::Notice(Event::Left { worker: self.me.clone() }));
        if matches!(self.phase, Phase::Leaving { comes_back: true, .. }) {
            self.phase = Phase::Member;
            self.stand_outside(out);
            self.watch.saw(now, &state, self.shards(&state), &self.me);
            self.view = Some(state);
        } else {
            self.finish(out);
        }
    }
}
