//! Random changes, one after the other, against the definition.

use kinfolk::Result;
use kinfolk::store::StateStore;
use kinfolk_core::change::{Change, Committed};
use kinfolk_core::snapshot::Snapshot;

use super::flaw::Flaw;
use super::generate::Generator;
use super::{Divergence, Plan, Report, Verdict};

pub(super) async fn check<S: StateStore>(
    make: &impl AsyncFn(Option<Snapshot>) -> Result<S>,
    plan: &Plan,
    report: &mut Report,
) -> Verdict {
    let mut generator = Generator::new(plan.seed);
    // Every flaw in turn, each second change; they go on from state to state.
    let mut flaws = Flaw::ALL.iter().copied().cycle();
    for round in 0..plan.states {
        // Every fourth begins with nothing.
        let mut state = (round % 4 != 3).then(|| generator.state());
        let trial = Trial { seed: plan.seed, part: "a sequence of changes" };
        let store = make(state.clone()).await.map_err(|e| trial.broke("a new store", &e))?;
        for step in 0..plan.changes {
            let flaw = if step % 2 == 0 { None } else { flaws.next() };
            let change = generator.change(state.as_ref(), flaw);
            let at = format!("state {round}, change {step}, flaw {flaw:?}");
            state = trial.step(&store, state, &change, &at, report).await?;
        }
    }
    Ok(())
}

/// One part of the suite, for its reports.
pub(super) struct Trial {
    pub(super) seed: u64,
    pub(super) part: &'static str,
}

impl Trial {
    /// Commits a change, and compares what comes of it. Returns the state after it.
    async fn step(
        &self,
        store: &impl StateStore,
        state: Option<Snapshot>,
        change: &Change,
        at: &str,
        report: &mut Report,
    ) -> Verdict<Option<Snapshot>> {
        let expected = change.apply(state.as_ref());
        let saw = store.commit(change).await.map_err(|error| self.broke(at, &error))?;
        if saw != expected {
            return Err(self.diverged(at, change, &expected, &saw));
        }
        let after = match expected {
            Committed::Applied(after) => {
                report.applied += 1;
                Some(after)
            }
            Committed::Refused(before) => {
                report.refused += 1;
                before
            }
            // No change is by itself; the states here are small.
            Committed::TooLarge => state,
        };
        let looked = store.look().await.map_err(|error| self.broke(at, &error))?;
        if looked != after {
            return Err(self.diverged(
                &format!("{at}, a look afterwards"),
                change,
                &after,
                &looked,
            ));
        }
        Ok(after)
    }

    pub(super) fn diverged<'a>(
        &self,
        at: &str,
        change: impl Into<Option<&'a Change>>,
        expected: &impl std::fmt::Debug,
        saw: &impl std::fmt::Debug,
    ) -> Divergence {
        Divergence {
            seed: self.seed,
            at: format!("{}: {at}", self.part),
            change: change.into().cloned().map(Box::new),
            expected: format!("{expected:#?}"),
            saw: format!("{saw:#?}"),
        }
    }

    pub(super) fn broke(&self, at: &str, error: &kinfolk::Error) -> Divergence {
        Divergence {
            seed: self.seed,
            at: format!("{}: {at}", self.part),
            change: None,
            expected: "an answer".to_owned(),
            saw: error.report().to_string(),
        }
    }
}
