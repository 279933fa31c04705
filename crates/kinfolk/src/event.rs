//! What a consumer tells whoever listens: logs, metrics, the console, tests.

use std::path::PathBuf;

use kinfolk_core::id::ShardId;
use kinfolk_core::reader::{FallBack, Loss, Problem};
use kinfolk_core::sequence::SequenceNumber;
use tokio::sync::broadcast;

pub use kinfolk_core::event::Event as GroupEvent;

use crate::aggregate::Malformed;

/// How many events a slow listener may fall behind before it misses some.
const BACKLOG: usize = 1_024;

/// Something that happened to a consumer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// In the group: who joined, who took what from whom.
    Group(GroupEvent),
    /// A shard was read, by polling or by an event of fan-out.
    Fetched {
        /// The shard.
        shard: ShardId,
        /// How many records came; an aggregate counts as one.
        records: u32,
        /// Their size in bytes.
        bytes: u64,
        /// How far this is behind the tip, in milliseconds, if Kinesis said so.
        behind_ms: Option<u64>,
    },
    /// An answer held records that begin as aggregates and cannot be opened. They are handed out
    /// as they came.
    Malformed {
        /// The shard.
        shard: ShardId,
        /// The first of them.
        sequence: SequenceNumber,
        /// What is wrong with it.
        why: Malformed,
        /// How many there were in the answer.
        records: u32,
    },
    /// A shard cannot be read; the consumer goes on trying.
    Problem {
        /// The shard.
        shard: ShardId,
        /// What it is.
        problem: Problem,
        /// What Kinesis said.
        message: String,
    },
    /// A shard is subscribed to by enhanced fan-out: its records are pushed from now on.
    Subscribed {
        /// The shard.
        shard: ShardId,
        /// For the how manieth time in this tenure: a subscription lasts five minutes, and the next
        /// one goes on from its place.
        times: u32,
    },
    /// A subscription is over. The shard is subscribed to again from the same place.
    Unsubscribed {
        /// The shard.
        shard: ShardId,
        /// What ended it.
        loss: Loss,
        /// What Kinesis or the network said, if they did.
        message: String,
    },
    /// A shard that is to be read by fan-out is polled from the same place on. Fan-out is tried again
    /// after five minutes, and whenever the worker has another slot; an event
    /// [`Subscribed`](Self::Subscribed) says so.
    FellBack {
        /// The shard.
        shard: ShardId,
        /// Why.
        reason: FallBack,
        /// What Kinesis or the network said last, if they did.
        message: String,
    },
    /// The shared state cannot be reached. The worker goes on trying, and pauses once its leases
    /// may have run out.
    StateUnreachable {
        /// What was attempted, and what came of it.
        message: String,
    },
    /// The state of a stream that was deleted and made again was kept before it is replaced.
    StateKept {
        /// The file that holds it, as DynamoDB's typed JSON.
        file: PathBuf,
    },
    /// Records have been in hands for a minute without an acknowledgement.
    Stalled {
        /// The shard.
        shard: ShardId,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
}

/// The sending side: logs every event and hands it to whoever listens.
#[derive(Clone, Debug)]
pub(crate) struct Announcer(broadcast::Sender<Event>);

impl Announcer {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn say(&self, event: Event) {
        log(&event);
        // Nobody listening is fine.
        let _ = self.0.send(event);
    }

    pub(crate) fn listen(&self) -> Events {
        Events(self.0.subscribe())
    }
}

/// The events of a consumer: see [`Consumer::events`](crate::Consumer::events).
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next event; `None` when the consumer is over. A listener that falls 1,024 events
    /// behind misses the oldest ones. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "a listener was too slow for the events");
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::Group(event) => log_group(event),
        Event::Fetched { shard, records, bytes, behind_ms } => {
            tracing::trace!(%shard, records, bytes, behind_ms, "fetched");
        }
        Event::Malformed { shard, sequence, why, records } => {
            tracing::warn!(
                %shard, %sequence, %why, records,
                "cannot open an aggregate: it is handed out as it came"
            );
        }
        Event::Problem { shard, problem, message } => {
            tracing::warn!(%shard, ?problem, message, "cannot read the shard, trying again");
        }
        Event::Subscribed { shard, times } => tracing::info!(%shard, times, "subscribed"),
        Event::Unsubscribed { shard, loss: Loss::Ended, .. } => {
            tracing::debug!(%shard, "a subscription ran out");
        }
        Event::Unsubscribed { shard, loss, message } => {
            tracing::warn!(%shard, ?loss, message, "a subscription failed, trying again");
        }
        Event::FellBack { shard, reason, message } => {
            tracing::warn!(%shard, ?reason, message, "polls a shard that is to be read by fan-out");
        }
        Event::StateUnreachable { message } => {
            tracing::warn!(message, "cannot reach the group's state, trying again");
        }
        Event::StateKept { file } => {
            tracing::warn!(file = %file.display(), "kept the old stream's state");
        }
        Event::Stalled { shard, for_ms } => {
            tracing::warn!(%shard, for_ms, "nothing is acknowledged while records are in hands");
        }
    }
}

fn log_group(event: &GroupEvent) {
    match event {
        GroupEvent::Created { worker } => tracing::info!(%worker, "created the group"),
        GroupEvent::Joined { worker } => tracing::info!(%worker, "joined the group"),
        GroupEvent::Left { worker } => tracing::info!(%worker, "left the group"),
        GroupEvent::Started { shard, epoch } => tracing::info!(%shard, epoch, "reads a shard"),
        GroupEvent::Gave { shard, to } => tracing::info!(%shard, %to, "gave a shard"),
        GroupEvent::Released { shard } => tracing::info!(%shard, "released a shard"),
        GroupEvent::Ended { shard, .. } => tracing::info!(%shard, "a shard is done"),
        GroupEvent::Evicted { worker } => tracing::warn!(%worker, "removed a silent worker"),
        GroupEvent::WasEvicted { worker } => tracing::warn!(
            %worker,
            "was removed from the group as silent; joins again. Check this machine's clock and load"
        ),
        GroupEvent::Expired { shard } => tracing::error!(
            %shard,
            "the stream does not list the shard any more: records were lost before they were read"
        ),
        GroupEvent::TookSlot { slot, .. } => tracing::info!(%slot, "uses a fan-out slot"),
        GroupEvent::LostSlot { slot } => tracing::warn!(%slot, "lost its fan-out slot"),
        GroupEvent::NoSlotFree => tracing::warn!(
            "every fan-out slot is in use: polls, or waits if its place is to be in one. Ask for more \
             of them, or run fewer workers"
        ),
        GroupEvent::Period { beat_ms, bytes } => tracing::warn!(
            beat_ms,
            bytes,
            "the period follows the size of the state: a failover takes three periods and a look"
        ),
        GroupEvent::StateLarge { bytes, most } => tracing::warn!(
            bytes,
            most,
            "the state is nearly as large as its store can hold: remove the places of names that \
             nobody uses, or run fewer workers"
        ),
        GroupEvent::StateFull => tracing::error!(
            "the state is as large as its store can hold: shards that are new and first places \
             wait until there is room. Remove the places of names that nobody uses"
        ),
        GroupEvent::Reset { .. } => tracing::warn!(
            "the stream was deleted and made again: the group starts over at its beginning"
        ),
        other => tracing::warn!(event = ?other, "in the group"),
    }
}
