//! Consumer groups as they stand, for those who look at them without taking part.

mod description;
mod list;

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use kinfolk_core::id::{GroupName, ShardId, StreamName};
use kinfolk_core::reader::Position;

pub use description::{
    Description, Kind, Lag, Member, ShardState, ShardStatus, SlotStatus, Standalone,
};
pub use list::{Listed, list};

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::source::{ReadError, Source};
use crate::store::StateStore;

/// How many shards are probed at once.
const PROBES: usize = 8;

/// A read-only view of a group: nothing here writes, and no worker notices, except that probing
/// reads from the shards.
#[derive(Clone, Debug)]
pub struct Group {
    stream: StreamName,
    group: GroupName,
    source: Arc<dyn Source>,
    store: Arc<dyn StateStore>,
    clock: Arc<dyn Clock>,
}

impl Group {
    /// The group of that name, whose state is in `store`, on the stream that is `source`.
    pub fn new(
        stream: impl Into<StreamName>,
        group: impl Into<GroupName>,
        source: Arc<dyn Source>,
        store: Arc<dyn StateStore>,
    ) -> Self {
        let clock = Arc::new(SystemClock);
        Self { stream: stream.into(), group: group.into(), source, store, clock }
    }

    /// Another clock; for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The group now. Every [`Lag`] is left open: see [`probe`](Self::probe).
    ///
    /// # Errors
    /// `Config` if there is no such stream, or the group has no state on it; otherwise as the
    /// source and the store fail.
    pub async fn describe(&self) -> Result<Description> {
        let looked =
            futures_util::try_join!(self.source.describe(), self.source.list(), self.store.look());
        let (live, listing, state) = looked?;
        let Some(state) = state else {
            let message = format!(
                "group {} has no state on stream {} yet: its first worker creates it; start one, \
                 or check both names and where the state is kept",
                self.group, self.stream
            );
            return Err(Error::new(ErrorKind::Config, message));
        };
        let names = (self.stream.clone(), self.group.clone());
        let live = Some((&listing, live.created_on));
        Ok(Description::new(names, &state, live, self.clock.now().wall))
    }

    /// Finds out how far each shard that has not ended is behind, by reading a record of it.
    ///
    /// That uses one of the five reads a second that Kinesis grants a shard, so that a worker at
    /// full speed may be throttled for a moment. A shard that cannot be read says why.
    pub async fn probe(&self, description: &mut Description) {
        let unfinished = |shard: &&mut ShardStatus| shard.state != ShardState::Ended;
        let shards = description.all_shards().filter(unfinished);
        let probe = async |shard: &mut ShardStatus| {
            let Some(next) = &shard.next else {
                shard.lag = Lag::Unknown("its Node consumer decides where to begin".to_owned());
                return;
            };
            shard.lag = match self.lag(&shard.id, next).await {
                Ok(ms) => Lag::Ms(ms),
                Err(failed) => Lag::Unknown(failed.error.report().to_string()),
            };
        };
        stream::iter(shards).for_each_concurrent(PROBES, probe).await;
    }

    /// For how long the first record from this position on has been there.
    async fn lag(&self, shard: &ShardId, from: &Position) -> Result<u64, ReadError> {
        let iterator = self.source.iterator(shard, from).await?;
        let answer = self.source.fetch(shard, &iterator, 1).await?;
        let behind = answer.behind_ms.unwrap_or(0);
        let arrival = answer.page.get(0).and_then(|record| record.arrival());
        let age = arrival.map(|at| description::age_ms(at, self.clock.now().wall));
        // The record is the oldest that is not done: one alone is not behind the tip at all.
        Ok(age.unwrap_or(0).max(behind))
    }
}

#[cfg(test)]
mod tests;
