use std::collections::{BTreeMap, BTreeSet};

use kinfolk_core::change::{
    Chain, Change, Edit, Effect, Eviction, Guard, LeaseUpdate, Progress, Says, SlotEdit, Update,
};
use kinfolk_core::id::{ShardId, Version, WorkerId};
use kinfolk_core::sequence::{Checkpoint, Part};
use kinfolk_core::snapshot::{About, Home, Lease, Shard, Worker};
use kinfolk_core::time::WallTime;
use proptest::prelude::*;

use super::super::write;
use super::*;

/// A change whose every value is another one, so that no placeholder serves twice.
fn change(chain: Chain, evicts: bool, slots: usize, absent: usize) -> Change {
    let mut change = Change::new("me".into(), chain, "stamp".into());
    change.evict = evicts.then(|| Eviction {
        victim: "victim".into(),
        beat: WallTime(-1),
        version: "item".into(),
    });
    for number in 0..slots {
        let seen = Version::from(format!("slot-version-{number}"));
        let edit = match number % 4 {
            0 => SlotEdit::Free { user: "victim".into(), seen },
            1 => SlotEdit::Take { seen, home: true },
            2 => SlotEdit::Drop(seen),
            _ => SlotEdit::Add { arn: format!("arn-{number}"), standalone: true },
        };
        change.slots.insert(format!("slot-{number}").into(), edit);
    }
    change.absent = (0..absent).map(|n| format!("absent-{n}").into()).collect();
    change
}

fn chains() -> impl Strategy<Value = Chain> {
    let entry = Worker {
        beat: WallTime(0),
        period_ms: Some(1),
        leaving: false,
        active: true,
        standalone: false,
        name: None,
        shards: None,
        about: About::default(),
    };
    prop_oneof![
        Just(Chain::Join { created_on: WallTime(-2), entry }),
        any::<bool>().prop_map(|leaving| Chain::Beat {
            prev: WallTime(-3),
            next: WallTime(-4),
            says: Says { leaving, active: Some(!leaving), period_ms: Some(4_000) }
        }),
        Just(Chain::Leave { prev: WallTime(-3) }),
    ]
}

/// Edits as the coordinator makes them, numbered so that their values differ.
fn edit(number: usize, kind: u8, parts: u8) -> Edit {
    let unique = |what: &str| format!("{what}-{number}");
    let at = |offset: i64| WallTime(1_795_362_983_072 + offset * 100_000 + number as i64);
    let flag = |bit: u8| parts & (1 << bit) != 0;
    let seen = Version::from(unique("version"));
    let owner = if flag(0) { unique("receiver") } else { "me".to_owned() };
    let lease = Lease { epoch: number as u64, owner: owner.into() };
    let shard = Shard::new(Some(unique("parent").into()), None, "".into());
    let update = Update {
        progress: flag(1).then(|| Progress {
            checkpoint: Checkpoint {
                sequence: Some(unique("1").as_str().into()),
                part: flag(2).then(|| Part { sequence: unique("2").as_str().into(), sub: 7 }),
            },
            arrival: Some(at(1)),
        }),
        lease: match parts >> 6 {
            0 => LeaseUpdate::Keep,
            1 => LeaseUpdate::Extend { until: at(2) },
            2 => LeaseUpdate::Assign { lease: lease.clone(), until: at(3) },
            _ => LeaseUpdate::Free { reserved: flag(3).then(|| unique("reserved").into()) },
        },
        ended: flag(4),
        parents: flag(5)
            .then(|| (unique("parent").into(), flag(3).then(|| unique("adjacent").into()))),
    };
    let (guard, effect) = match kind {
        0 => (Guard::None, Effect::Track(shard)),
        1 => (Guard::Absent, Effect::Insert(shard)),
        2 => (Guard::Ended(seen), Effect::Forget),
        3 => (Guard::Tenure(lease), Effect::Set(update)),
        4 => (Guard::OwnedBy("victim".into()), Effect::Set(update)),
        5 => (Guard::Ended(seen), Effect::Set(update)),
        _ => (Guard::Version(seen), Effect::Set(update)),
    };
    Edit { guard, effect }
}

fn id(number: usize) -> ShardId {
    ShardId::from(format!("shardId-{number:012}"))
}

