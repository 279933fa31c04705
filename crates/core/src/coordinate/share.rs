//! Which shards should be whose, and which of ours must be drained for it.

use std::collections::BTreeSet;

use super::watch::NODE_SKEW_MS;
use super::{Coordinator, Effect, Phase, Stage, settings};
use crate::balance::{self, Group, Plan};
use crate::change::{LeaseUpdate, Update};
use crate::event::Event;
use crate::id::{ShardId, WorkerId};
use crate::snapshot::{Home, Lease, Shard, Snapshot};
use crate::time::{Now, WallTime};

/// Whose a shard is, for sharing.
enum Standing<'a> {
    /// A worker's that counts.
    Held(&'a WorkerId),
    /// Nobody's.
    Free,
    /// Somebody's who does not count, or not nobody's yet.
    Elsewhere,
}

impl Coordinator {
    /// The plan for what this worker sees.
    pub(super) fn plan(&self, now: &Now) -> Plan {
        self.view.as_ref().map(|state| self.plan_for(state, now)).unwrap_or_default()
    }

    /// The plan for a state, which may be one that is about to be.
    pub(super) fn plan_for(&self, state: &Snapshot, now: &Now) -> Plan {
        balance::plan(&self.group(state, now, None))
    }

    /// The plan as it is once a worker is gone and its shards are free.
    pub(super) fn plan_without(&self, state: &Snapshot, now: &Now, gone: &WorkerId) -> Plan {
        balance::plan(&self.group(state, now, Some(gone)))
    }

    fn group<'a>(&'a self, state: &'a Snapshot, now: &Now, gone: Option<&WorkerId>) -> Group<'a> {
        let mut group = Group::default();
        let Some(home) = self.home(state) else { return group };
        for (id, worker) in state.workers.iter().filter(|(id, _)| gone != Some(id)) {
            if self.takes_part(state, &home, id, worker) {
                group.workers.insert(id, BTreeSet::new());
                if !worker.is_kinfolk() {
                    group.peers.insert(id);
                }
            }
        }
        group.unwilling.extend(self.watch.unwilling());
        let shards = state.shards_of(&home);
        for (id, shard) in shards.iter().filter(|(_, shard)| !shard.ended) {
            if !self.listing.ready(shards, id, shard) {
                continue;
            }
            match self.standing(state, &home, now, gone, id, shard) {
                Standing::Free => {
                    group.free.insert(id);
                }
                Standing::Held(owner) => match group.workers.get_mut(owner) {
                    Some(held) => {
                        held.insert(id);
                    }
                    None => group.elsewhere += 1,
                },
                Standing::Elsewhere => group.elsewhere += 1,
            }
        }
        group
    }

