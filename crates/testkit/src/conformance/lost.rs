//! Answers that are lost, requests that are late: repeating settles them, and nothing happens
//! twice.

use std::sync::Arc;

use kinfolk::Result;
use kinfolk::store::StateStore;
use kinfolk_core::change::{Chain, Change, Committed};
use kinfolk_core::snapshot::Snapshot;

use super::against::Trial;
use super::generate::Generator;
use super::{Plan, Report, Verdict};
use crate::faulty::{Fault, Faulty};

pub(super) async fn check<S: StateStore>(
    make: &impl AsyncFn(Option<Snapshot>) -> Result<S>,
    plan: &Plan,
    report: &mut Report,
) -> Verdict {
    let trial = Trial { seed: plan.seed, part: "lost answers" };
    let mut generator = Generator::new(plan.seed.rotate_left(32));
    for round in 0..plan.states {
        let mut state = (round % 4 != 3).then(|| generator.state());
        let store = make(state.clone()).await.map_err(|e| trial.broke("a new store", &e))?;
        let store = Faulty::new(Arc::new(store));
        for _ in 0..plan.changes {
            let change = generator.change(state.as_ref(), None);
            let Committed::Applied(after) = change.apply(state.as_ref()) else { continue };
            let fault = generator.rng.pick(Fault::ALL.iter().copied());
            settle(&trial, &store, &change, &after, fault, report).await?;
            // A join counts on its id being new: once the worker is gone again, only that nobody
            // uses an id twice (protocol rule P9) keeps a late one from being applied.
            if matches!(change.chain, Chain::Join { .. }) || generator.rng.chance(25) {
                deliver(&trial, &store, &after, report).await?;
            }
            state = Some(after);
        }
    }
    Ok(())
}

/// Commits a change that fits, under a fault, and repeats it until there is an answer.
async fn settle(
    trial: &Trial,
    store: &Faulty,
    change: &Change,
    after: &Snapshot,
    fault: Option<Fault>,
    report: &mut Report,
) -> Verdict {
    fault.into_iter().for_each(|fault| store.inject(fault));
    let at = format!("a change under {fault:?}");
    let applied = Committed::Applied(after.clone());
    let (saw, expected) = match store.commit(change).await {
        Ok(saw) => (saw, applied),
        Err(_) => {
            let again = store.commit(change).await.map_err(|e| trial.broke(&at, &e))?;
            report.settled += 1;
            let refused = Committed::Refused(Some(after.clone()));
            (again, if fault == Some(Fault::LoseAnswer) { refused } else { applied })
        }
    };
    if saw != expected {
        return Err(trial.diverged(&at, change, &expected, &saw));
    }
    // How the writer tells that its change was applied, whatever the answer was.
    let beat = after.workers.get(&change.worker).map(|worker| worker.beat);
    if beat != change.chain.beat() {
        return Err(trial.diverged("the writer's beat", change, &change.chain.beat(), &beat));
    }
    Ok(())
}

/// Delivers what is late: all of it must be refused, and the state stay as it is.
async fn deliver(trial: &Trial, store: &Faulty, state: &Snapshot, report: &mut Report) -> Verdict {
    let at = "a late request";
    for (change, outcome) in store.deliver().await.map_err(|e| trial.broke(at, &e))? {
        let expected = Committed::Refused(Some(state.clone()));
        if outcome != expected {
            return Err(trial.diverged(at, &change, &expected, &outcome));
        }
        report.stale += 1;
    }
    Ok(())
}
