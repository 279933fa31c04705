use kinfolk::core::sequence::Checkpoint;
use kinfolk::core::snapshot::{About, Arrival, Lease, Shard, Shards, Slot, Snapshot, Worker};

use super::*;

fn worker(standalone: bool, name: Option<&str>) -> Worker {
    Worker {
        beat: WallTime(1_795_000_000_000),
        period_ms: Some(2_500),
        leaving: false,
        active: true,
        standalone,
        name: name.map(Into::into),
        shards: None,
        about: About { app_name: "app".into(), host: "h".into(), pid: 7, ..About::default() },
    }
}

fn held(by: &str) -> Shard {
    Shard {
        checkpoint: Checkpoint::at("4968046434921585490866343701"),
        arrival: Arrival::At(WallTime(1_794_999_990_000)),
        lease: Some(Lease { epoch: 12, owner: by.into() }),
        owner: Some(by.into()),
        ..Shard::new(None, None, "v".into())
    }
}

fn one(shard: Shard) -> Shards {
    [("shardId-0".into(), shard)].into()
}

fn state() -> Snapshot {
    Snapshot {
        created_on: WallTime(1_795_000_000_000),
        version: "v".into(),
        started_at: Some(WallTime(1_795_000_000_000)),
        workers: [].into(),
        slots: [].into(),
        shards: [].into(),
        places: [].into(),
    }
}

/// A worker in each home, one that goes and two that wait.
fn mixed() -> Snapshot {
    let free = Shard::new(None, None, "v".into());
    let slot = Slot {
        used_by: Some("slotted".into()),
        shards: Some(one(held("slotted"))),
        ..Slot::new("arn:fan", true, "v".into())
    };
    Snapshot {
        workers: [
            ("alone".into(), Worker { shards: Some(one(held("alone"))), ..worker(true, None) }),
            ("goes".into(), Worker { leaving: true, ..worker(true, Some("tail\x1b")) }),
            ("slotted".into(), worker(true, None)),
            ("shares".into(), worker(false, None)),
            ("waits".into(), Worker { active: false, ..worker(false, None) }),
            ("waits2".into(), Worker { active: false, ..worker(true, None) }),
        ]
        .into(),
        slots: [
            ("fan-1".into(), slot),
            ("fan-2".into(), Slot::new("arn:fan", true, "v".into())),
            ("fan-3".into(), Slot::new("arn:fan", false, "v".into())),
        ]
        .into(),
        shards: one(held("shares")),
        places: [("tail\x1b".into(), one(free))].into(),
        ..state()
    }
}

fn seen(state: &Snapshot) -> Description {
    let now = WallTime(1_795_000_002_500);
    Description::of_state(&"billing".into(), &"orders".into(), state, now)
}

#[test]
fn every_home_has_its_table_and_every_worker_says_what_it_does() {
    let expected = "\
group billing on stream orders, started 2026-11-18T11:06:40.000Z

SHARD      STATE    OWNER    EPOCH     CHECKPOINT     AGE  LAG
shardId-0  reading  shares      12  …490866343701  12.5 s    -

standalone \"tail\\u{1b}\"
SHARD      STATE    OWNER    EPOCH     CHECKPOINT     AGE  LAG
shardId-0  free     -            -              -       -    -

standalone worker alone
SHARD      STATE    OWNER    EPOCH     CHECKPOINT     AGE  LAG
shardId-0  reading  alone       12  …490866343701  12.5 s    -

standalone, in fan-out slot fan-1
SHARD      STATE    OWNER    EPOCH     CHECKPOINT     AGE  LAG
shardId-0  reading  slotted     12  …490866343701  12.5 s    -

standalone, in fan-out slot fan-2: no shards yet

WORKER   APP  HOST  PID  KIND      BEAT  SHARDS  NOTE
alone    app  h       7  kinfolk  2.5 s       1  reads by itself
goes     app  h       7  kinfolk  2.5 s       0  as \"tail\\u{1b}\", leaving
shares   app  h       7  kinfolk  2.5 s       1
slotted  app  h       7  kinfolk  2.5 s       1  reads by itself
waits    app  h       7  kinfolk  2.5 s       0  waits for a fan-out slot
waits2   app  h       7  kinfolk  2.5 s       0  waits for a fan-out slot

SLOT   USED BY
fan-1  slotted
fan-2  -
fan-3  -

6 workers, 1 shard: 1 reading; 4 standalone readers
";
    assert_eq!(text(&seen(&mixed()), Origin::Store), expected);
}

#[test]
fn a_saved_item_says_how_new_it_can_be_at_most() {
    let expected = "\
group billing on stream orders, started 2026-11-18T11:06:40.000Z
from a saved item: no worker was in the group

SHARD  STATE  OWNER  EPOCH  CHECKPOINT  AGE  LAG

0 workers, 0 shards
";
    assert_eq!(text(&seen(&state()), Origin::SavedItem), expected);
    let text = text(&seen(&mixed()), Origin::SavedItem);
    let line = "\nfrom a saved item: its youngest beat is of 2026-11-18T11:06:40.000Z, 2.5 s ago\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn scripts_see_homes_slots_and_what_workers_do() {
    let json = serde_json::to_value(Json::of(&seen(&mixed()), Origin::SavedItem)).unwrap();
    assert_eq!(json["saved_item"], true);
    assert_eq!(json["youngest_beat"], "2026-11-18T11:06:40.000Z");
    let homes = json["standalone"].as_array().unwrap();
    let homes = homes.iter().map(|home| (&home["home"], &home["name"], &home["shards"][0]["id"]));
    let texts = homes.map(|(home, name, shard)| format!("{home} {name} {shard}"));
    let expected = [
        r#""place" "tail\u001b" "shardId-0""#,
        r#""worker" "alone" "shardId-0""#,
        r#""slot" "fan-1" "shardId-0""#,
        r#""slot" "fan-2" null"#,
    ];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
    let slot = serde_json::json!({"name": "fan-1", "arn": "arn:fan", "used_by": "slotted"});
    assert_eq!(json["slots"][0], slot);
    let goes = &json["workers"][1];
    assert_eq!((&goes["standalone"], &goes["name"]), (&true.into(), &"tail\x1b".into()));
    assert_eq!(json["workers"][4]["waits_for_slot"], true);
}
