//! What happened in the group, for logs, metrics, the console and tests.

use crate::id::{ShardId, SlotName, WorkerId};
use crate::sequence::Checkpoint;
use crate::snapshot::Snapshot;

/// Something that a worker did, or that was done to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The worker created the group's state.
    Created {
        /// The worker.
        worker: WorkerId,
    },
    /// The stream was deleted and made again: the state of the old one was replaced.
    Reset {
        /// The state of the old stream.
        old: Box<Snapshot>,
    },
    /// The worker is a member of the group.
    Joined {
        /// The worker.
        worker: WorkerId,
    },
    /// The worker holds a shard and reads it.
    Started {
        /// The shard.
        shard: ShardId,
        /// The tenure's fencing token.
        epoch: u64,
    },
    /// The worker gave a shard to another one.
    Gave {
        /// The shard.
        shard: ShardId,
        /// The new owner.
        to: WorkerId,
    },
    /// The worker made a shard free.
    Released {
        /// The shard.
        shard: ShardId,
    },
    /// A shard changed hands without the worker's doing.
    Lost {
        /// The shard.
        shard: ShardId,
        /// Who holds it now.
        to: Option<WorkerId>,
    },
    /// A hand-over was called off: the handler kept a record for longer than the drain limit, or
    /// nobody needs the shard any more.
    HandOverCalledOff {
        /// The shard.
        shard: ShardId,
    },
    /// Every record of a shard is done; its children can be read.
    Ended {
        /// The shard.
        shard: ShardId,
        /// Its children.
        children: Vec<ShardId>,
    },
    /// The stream no longer lists a shard that was not read to its end: its records expired.
    Expired {
        /// The shard.
        shard: ShardId,
    },
    /// The worker removed a silent one.
    Evicted {
        /// The silent worker.
        worker: WorkerId,
    },
    /// The worker itself was removed, and joins again under another id.
    WasEvicted {
        /// Its id until now.
        worker: WorkerId,
    },
    /// Somebody else moved a shard's checkpoint beyond what the worker has done.
    CheckpointAhead {
        /// The shard.
        shard: ShardId,
        /// What is stored.
        stored: Checkpoint,
    },
    /// The worker uses a fan-out slot.
    TookSlot {
        /// The slot.
        slot: SlotName,
        /// The ARN of the registered consumer.
        arn: String,
    },
    /// The fan-out slot that the worker used is not its own any more.
    LostSlot {
        /// The slot.
        slot: SlotName,
    },
    /// Every fan-out slot is in use: the worker polls until one is free. A standalone worker without
    /// a name, whose shards are to be in the slot, reads nothing until then.
    NoSlotFree,
    /// The state is large for the number of workers: the worker beats less often from now on, or
    /// more often again.
    Period {
        /// How often it beats, in milliseconds.
        beat_ms: u32,
        /// The size of the state in bytes.
        bytes: u64,
    },
    /// The state is close to the most that its store can hold.
    StateLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The most that the store can hold.
        most: u64,
    },
    /// A write did not fit the state any more. A place is stored in the room of the one before;
    /// the first place of a shard, and shards that are new, wait until there is room. A shard that
    /// changes hands meanwhile begins again behind the place that is stored.
    StateFull,
    /// The state was not there any more; the worker makes it again from what it knows.
    StateMissing,
    /// The worker left the group.
    Left {
        /// The worker.
        worker: WorkerId,
    },
}
