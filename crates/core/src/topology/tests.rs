use super::*;
use proptest::prelude::*;

fn info(id: &str, parents: &[&str], closed: bool, start: u128, end: u128) -> ShardInfo {
    ShardInfo {
        id: id.into(),
        parent: parents.first().map(|&p| p.into()),
        adjacent: parents.get(1).map(|&p| p.into()),
        starting_sequence: format!("100{id}").as_str().into(),
        closed,
        hash_range: HashRange { start, end },
    }
}

/// 0 was split into 1 and 2; 2 and 3 were merged into 4; 4's children are not there yet.
fn history() -> Listing {
    [
        info("0", &["gone"], true, 0, 99),
        info("1", &["0"], false, 0, 49),
        info("2", &["0"], true, 50, 99),
        info("3", &[], true, 100, u128::MAX),
        info("4", &["2", "3"], false, 50, u128::MAX),
    ]
    .into_iter()
    .collect()
}

fn ready_ones(listing: &Listing, shards: &Shards) -> Vec<String> {
    let ready = |(id, shard): &(&ShardId, &Shard)| !shard.ended && listing.ready(shards, id, shard);
    shards.iter().filter(ready).map(|(id, _)| id.to_string()).collect()
}

#[test]
fn from_the_trim_horizon_every_listed_shard_is_read_parents_first() {
    let listing = history();
    let mut shards = listing.first_entries(Initial::TrimHorizon, WallTime(7), &"v".into());
    assert_eq!(ready_ones(&listing, &shards), ["0", "3"], "a trimmed parent does not block");
    shards.get_mut("0").unwrap().ended = true;
    assert_eq!(ready_ones(&listing, &shards), ["1", "2", "3"]);
    shards.get_mut("2").unwrap().ended = true;
    assert_eq!(ready_ones(&listing, &shards), ["1", "3"], "one parent of a merge is not enough");
    shards.get_mut("3").unwrap().ended = true;
    assert_eq!(ready_ones(&listing, &shards), ["1", "4"]);
}

#[test]
fn children_start_at_their_beginning_and_roots_at_the_initial_position() {
    let entries = history().first_entries(Initial::TrimHorizon, WallTime(7), &"v".into());
    assert_eq!(entries["0"].checkpoint.sequence, None);
    assert_eq!(entries["4"].checkpoint.sequence, Some("1004".into()));
    assert_eq!(entries["4"].parents().collect::<Vec<_>>(), [&ShardId::from("2"), &"3".into()]);
}

#[test]
fn from_the_tip_closed_shards_are_ended_and_open_ones_pinned_to_a_time() {
    let listing = history();
    let shards = listing.first_entries(Initial::Latest, WallTime(7), &"v".into());
    assert_eq!(ready_ones(&listing, &shards), ["1", "4"]);
    assert!(shards["0"].ended && shards["2"].ended);
    assert_eq!(shards["4"].from, Some(WallTime(7)));
}

#[test]
fn from_a_time_every_listed_shard_is_read_from_it_children_included() {
    let entries = history().first_entries(Initial::At(WallTime(3)), WallTime(7), &"v".into());
    assert!(entries.values().all(|entry| entry.from == Some(WallTime(3)) && !entry.ended));
}

#[test]
fn a_parent_that_is_listed_but_not_tracked_yet_blocks() {
    let listing = history();
    let mut entries = listing.first_entries(Initial::TrimHorizon, WallTime(7), &"v".into());
    entries.remove("0");
    let shards = entries;
    assert_eq!(listing.untracked(&shards).map(|i| i.id.as_str()).collect::<Vec<_>>(), ["0"]);
    assert_eq!(ready_ones(&listing, &shards), ["3"]);
}

#[test]
fn a_merge_that_node_wrote_with_one_parent_waits_for_both() {
    let listing = history();
    let mut shards = listing.first_entries(Initial::TrimHorizon, WallTime(7), &"v".into());
    shards.get_mut("4").unwrap().adjacent = None;
    shards.get_mut("2").unwrap().ended = true;
    assert!(!listing.ready(&shards, &"4".into(), &shards["4"]));
}

#[test]
fn open_shards_of_a_history_cover_the_key_space() {
    let open = |listing: &Listing| {
        listing.iter().filter(|s| !s.closed).map(|s| s.hash_range).collect::<Vec<_>>()
    };
    assert_eq!(HashRange::holes(open(&history())), []);
    let hole = HashRange { start: 50, end: u128::MAX };
    assert_eq!(HashRange::holes([HashRange { start: 0, end: 49 }]), [hole]);
    assert_eq!(HashRange::holes([]), [HashRange::ALL]);
}

proptest! {
    /// A long history: random splits and merges, drained in any order that readiness allows.
    /// Whatever the order, the shards read at the end are exactly the open ones, no child is
    /// ready before its parents are ended, and nothing gets stuck.
    #[test]
    fn any_history_drains_to_its_open_shards(steps in prop::collection::vec((any::<bool>(), any::<u16>()), 0..60), order: u64) {
        let mut shards = vec![info("000", &[], false, 0, u128::MAX)];
        for (split, pick) in steps {
            let open: Vec<usize> = (0..shards.len()).filter(|&i| !shards[i].closed).collect();
            let at = open[usize::from(pick) % open.len()];
            let range = shards[at].hash_range;
            let name = |n: usize| format!("{n:03}");
            if split && range.end - range.start > 1 {
                let middle = range.start + (range.end - range.start) / 2;
                let parent = shards[at].id.to_string();
                shards[at].closed = true;
                let n = shards.len();
                shards.push(info(&name(n), &[&parent], false, range.start, middle));
                shards.push(info(&name(n + 1), &[&parent], false, middle + 1, range.end));
            } else if let Some(&next) = open.iter().find(|&&i| range.end != u128::MAX && shards[i].hash_range.start == range.end + 1) {
                let (a, b) = (shards[at].id.to_string(), shards[next].id.to_string());
                shards[at].closed = true;
                shards[next].closed = true;
                let end = shards[next].hash_range.end;
                shards.push(info(&name(shards.len()), &[&a, &b], false, range.start, end));
            }
        }
        let listing: Listing = shards.into_iter().collect();
        let mut shards = listing.first_entries(Initial::TrimHorizon, WallTime(7), &"v".into());
        let mut order = order;
        loop {
            let next: Vec<String> = ready_ones(&listing, &shards)
                .into_iter()
                .filter(|id| listing.get(&id.as_str().into()).unwrap().closed)
                .collect();
            if next.is_empty() { break }
            order = order.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let id = &next[(order >> 33) as usize % next.len()];
            let parents: Vec<_> = listing.get(&id.as_str().into()).unwrap().parents().cloned().collect();
            prop_assert!(parents.iter().all(|p| shards[p].ended));
            shards.get_mut(id.as_str()).unwrap().ended = true;
        }
        let open: Vec<String> = listing.iter().filter(|s| !s.closed).map(|s| s.id.to_string()).collect();
        prop_assert_eq!(ready_ones(&listing, &shards), open);
        prop_assert_eq!(HashRange::holes(listing.iter().filter(|s| !s.closed).map(|s| s.hash_range)), vec![]);
    }
}
