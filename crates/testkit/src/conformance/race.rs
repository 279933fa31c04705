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
    let (applied, refused): (Vec<_>, Vec<_>) =
        records.drain(..).partition(|(_, outcome)| matches!(outcome, Committed::Applied(_)));
    *records = refused;
    let mut links = Links { states: vec![first], rest: applied.iter().collect(), best: None };
    if links.join() {
        report.raced += applied.len();
        return Ok(links.states);
    }
    let (state, left) = links.best.unwrap_or_default();
    let change = left.first().map(|(change, _)| change);
    let expected = "a change that follows on the last state of the chain";
    Err(trial.diverged("the chain ends", change, &expected, &(state, left.first())))
}

/// A chain of states, and the changes that are to follow.
struct Links<'a> {
    states: Vec<Snapshot>,
    rest: Vec<&'a Record>,
    /// The last state of the longest chain that led nowhere, and what was left then.
    best: Option<(Option<Snapshot>, Vec<&'a Record>)>,
}

impl Links<'_> {
    /// Whether the rest follows, in whichever order. A worker that joins and leaves again brings a
    /// state back: then several changes follow on it, and a wrong one leads nowhere.
    fn join(&mut self) -> bool {
        let Some(state) = self.states.last().cloned() else { return false };
        let follows = |(change, outcome): &&Record| change.apply(Some(&state)) == *outcome;
        let next: Vec<_> = self.rest.iter().copied().filter(follows).collect();
        for record in next {
            let Committed::Applied(after) = &record.1 else { continue };
            self.rest.retain(|left| !std::ptr::eq(*left, record));
            self.states.push(after.clone());
            if self.join() {
                return true;
            }
            self.states.pop();
            self.rest.push(record);
        }
        if self.best.as_ref().is_none_or(|(_, left)| left.len() > self.rest.len()) {
            self.best = Some((Some(state), self.rest.clone()));
        }
        self.rest.is_empty()
    }
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

#[cfg(test)]
mod tests {
    use kinfolk_core::change::{Chain, Says};

    use super::*;

    #[test]
    fn a_state_that_comes_back_has_the_changes_that_lead_away_from_it_in_either_order() {
        let first = Generator::new(7).state();
        let (writer, entry) = first.workers.first_key_value().unwrap();
        let (created_on, prev, next) = (first.created_on, entry.beat, entry.beat.plus(1));
        let change = |writer, chain| Change::new(writer, chain, "stamp".into());
        let says = Says::NOTHING;
        let beat = change(writer.clone(), Chain::Beat { prev, next, says });
        let entry = entry.clone();
        let join = change("guest".into(), Chain::Join { created_on, entry });
        let leave = change("guest".into(), Chain::Leave { prev });
        let joined = after(&join, &first);
        assert_eq!(after(&leave, &joined), first);
        // The guest came and went before the beat.
        let happened = [(&beat, &first), (&join, &first), (&leave, &joined)];
        let mut records: Vec<Record> =
            happened.map(|(c, s)| (c.clone(), c.apply(Some(s)))).to_vec();
        let (trial, mut report) = (Trial { seed: 7, part: "a test" }, Report::default());
        let states = chain(&trial, first.clone(), &mut records, &mut report).unwrap();
        assert_eq!(states, [first.clone(), joined.clone(), first.clone(), after(&beat, &first)]);
        // What follows on none of them is still found.
        let lost = (beat.clone(), Committed::Applied(joined));
        assert!(chain(&trial, first, &mut vec![lost], &mut report).is_err());
    }

    fn after(change: &Change, state: &Snapshot) -> Snapshot {
        match change.apply(Some(state)) {
            Committed::Applied(after) => after,
            refused => panic!("{refused:?}"),
        }
    }
}
