//! Beside Node consumers.

use super::*;

impl Solo {
    /// A Node consumer that beats from now on, and takes nothing unless it is told to.
    fn add_node(&mut self) {
        let me = self.me();
        let node = Worker { period_ms: None, ..self.state().workers[&me].clone() };
        self.state().workers.insert("node".into(), node);
    }

    /// Runs for so long; whatever is to be drained is drained at once.
    fn run_with_node(&mut self, ms: u64) {
        for _ in 0..ms / 250 {
            run(self, 250, &listing(&["a", "b", "c", "d"]), &["node"]);
            for (id, epoch) in self.draining() {
                self.step(Input::Drained { shard: id, epoch, progress: None });
            }
        }
    }

    fn draining(&self) -> Vec<(ShardId, u64)> {
        let draining = |held: &Held| matches!(held.stage, Stage::Draining { .. });
        let held = self.coordinator.held.iter().filter(|(_, held)| draining(held));
        held.map(|(id, held)| (id.clone(), held.epoch)).collect()
    }

    fn holds(&self) -> usize {
        self.coordinator.held().count()
    }
}

#[test]
fn what_a_node_consumer_does_not_take_is_taken_back_and_kept_for_a_while() {
    let mut solo = Solo::start(&["a", "b", "c", "d"]);
    solo.commit();
    solo.add_node();
    solo.run_with_node(10_000);
    let kept = solo.state().shards.values().filter(|s| s.reserved == Some("node".into())).count();
    assert_eq!((solo.holds(), kept), (2, 2));
    solo.run_with_node(45_000);
    assert_eq!(solo.holds(), 4);
    solo.run_with_node(240_000);
    assert_eq!(solo.holds(), 4, "it is left alone for five minutes");
    solo.run_with_node(70_000);
    assert_eq!(solo.holds(), 2, "and is asked again");
}

#[test]
fn free_shards_that_fall_to_a_node_consumer_that_takes_nothing_are_read() {
    let mut solo = Solo::start(&["a", "b", "c", "d"]);
    solo.commit();
    solo.add_node();
    let until = Some(solo.now.wall.plus(-10_000));
    for shard in ["c", "d"] {
        let entry = solo.state().shards.get_mut(shard).unwrap();
        (entry.owner, entry.until) = (Some("ghost".into()), until);
        entry.version = Version::new("of a Node that is gone");
    }
    solo.run_with_node(30_000);
    assert_eq!(solo.holds(), 2, "Node has time to take its share");
    solo.run_with_node(30_000);
    assert_eq!(solo.holds(), 4);
}

#[test]
fn a_node_consumer_that_takes_its_share_keeps_it() {
    let mut solo = Solo::start(&["a", "b", "c", "d"]);
    solo.commit();
    solo.add_node();
    solo.run_with_node(10_000);
    let until = Some(solo.now.wall.plus(1_000_000));
    for shard in solo.state().shards.values_mut().filter(|shard| shard.owner.is_none()) {
        (shard.owner, shard.until) = (Some("node".into()), until);
        shard.version = Version::new("node's");
    }
    solo.run_with_node(400_000);
    assert_eq!(solo.holds(), 2);
}
