//! The one place that reads the machine's clocks.

use std::fmt::Debug;

use kinfolk_core::time::{Now, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// Where a consumer reads the time. Tests bring their own.
pub trait Clock: Debug + Send + Sync + 'static {
    /// What the clocks say now.
    fn now(&self) -> Now;
}

/// The clocks of this machine: monotonic, since boot, and wall.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let mono = milliseconds(ClockId::Monotonic);
        // Only Linux and Android count the time that the machine was suspended.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let boot = milliseconds(ClockId::Boottime);
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let boot = mono;
        Now {
            mono: u64::try_from(mono).unwrap_or(0),
            boot: u64::try_from(boot).unwrap_or(0),
            wall: WallTime(milliseconds(ClockId::Realtime)),
        }
    }
}

fn milliseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000)
}
