//! What every store must pass: random changes against their definition, racing writers, and
//! answers that are lost.
//!
//! ```no_run
//! # async fn passes() -> Result<(), kinfolk_testkit::conformance::Divergence> {
//! use kinfolk::store::memory::MemoryStore;
//! use kinfolk_testkit::conformance::{self, Plan};
//!
//! let make = async |state: Option<_>| Ok(state.map_or_else(MemoryStore::new, MemoryStore::holding));
//! let report = conformance::check(make, &Plan::new(7)).await?;
//! println!("{report:?}");
//! # Ok(())
//! # }
//! ```

mod against;
mod flaw;
mod generate;
mod lost;
mod race;
mod rng;

use std::fmt;

use kinfolk::Result;
use kinfolk::store::StateStore;
use kinfolk_core::change::Change;
use kinfolk_core::snapshot::Snapshot;

/// How much is tried, and from which seed. The same plan tries the same changes, up to the order
/// in which racing writers are served.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the randomness comes from.
    pub seed: u64,
    /// How many states each part begins with.
    pub states: usize,
    /// How many changes each state sees; of each racing writer half as many.
    pub changes: usize,
    /// How many writers race.
    pub writers: usize,
}

impl Plan {
    /// A plan that takes seconds on a local database.
    pub fn new(seed: u64) -> Self {
        Self { seed, states: 6, changes: 48, writers: 4 }
    }
}

/// What was tried.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Changes that were applied, as they had to be.
    pub applied: usize,
    /// Changes that were refused, as they had to be.
    pub refused: usize,
    /// Changes of racing writers that were applied, one after the other.
    pub raced: usize,
    /// Changes of racing writers that were refused.
    pub outraced: usize,
    /// Answers that were lost and settled by repeating.
    pub settled: usize,
    /// Late and repeated requests that changed nothing.
    pub stale: usize,
}

/// A store does not do what [`Change::apply`] says.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// The plan's seed.
    pub seed: u64,
    /// Where it happened, for people.
    pub at: String,
    /// The change that showed it.
    pub change: Option<Box<Change>>,
    /// What the definition says.
    pub expected: String,
    /// What the store did.
    pub saw: String,
}

impl Divergence {
    /// The divergence on one line, without the states.
    pub fn brief(&self) -> String {
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        let (expected, saw) = (first(&self.expected), first(&self.saw));
        format!("seed {}, {}: expected {expected}, saw {saw}", self.seed, self.at)
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.brief())?;
        if let Some(change) = &self.change {
            writeln!(f, "change: {change:#?}")?;
        }
        // States are long: their common lines say nothing.
        let (expected, saw): (Vec<_>, Vec<_>) =
            (self.expected.lines().collect(), self.saw.lines().collect());
        for line in expected.iter().filter(|line| !saw.contains(line)) {
            writeln!(f, "- {line}")?;
        }
        for line in saw.iter().filter(|line| !expected.contains(line)) {
            writeln!(f, "+ {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Divergence {}

/// What a part of the suite finds.
pub type Verdict<T = ()> = std::result::Result<T, Divergence>;

/// Holds a store to the definition. `make` returns an empty store, or one that holds the given
/// state; each store that it returns has a state of its own.
pub async fn check<S: StateStore>(
    make: impl AsyncFn(Option<Snapshot>) -> Result<S>,
    plan: &Plan,
) -> Verdict<Report> {
    let mut report = Report::default();
    against::check(&make, plan, &mut report).await?;
    race::check(&make, plan, &mut report).await?;
    lost::check(&make, plan, &mut report).await?;
    Ok(report)
}
