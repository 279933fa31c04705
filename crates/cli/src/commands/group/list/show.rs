//! A list of groups, for people and for scripts.

use serde::Serialize;

use super::summary::{Counts, Note, Summary};
use crate::output::{duration, escape};
use crate::state::State;
use crate::table::Table;

/// What people see.
pub(super) fn text(all: &[Summary]) -> String {
    let head = ["GROUP", "STREAM", "WORKERS", "SHARDS", ">STANDALONE", ">SLOTS", ">BEAT", "NOTE"];
    let mut table = Table::new(head);
    for Summary { group, stream, counts, .. } in all {
        let [workers, shards, standalone, slots, beat, note] = match counts {
            Ok(counts) => cells(counts),
            Err(why) => {
                let dash = || "-".to_owned();
                let note = format!("unreadable: {}", escape(why));
                [dash(), dash(), dash(), dash(), dash(), note]
            }
        };
        table.row([escape(group), escape(stream), workers, shards, standalone, slots, beat, note]);
    }
    table.to_string()
}

fn cells(counts: &Counts) -> [String; 6] {
    let dash = || "-".to_owned();
    [
        match counts.workers_silent {
            0 => counts.workers_alive.to_string(),
            silent => format!("{} (+{silent} silent)", counts.workers_alive),
        },
        match counts.shards_ended {
            0 => counts.shards.to_string(),
            ended => format!("{} ({ended} ended)", counts.shards),
        },
        counts.standalone.to_string(),
        match counts.slots {
            0 => dash(),
            slots => format!("{}/{slots}", counts.slots_used),
        },
        counts.beat_age_ms.map_or_else(dash, duration),
        match counts.note {
            Some(Note::Standalone) => "standalone",
            Some(Note::LeftBehind) => "left behind",
            None => "",
        }
        .to_owned(),
    ]
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Json<'a> {
    state: String,
    groups: Vec<JsonGroup<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonGroup<'a> {
    group: &'a str,
    stream: &'a str,
    bytes: Option<u64>,
    /// Absent where the state does not read.
    #[serde(flatten)]
    counts: Option<&'a Counts>,
    error: Option<&'a str>,
}

impl<'a> Json<'a> {
    pub(super) fn of(state: &State, all: &'a [Summary]) -> Self {
        let group = |summary: &'a Summary| JsonGroup {
            group: &summary.group,
            stream: &summary.stream,
            bytes: summary.bytes,
            counts: summary.counts.as_ref().ok(),
            error: summary.counts.as_ref().err().map(String::as_str),
        };
        Self { state: state.to_string(), groups: all.iter().map(group).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(group: &str, counts: Result<Counts, String>) -> Summary {
        Summary { group: group.to_owned(), stream: "orders".to_owned(), bytes: Some(7), counts }
    }

    fn all() -> [Summary; 3] {
        let counts = Counts {
            workers_alive: 2,
            workers_silent: 1,
            shards: 6,
            shards_ended: 2,
            standalone: 1,
            slots: 3,
            slots_used: 1,
            beat_age_ms: Some(1_200),
            note: None,
        };
        let empty = Counts {
            workers_alive: 0,
            workers_silent: 0,
            shards: 12,
            shards_ended: 0,
            standalone: 0,
            slots: 0,
            slots_used: 0,
            beat_age_ms: None,
            note: Some(Note::LeftBehind),
        };
        [
            summary("billing", Ok(counts)),
            summary("broken", Err("no\x1b[2J".to_owned())),
            summary("old", Ok(empty)),
        ]
    }

    #[test]
    fn people_see_a_line_for_each_group() {
        let expected = "\
GROUP    STREAM  WORKERS        SHARDS       STANDALONE  SLOTS   BEAT  NOTE
billing  orders  2 (+1 silent)  6 (2 ended)           1    1/3  1.2 s
broken   orders  -              -                     -      -      -  unreadable: no\\u{1b}[2J
old      orders  0              12                    0      -      -  left behind
";
        assert_eq!(text(&all()), expected);
    }

    #[test]
    fn scripts_see_counts_or_an_error() {
        let json = serde_json::to_value(Json::of(&State::default(), &all())).unwrap();
        assert_eq!(json["state"], "dynamodb:lifion-kinesis-state");
        assert_eq!(json["groups"][0]["workers_silent"], 1);
        assert!(json["groups"][0]["error"].is_null());
        assert_eq!(json["groups"][1]["error"], "no\x1b[2J");
        assert!(json["groups"][1].get("shards").is_none());
        assert_eq!(json["groups"][2]["note"], "left behind");
    }
}
