//! Writers that race on one store: what was applied must form one chain of states.

use futures_util::future;
use kinfolk::Result;
use kinfolk::store::StateStore;
use kinfolk_core::change::{Change, Committed};
use kinfolk_core::snapshot::Snapshot;

use super::against::Trial;
use super::generate::Generator;
use super::{Plan, Report, Verdict};

pub(super) async fn check<S: StateStore>(
    make: &impl AsyncFn(Option<Snapshot>) -> Result<S>,
    plan: &Plan,
    report: &mut Report,
) -> Verdict {
    let trial = Trial { seed: plan.seed, part: "racing writers" };
    for round in 0..plan.states {
        let seed = plan.seed.wrapping_mul(1_000).wrapping_add(round as u64);
        let state = Generator::new(seed).state();
        let store = make(Some(state.clone())).await.map_err(|e| trial.broke("a new store", &e))?;
        let writers = (1..=plan.writers as u64).map(|writer| {
            let generator = Generator::new(seed ^ (writer << 40)).without_resets();
            write(&store, &state, generator, plan)
        });
        let records = future::try_join_all(writers).await;
        let mut records: Vec<Record> =
            records.map_err(|e| trial.broke("a commit", &e))?.into_iter().flatten().collect();
        let states = chain(&trial, state, &mut records, report)?;
        refusals(&trial, &states, &records, report)?;
        let last = store.look().await.map_err(|e| trial.broke("the last look", &e))?;
        if last.as_ref() != states.last() {
            return Err(trial.diverged("the last look", None, &states.last(), &last));
        }
    }
    Ok(())
}

/// A change and what became of it.
type Record = (Change, Committed);

/// One writer: each change is made from what the one before has shown.
async fn write(
    store: &impl StateStore,
    state: &Snapshot,
    mut generator: Generator,
    plan: &Plan,
) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(plan.changes);
    let mut view = Some(state.clone());
    for _ in 0..plan.changes / 2 {
        let change = generator.change(view.as_ref(), None);
        // Lets the others make theirs from a view that this one makes old.
        tokio::task::yield_now().await;
        let outcome = store.commit(&change).await?;
        view = match &outcome {
            Committed::Applied(after) => Some(after.clone()),
            Committed::Refused(before) => before.clone(),
            Committed::TooLarge => view,
        };
        records.push((change, outcome));
    }
    Ok(records)
}

/// Puts the applied changes in their order, and takes them out of the records: each leads from a
/// state to the very state that it came back with. Returns all states in order.
fn chain(
    trial: &Trial,
    first: Snapshot,
    records: &mut Vec<Record>,
    report: &mut Report,
) -> Verdict<Vec<Snapshot>> {
    let (mut applied, refused): (Vec<_>, Vec<_>) =
        records.drain(..).partition(|(_, outcome)| matches!(outcome, Committed::Applied(_)));
    *records = refused;
    let (mut state, mut states) = (first.clone(), vec![first]);
    while !applied.is_empty() {
        let follows = |(change, outcome): &Record| change.apply(Some(&state)) == *outcome;
        let Some(next) = applied.iter().position(follows) else {
            let (change, outcome) = applied.swap_remove(0);
            let expected = "a change that follows on the last state of the chain";
            return Err(trial.diverged("the chain ends", &change, &expected, &(state, outcome)));
        };
        if let (_, Committed::Applied(after)) = applied.swap_remove(next) {
            states.push(after.clone());
            state = after;
            report.raced += 1;
        }
    }
    Ok(states)
}

/// Each refused change must have met one of the states, and have had no place in it.
fn refusals(
    trial: &Trial,
    states: &[Snapshot],
    records: &[Record],
    report: &mut Report,
) -> Verdict {
    for (change, outcome) in records {
        let Committed::Refused(before) = outcome else { continue };
        let known = before.as_ref().is_some_and(|before| states.contains(before));
        if !known || change.holds(before.as_ref()) {
            let expected = "a refusal by a state of the chain in which a condition does not hold";
            return Err(trial.diverged("a refusal", change, &expected, before));
        }
        report.outraced += 1;
    }
    Ok(())
}
