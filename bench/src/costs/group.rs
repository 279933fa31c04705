//! A group of real consumers in this process, on a stream in memory and a table of the local
//! server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use kinfolk::core::snapshot::{Snapshot, held_by};
use kinfolk::store::StateStore;
use kinfolk::store::dynamo::lifion::LifionStore;
use kinfolk::store::dynamo::table::{DEFAULT_TABLE, TableSettings};
use kinfolk::{Consumer, ErrorKind};
use kinfolk_local::{Local, Units};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::beats::Beats;
use super::log::{Log, Logged};
use super::stream::Stream;
use super::{Load, Ours, Shape};
use crate::{Result, clients};

/// For how long units are counted at the least …
const WINDOW_MS: u32 = 60_000;
/// … and for how many beats: at either end of the window one may fall inside or outside.
const WINDOW_BEATS: u32 = 15;
/// How often the state is looked at while the group settles.
const POLL: Duration = Duration::from_secs(1);
/// How long it may take to settle.
const PATIENCE: Duration = Duration::from_secs(150);
/// How many records a handler takes at once, at most.
const BATCH: usize = 1_000;

/// The workers of one group. Dropping it ends them.
pub struct Group {
    shape: Shape,
    local: Local,
    dynamodb: Client,
    /// For looking at the group from outside.
    store: LifionStore,
    stream: Arc<Stream>,
    logs: Vec<Arc<Log>>,
    handlers: JoinSet<()>,
}

impl Group {
    /// Starts the servers and all workers.
    pub async fn start(shape: Shape) -> Result<Self> {
        let local = Local::builder().start().await?;
        let dynamodb = clients::dynamodb(&local);
        TableSettings::new().ensure(&dynamodb).await?;
        let store = LifionStore::new(&dynamodb, DEFAULT_TABLE, "costs", "costs");
        let store = store.attempt_limit(PATIENCE);
        let stream = Arc::new(Stream::new(shape.shards));
        let (logs, handlers) = (Vec::new(), JoinSet::new());
        let mut group = Self { shape, local, dynamodb, store, stream, logs, handlers };
        for _ in 0..shape.workers {
            group.add_worker().await?;
        }
        Ok(group)
    }

    async fn add_worker(&mut self) -> Result<()> {
        let log = Arc::new(Log::default());
        let store = LifionStore::new(&self.dynamodb, DEFAULT_TABLE, "costs", "costs");
        let store = Arc::new(Logged { store, log: log.clone() });
        let consumer = self.consumer(store).await?;
        self.logs.push(log);
        self.handlers.spawn(async move {
            while let Some(batch) = consumer.next_batch(BATCH).await {
                batch.ack();
            }
        });
        // Only one worker creates the state: the next ones are to find it.
        while self.store.look().await?.is_none() {
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Starting is the caller's to repeat: the first look at a large state may take longer than one
    /// attempt may.
    async fn consumer(&self, store: Arc<Logged>) -> Result<Consumer> {
        let begin = Instant::now();
        loop {
            let builder = Consumer::builder("costs", "costs").app_name("costs");
            match builder.start(self.stream.clone(), store.clone()).await {
                Err(error)
                    if error.kind() == ErrorKind::Unavailable && begin.elapsed() < PATIENCE =>
                {
                    sleep(POLL).await;
                }
                started => return Ok(started?),
            }
        }
    }

    /// Brings the load about, waits until nothing changes any more, and counts.
    pub async fn count(&self, load: Load) -> Result<Ours> {
        if load == Load::Busy {
            self.stream.begin();
        }
        let period_ms = self.settle(load).await?;
        let longest = period_ms.1.max(1);
        let period = Duration::from_millis(longest.into());

        let (began, failed, units) = (Instant::now(), self.failed(), self.local.units());
        sleep(period * WINDOW_BEATS.max(WINDOW_MS.div_ceil(longest))).await;
        let (units, window) = (self.local.units() - units, began.elapsed());
        let writes: Vec<_> = self.logs.iter().map(|log| log.writes_since(began)).collect();
        let failed = self.failed() - failed;

        let beats = Beats::of(&writes, period);
        if self.look(load).await? != Some(period_ms) {
            return Err(format!("the group of {} changed while it was counted", self.shape).into());
        }
        let an_hour = 3_600.0 / window.as_secs_f64();
        Ok(Ours {
            shape: self.shape,
            load,
            bytes: self.store.usage().bytes,
            period_ms,
            measured: beats.apart,
            writes_a_beat: beats.writes,
            window: window.as_secs_f64(),
            failed,
            an_hour: Units { read: units.read * an_hour, write: units.write * an_hour },
        })
    }

    /// Waits until every worker has its share and has kept its period for a while, and every
    /// place is stored that there will be. Returns the shortest and the longest period.
    async fn settle(&self, load: Load) -> Result<(u32, u32)> {
        let begin = Instant::now();
        let (mut last, mut since) = (None, begin);
        while begin.elapsed() < PATIENCE {
            let periods = self.look(load).await?;
            if periods != last {
                (last, since) = (periods, Instant::now());
            }
            if let Some(periods) = last
                && since.elapsed() > Duration::from_millis(2 * u64::from(periods.1))
            {
                return Ok(periods);
            }
            sleep(POLL).await;
        }
        Err(format!("the group of {} did not settle", self.shape).into())
    }

    /// The periods of a state that is as it should be.
    async fn look(&self, load: Load) -> Result<Option<(u32, u32)>> {
        let state = self.store.look().await?.ok_or("the state is gone")?;
        let stored = state.shards.values().all(|shard| shard.checkpoint.sequence.is_some());
        if !self.is_balanced(&state) || load == Load::Busy && !stored {
            return Ok(None);
        }
        let periods = || state.workers.values().filter_map(|worker| worker.period_ms);
        Ok(periods().min().zip(periods().max()))
    }

    fn is_balanced(&self, state: &Snapshot) -> bool {
        let Shape { shards, workers } = self.shape;
        let share = |id| held_by(&state.shards, id).count() == (shards / workers) as usize;
        state.workers.len() == workers as usize && state.workers.keys().all(share)
    }

    fn failed(&self) -> u64 {
        self.logs.iter().map(|log| log.failed()).sum()
    }
}
