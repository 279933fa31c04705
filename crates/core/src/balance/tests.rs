use super::*;
use proptest::prelude::*;

/// Workers with so many shards each, and so many free ones.
struct Fleet {
    ids: Vec<WorkerId>,
    shards: Vec<ShardId>,
    owner: Vec<Option<usize>>,
}

impl Fleet {
    fn new(held: &[usize], free: usize) -> Self {
        let mut owner: Vec<Option<usize>> = held
            .iter()
            .enumerate()
            .flat_map(|(worker, &count)| std::iter::repeat_n(Some(worker), count))
            .collect();
        owner.extend(std::iter::repeat_n(None, free));
        Self {
            ids: (0..held.len()).map(|i| WorkerId::new(format!("w{i:03}"))).collect(),
            shards: (0..owner.len()).map(|i| ShardId::new(format!("s{i:05}"))).collect(),
            owner,
        }
    }

    fn group(&self) -> Group<'_> {
        let mut group = Group::default();
        for id in &self.ids {
            group.workers.insert(id, BTreeSet::new());
        }
        for (shard, owner) in self.shards.iter().zip(&self.owner) {
            match owner {
                Some(worker) => {
                    group.workers.get_mut(&self.ids[*worker]).unwrap().insert(shard);
                }
                None => {
                    group.free.insert(shard);
                }
            }
        }
        group
    }

    fn carry_out(&mut self, plan: &Plan) {
        for (shard, worker) in plan.takes.iter().chain(&plan.gives) {
            let shard = self.shards.iter().position(|s| s == shard).unwrap();
            self.owner[shard] = self.ids.iter().position(|w| w == worker);
        }
    }

    fn counts(&self) -> Vec<usize> {
        (0..self.ids.len()).map(|w| self.owner.iter().filter(|o| **o == Some(w)).count()).collect()
    }
}

#[test]
fn one_joins_ten_that_hold_a_hundred_and_nine_shards_move() {
    let mut held = vec![10; 10];
    held.push(0);
    let plan = plan(&Fleet::new(&held, 0).group());
    assert_eq!(plan.gives.len(), 9);
    assert!(plan.gives.values().all(|w| w.as_str() == "w010"));
    assert!(plan.takes.is_empty());
}

#[test]
fn a_difference_of_one_moves_nothing() {
    assert_eq!(plan(&Fleet::new(&[3, 4, 3, 4], 0).group()).gives.len(), 0);
}

#[test]
fn node_consumers_give_nothing_and_unwilling_ones_get_nothing() {
    let fleet = Fleet::new(&[6, 0], 0);
    let mut group = fleet.group();
    group.peers.insert(&fleet.ids[0]);
    assert_eq!(plan(&group).gives.len(), 0);
    let mut group = fleet.group();
    group.peers.insert(&fleet.ids[1]);
    assert_eq!(plan(&group).gives.len(), 3);
    group.unwilling.insert(&fleet.ids[1]);
    assert_eq!(plan(&group).gives.len(), 0);
    let fleet = Fleet::new(&[2, 2, 1], 3);
    let mut group = fleet.group();
    group.peers.insert(&fleet.ids[2]);
    group.unwilling.insert(&fleet.ids[2]);
    let plan = plan(&group);
    assert!(plan.takes.values().all(|worker| *worker != fleet.ids[2]));
    assert_eq!((plan.takes.len(), plan.most), (3, 4), "the others share the rest");
}

#[test]
fn shards_of_an_absent_worker_count_but_do_not_move() {
    let fleet = Fleet::new(&[2, 2], 0);
    let mut group = fleet.group();
    group.elsewhere = 4;
    assert_eq!(plan(&group), Plan { most: 4, ..Plan::default() });
}

proptest! {
    #[test]
    fn a_plan_balances_at_once_moves_the_least_and_then_rests(held in prop::collection::vec(0usize..30, 1..20), free in 0usize..40) {
        let mut fleet = Fleet::new(&held, free);
        let first = plan(&fleet.group());
        prop_assert_eq!(first.takes.len(), free, "every free shard is taken");
        let total: usize = held.iter().sum::<usize>() + free;
        let (base, rest) = (total / held.len(), total % held.len());
        // The least: what stands above the best assignment of the larger shares.
        let mut sorted = held.clone();
        sorted.sort_by(|a, b| b.cmp(a));
        let least: usize = sorted.iter().enumerate().map(|(i, h)| h.saturating_sub(base + usize::from(i < rest))).sum();
        prop_assert_eq!(first.gives.len(), least);
        fleet.carry_out(&first);
        let counts = fleet.counts();
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
        let second = plan(&fleet.group());
        prop_assert!(second.takes.is_empty() && second.gives.is_empty());
    }
}
