//! A state without room: places go where older ones were, and whoever leaves is in no hurry.

use super::*;

fn place(sequence: &str) -> Progress {
    Progress { checkpoint: Checkpoint::at(sequence), arrival: Some(WallTime(5)) }
}

/// Says that shards are done up to here.
fn done(solo: &mut Solo, shards: &[&str], sequence: &str) {
    let held: Vec<_> = solo.coordinator.held().map(|(id, epoch)| (id.clone(), epoch)).collect();
    for (id, epoch) in held.into_iter().filter(|(id, _)| shards.contains(&id.as_str())) {
        solo.coordinator.progress(&id, epoch, place(sequence));
    }
}

/// The shards of which a change stores a place.
fn stored(change: &Change) -> Vec<&str> {
    let places = change.shards.iter().filter(|(_, edit)| match &edit.effect {
        ShardEffect::Set(update) => update.progress.is_some(),
        _ => false,
    });
    places.map(|(id, _)| id.as_str()).collect()
}

fn refuse(solo: &mut Solo) -> Change {
    let change = solo.written().expect("a write");
    solo.step(Input::Committed(Committed::TooLarge));
    change
}

/// A worker of these shards; of the first ones a place is stored.
fn worker(shards: &[&str], places: &[&str]) -> Solo {
    let mut solo = Solo::start(shards);
    solo.commit();
    done(&mut solo, places, "10");
    solo.after(2_500);
    assert_eq!(stored(&solo.commit()), places);
    solo
}

#[test]
fn a_first_place_waits_for_room_and_holds_up_no_other() {
    let mut solo = worker(&["a", "b", "c"], &["a", "b"]);
    done(&mut solo, &["a", "b", "c"], "20");
    solo.after(2_500);
    assert_eq!(stored(&refuse(&mut solo)), ["a", "b", "c"]);
    assert_eq!(stored(&solo.commit()), Vec::<&str>::new(), "first its proof of life");
    solo.after(2_500);
    assert_eq!(stored(&solo.commit()), ["a", "b"]);
    // A place that is longer than the one before takes room, too.
    done(&mut solo, &["a"], "30");
    done(&mut solo, &["b"], "300");
    solo.after(2_500);
    assert_eq!(stored(&solo.commit()), ["a"]);
    // Later all is tried again.
    solo.after(15_000);
    assert_eq!(stored(&solo.commit()), ["b", "c"]);
}

#[test]
fn a_given_shard_does_not_wait_for_the_room_of_its_place() {
    let mut solo = worker(&["a", "b"], &[]);
    done(&mut solo, &["a", "b"], "10");
    solo.after(2_500);
    refuse(&mut solo);
    solo.commit();
    solo.add_worker("w");
    let seen = solo.state.clone();
    solo.after(750);
    solo.step(Input::Looked(seen));
    let held: Vec<_> = solo.coordinator.held().map(|(id, epoch)| (id.clone(), epoch)).collect();
    let (shard, epoch) = held.last().unwrap().clone();
    let progress = Some(place("10"));
    solo.step(Input::Drained { shard: shard.clone(), epoch, progress });
    let change = solo.commit();
    assert_eq!(stored(&change), Vec::<&str>::new());
    assert_eq!(solo.state().shards[&shard].owner, Some("w".into()));
}

#[test]
fn a_worker_leaves_a_full_state_with_the_places_that_fit() {
    let mut solo = worker(&["a", "b", "c", "d", "e"], &["e"]);
    done(&mut solo, &["a", "b", "c", "d", "e"], "20");
    solo.step(Input::Shutdown { limit_ms: 30_000 });
    // It says that it leaves; there is no room for that, and its handlers are still at work.
    assert!(matches!(refuse(&mut solo).chain, Chain::Beat { says, .. } if says.leaving));
    let change = solo.commit();
    assert!(matches!(change.chain, Chain::Beat { says: Says::NOTHING, .. }));
    assert_eq!(stored(&change), ["e"]);
    let held: Vec<_> = solo.coordinator.held().map(|(id, epoch)| (id.clone(), epoch)).collect();
    for (shard, epoch) in held {
        solo.step(Input::Drained { shard, epoch, progress: Some(place("20")) });
    }
    assert_eq!(stored(&refuse(&mut solo)), ["a", "b", "c", "d"]);
    assert_eq!(stored(&refuse(&mut solo)), ["a", "b"]);
    let last = solo.commit();
    assert_eq!(stored(&last), ["a"]);
    assert!(matches!(last.chain, Chain::Leave { .. }));
    assert!(solo.state().shards.values().all(|shard| shard.owner.is_none()));
    assert!(solo.effects.contains(&Effect::Finished));
}

#[test]
fn a_leave_that_takes_no_room_and_does_not_fit_is_not_repeated_in_a_hurry() {
    let mut solo = worker(&["a", "b"], &[]);
    done(&mut solo, &["a", "b"], "10");
    solo.step(Input::Shutdown { limit_ms: 30_000 });
    solo.commit();
    let held: Vec<_> = solo.coordinator.held().map(|(id, epoch)| (id.clone(), epoch)).collect();
    for (shard, epoch) in held {
        solo.step(Input::Drained { shard, epoch, progress: Some(place("20")) });
    }
    let mut writes = 0;
    for _ in 0..200 {
        if solo.written().is_some() {
            refuse(&mut solo);
            writes += 1;
        }
        solo.after(50);
    }
    assert!((5..=8).contains(&writes), "{writes} writes in 10 s");
}