/// Whether DynamoDB would take the write.
fn fits(change: &Change) -> crate::Result<()> {
    write::write(&"billing".into(), &"orders".into(), change, &BTreeSet::new()).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The promise of [`LIFION`]: what fits the room fits DynamoDB's limits.
    #[test]
    fn any_mix_within_the_room_fits(
        chain in chains(),
        evicts: bool,
        home in 0usize..4,
        slots in 0usize..6,
        absent in 0usize..6,
        few in 1usize..8,
        kinds in prop::collection::vec((0u8..9, any::<u8>()), 300),
    ) {
        let mut change = change(chain, evicts, slots, absent);
        let homes = [
            Home::Group,
            Home::Place("a name".into()),
            Home::Worker("me".into()),
            Home::Slot("mine".into()),
        ];
        change.home = homes[home].clone();
        if matches!(change.home, Home::Worker(_)) {
            let says = Says::LEAVING;
            change.chain = Chain::Beat { prev: WallTime(-3), next: WallTime(-4), says };
        }
        // A few forms over and over fill one limit; many forms fill them evenly.
        for number in 0..kinds.len() {
            let (kind, parts) = kinds[number % (few * few)];
            change.shards.insert(id(number), edit(number, kind, parts));
            if LIFION.used(&change) > LIFION.room {
                change.shards.remove(&id(number));
            }
        }
        prop_assert!(LIFION.used(&change) <= LIFION.room);
        prop_assert!(fits(&change).is_ok(), "{:?}", fits(&change));
    }
}

/// How many edits of one form fit the room, and whether DynamoDB would take so many.
fn most(form: impl Fn(usize) -> Edit) -> u32 {
    most_in(Home::Group, form)
}

fn most_in(home: Home, form: impl Fn(usize) -> Edit) -> u32 {
    let chain = Chain::Beat { prev: WallTime(-3), next: WallTime(-4), says: Says::NOTHING };
    let mut full = change(chain, false, 0, 0);
    full.home = home;
    for number in 0.. {
        full.shards.insert(id(number), form(number));
        if LIFION.used(&full) > LIFION.room {
            full.shards.remove(&id(number));
            break;
        }
    }
    fits(&full).unwrap();
    full.shards.len() as u32
}

#[test]
fn a_write_holds_about_what_the_protocol_says() {
    let (progress, part, extend, assign, free) = (2, 4, 1 << 6, 2 << 6, 3 << 6);
    let held = BTreeMap::from([
        ("checkpoints", most(|n| edit(n, 9, progress | part))),
        ("dated", most(|n| edit(n, 9, progress | part | extend))),
        ("takes", most(|n| edit(n, 9, assign))),
        ("gives", most(|n| edit(n, 9, assign | 1))),
        ("gives with a checkpoint", most(|n| edit(n, 9, assign | 1 | progress | part))),
        ("releases", most(|n| edit(n, 9, free))),
        ("releases with a checkpoint", most(|n| edit(n, 9, free | progress | part))),
        ("evictions", most(|n| edit(n, 4, free))),
        ("tracks", most(|n| edit(n, 0, 0))),
        ("forgets", most(|n| edit(n, 2, 0))),
        ("tenures", most(|n| edit(n, 3, progress | part))),
        (
            "checkpoints of a name",
            most_in(Home::Place("a".into()), |n| edit(n, 9, progress | part)),
        ),
        (
            "checkpoints of one's own",
            most_in(Home::Worker("me".into()), |n| edit(n, 9, progress | part)),
        ),
    ]);
    let expected = BTreeMap::from([
        ("checkpoints", 72),
        ("dated", 57),
        ("takes", 61),
        ("gives", 46),
        ("gives with a checkpoint", 31),
        ("releases", 75),
        ("releases with a checkpoint", 42),
        ("evictions", 75),
        ("tracks", 121),
        ("forgets", 71),
        ("tenures", 20),
        ("checkpoints of a name", 72),
        ("checkpoints of one's own", 48),
    ]);
    assert_eq!(held, expected);
}

#[test]
fn a_write_beyond_the_limits_is_an_error_and_not_sent() {
    let chain = Chain::Beat { prev: WallTime(-3), next: WallTime(-4), says: Says::NOTHING };
    let mut change = change(chain, false, 0, 0);
    change.shards = (0..200).map(|n| (id(n), edit(n, 9, 2))).collect();
    let error = fits(&change).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Internal);
    assert!(error.to_string().contains("bytes of update"), "{error}");
}

#[test]
fn an_eviction_of_oneself_and_edits_without_a_guard_are_errors() {
    let chain = || Chain::Leave { prev: WallTime(-3) };
    let mut suicide = change(chain(), true, 0, 0);
    suicide.worker = WorkerId::from("victim");
    let mut blind = change(chain(), false, 0, 0);
    let effect = Effect::Set(Update::default());
    blind.shards.insert(id(0), Edit { guard: Guard::None, effect });
    let mut over = change(chain(), false, 0, 0);
    let (guard, effect) = (Guard::Version("v".into()), edit(0, 1, 0).effect);
    over.shards.insert(id(0), Edit { guard, effect });
    for change in [suicide, blind, over] {
        assert_eq!(fits(&change).unwrap_err().kind(), crate::ErrorKind::Internal);
    }
}