    fn standing<'a>(
        &self,
        state: &Snapshot,
        home: &Home,
        now: &Now,
        gone: Option<&WorkerId>,
        id: &ShardId,
        shard: &'a Shard,
    ) -> Standing<'a> {
        let Some(owner) = &shard.owner else {
            let kept = self.watch.is_kept(now, id, state);
            return if kept { Standing::Elsewhere } else { Standing::Free };
        };
        if gone == Some(owner) {
            return Standing::Free;
        }
        let Some(worker) = state.workers.get(owner) else {
            let (silence, unseen) = self.silences(shard.tenure().is_some());
            let free = self.watch.may_take_from_absent(now, owner, silence, unseen);
            return if free { Standing::Free } else { Standing::Elsewhere };
        };
        let run_out = shard.until.is_none_or(|until| until.plus(NODE_SKEW_MS) < now.wall);
        // A worker that used this slot before, and is in the group without it: the dates say until
        // when it may read on.
        let elsewhere = *owner != self.me && matches!(home, Home::Slot(_));
        match () {
            // In my name, without a tenure or with one that I have let go of (its slot was taken from
            // me and came back): only a new one makes it readable.
            () if *owner == self.me && !self.can_begin(id, shard) => Standing::Free,
            () if (elsewhere || !worker.is_kinfolk()) && run_out => Standing::Free,
            () => Standing::Held(owner),
        }
    }

    /// The free shards that fall to this worker, and those that fell to others who do not come.
    pub(super) fn takes<'a>(
        &'a self,
        state: &'a Snapshot,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (&'a ShardId, &'a Shard)> {
        let mine = plan.takes.values().filter(|worker| **worker == self.me).count();
        let room = plan.most.saturating_sub(self.held.len() + mine);
        let others = plan
            .takes
            .iter()
            .filter(|(shard, worker)| **worker != self.me && self.watch.is_left_free(shard));
        plan.takes
            .iter()
            .filter(|(_, worker)| **worker == self.me)
            .chain(others.take(room))
            .filter_map(|(id, _)| Some((id, self.shards(state).get(id)?)))
    }

    /// Drains what is to be given, and calls off what is no longer.
    pub(super) fn move_drains(&mut self, now: &Now, plan: &Plan, out: &mut Vec<Effect>) {
        if self.phase != Phase::Member {
            return;
        }
        let idle = self.view.as_ref().is_some_and(|state| self.is_idle(state));
        for (shard, held) in &mut self.held {
            let (shard, epoch) = (shard.clone(), held.epoch);
            let wanted = idle || plan.gives.contains_key(&shard);
            let rests = held.rest_until.is_some_and(|until| now.mono < until.mono);
            match held.stage {
                Stage::Reading if wanted && !rests => {
                    held.stage = Stage::Draining { since: *now };
                    out.push(Effect::Drain { shard, epoch });
                }
                Stage::Draining { since }
                    if !wanted
                        || now.at_most_since(&since) >= self.settings.timing.drain_ms.into() =>
                {
                    held.stage = Stage::Reading;
                    held.rest_until = Some(now.plus(self.settings.timing.drain_ms.into()));
                    out.push(Effect::Resume { shard: shard.clone(), epoch });
                    out.push(Effect::Notice(Event::HandOverCalledOff { shard }));
                }
                Stage::Drained if !wanted => {
                    held.stage = Stage::Reading;
                    out.push(Effect::Resume { shard, epoch });
                }
                _ => {}
            }
        }
    }

    /// On the way out nothing more is handed out; past the limit nothing is waited for, either.
    pub(super) fn drain_everything(&mut self, now: &Now, out: &mut Vec<Effect>) {
        let Phase::Leaving { since, limit_ms, .. } = self.phase else { return };
        let past = now.at_most_since(&since) >= limit_ms;
        for (shard, held) in &mut self.held {
            let (shard, epoch) = (shard.clone(), held.epoch);
            match held.stage {
                Stage::Reading | Stage::Draining { .. } if past => {
                    held.stage = Stage::Drained;
                    out.push(Effect::Stop { shard, epoch });
                }
                Stage::Reading => {
                    held.stage = Stage::Draining { since: *now };
                    out.push(Effect::Drain { shard, epoch });
                }
                _ => {}
            }
        }
    }

    /// A tenure of `owner` that begins now, and its date for Node consumers.
    ///
    /// Its epoch is also above every one that this worker has let go of, so that it is known as
    /// another one (P4) in whichever home.
    pub(super) fn tenure(
        &self,
        now: &Now,
        id: &ShardId,
        shard: &Shard,
        owner: &WorkerId,
    ) -> (Lease, WallTime) {
        let floor = self.floor.get(id).map_or(0, |epoch| epoch.saturating_add(1));
        let epoch = shard.next_epoch(now.wall).max(floor);
        let lease = Lease { epoch, owner: owner.clone() };
        (lease, now.wall.plus(settings::TERM_MS))
    }
}

/// The update that leases a shard to this worker.
pub(super) fn assign(coordinator: &Coordinator, now: &Now, id: &ShardId, shard: &Shard) -> Update {
    let (lease, until) = coordinator.tenure(now, id, shard, &coordinator.me);
    Update { lease: LeaseUpdate::Assign { lease, until }, ..Update::default() }
}
