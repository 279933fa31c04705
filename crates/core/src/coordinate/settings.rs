//! What a coordinator is set up with.

use super::{About, Initial, Limits};
use crate::id::{PlaceName, WorkerId};
use crate::snapshot::{Home, Snapshot, Worker};
use crate::time::WallTime;

/// How long a tenure's date for Node consumers runs, in milliseconds: their lease term.
pub(super) const TERM_MS: i64 = 300_000;
/// When less than this is left of it, it is moved. Node evicts on dates; a margin of minutes
/// keeps a clock that is far ahead from stealing.
pub(super) const RENEW_BELOW_MS: i64 = 180_000;
/// How often the first worker in order lists the stream's shards.
pub(super) const AUDIT_MS: u64 = 60_000;
/// How often every other worker does. Entries are forgotten after 15 minutes without the stream
/// showing the shard: whoever holds an older list would bring them back.
pub(super) const REFRESH_MS: u64 = 300_000;
/// For how long a listing says what is to be tracked.
pub(super) const LISTING_COUNTS_MS: u64 = 450_000;
/// How soon a listing is repeated that did not show a shard's children yet.
pub(super) const RELIST_MS: u64 = 200;
/// How long after a failed listing the next one is asked for.
pub(super) const LIST_AGAIN_MS: u64 = 500;
/// For how long a complete listing that names no children is not believed: a closed shard has
/// children, so the listing lags.
pub(super) const CHILDLESS_MS: u64 = 5_000;

/// Node consumers evict a worker whose date is 40 seconds old; dates may differ by 5.
const NODE_PATIENCE_MS: u64 = 35_000;

/// The deadlines of a worker, in milliseconds (protocol, section 8).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    /// How often a worker beats. Others evict it after three times that without a beat.
    pub beat_ms: u32,
    /// The limit of one attempt of a read or a write of the state.
    pub attempt_ms: u32,
    /// How long an acknowledged beat lets the worker believe in its leases.
    pub fence_ms: u32,
    /// How long a worker needs to stop handing out records once it no longer believes.
    pub stop_ms: u32,
    /// How often a worker looks at the state.
    pub look_ms: u32,
    /// How long a hand-over waits for a handler before it is called off.
    pub drain_ms: u32,
}

impl Timing {
    /// The defaults for a state on this machine's disk: a crashed worker's shards are read again
    /// after at most 3.3 seconds.
    pub const SQLITE: Timing = Timing {
        beat_ms: 1_000,
        attempt_ms: 300,
        fence_ms: 2_400,
        stop_ms: 500,
        look_ms: 100,
        drain_ms: 30_000,
    };

    /// The defaults for the lifion layout: a crashed worker's shards are read again after at
    /// most 8.25 seconds and a few calls.
    pub const LIFION: Timing = Timing {
        beat_ms: 2_500,
        attempt_ms: 1_000,
        fence_ms: 6_000,
        stop_ms: 1_300,
        look_ms: 750,
        drain_ms: 30_000,
    };

    /// After how long without a beat a worker that beats every `beat_ms` is silent.
    pub fn silence_ms(beat_ms: u32) -> u64 {
        u64::from(beat_ms) * 3
    }

    /// Why these deadlines are unsafe, if they are. Clocks may differ by 1 % in rate.
    pub fn check(&self) -> Result<(), &'static str> {
        let silence = Self::silence_ms(self.beat_ms);
        let (fence, stop) = (u64::from(self.fence_ms), u64::from(self.stop_ms));
        if fence * 101 + stop * 100 > silence * 99 {
            return Err("the fence and the time to stop must end before others evict the worker: \
                 fence × 1.01 + stop ≤ 3 × beat × 0.99");
        }
        if self.look_ms == 0 || self.beat_ms == 0 || self.attempt_ms == 0 {
            return Err("a beat, a look and an attempt take at least a millisecond");
        }
        if u64::from(self.beat_ms) + u64::from(self.attempt_ms) > NODE_PATIENCE_MS {
            return Err("Node consumers evict after 40 seconds: beat + attempt ≤ 35 seconds");
        }
        if u64::from(self.beat_ms) + 3 * u64::from(self.attempt_ms) > fence {
            return Err(
                "three attempts of a beat must fit before the fence: beat + 3 × attempt ≤ fence",
            );
        }
        Ok(())
    }
}

/// Whose records a worker reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It shares the stream's shards with the other workers of the group.
    #[default]
    Shared,
    /// It reads every shard of the stream, whatever the others do.
    Standalone {
        /// Under which name its place is kept, and found again by the next process of this name.
        /// Workers of one name share the shards among them. Without a name the place goes with
        /// the worker, or stays in the fan-out slot that it used.
        name: Option<PlaceName>,
    },
}

impl Mode {
    /// Where the shards of a worker of this mode are; `None` for a standalone worker without a
    /// name that reads by fan-out and has no slot.
    pub fn home(&self, fan_out: bool, me: &WorkerId, state: &Snapshot) -> Option<Home> {
        match self {
            Mode::Shared => Some(Home::Group),
            Mode::Standalone { name: Some(name) } => Some(Home::Place(name.clone())),
            Mode::Standalone { name: None } if fan_out => {
                state.slot_of(me).map(|(name, _)| Home::Slot(name.clone()))
            }
            Mode::Standalone { name: None } => Some(Home::Worker(me.clone())),
        }
    }

    /// The entry of a worker of this mode that takes part and has no shards in it.
    pub fn entry(&self, beat: WallTime, period_ms: u32, about: About) -> Worker {
        let (standalone, name) = match self {
            Mode::Shared => (false, None),
            Mode::Standalone { name } => (true, name.clone()),
        };
        let (period_ms, leaving, active, shards) = (Some(period_ms), false, true, None);
        Worker { beat, period_ms, leaving, active, standalone, name, shards, about }
    }

    /// Whether a worker of this mode keeps its shards in its fan-out slot, if it has one.
    pub fn lives_in_slot(&self) -> bool {
        *self == Mode::Standalone { name: None }
    }
}

/// What a coordinator is set up with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Its deadlines.
    pub timing: Timing,
    /// What one write of the store can hold.
    pub limits: Limits,
    /// Where a group begins that this worker creates, or a place of its own.
    pub initial: Initial,
    /// Whose records it reads.
    pub mode: Mode,
    /// It reads by fan-out: it takes a slot, and polls while it has none. One that keeps its shards
    /// in the slot takes part in nothing until then.
    pub fan_out: bool,
    /// What the worker says about itself.
    pub about: About,
    /// Take from a silent Node consumer only once its lease's own date is over, so that nothing
    /// is taken that it may still read when it comes back; a Node consumer that crashed then
    /// costs up to five minutes.
    pub strict_node_leases: bool,
}

impl Settings {
    /// Whether the worker keeps its shards in its fan-out slot.
    pub(super) fn lives_in_slot(&self) -> bool {
        self.fan_out && self.mode.lives_in_slot()
    }
}
