//! What the demo says at its end.

use serde::Serialize;

use super::takeover::Takeover;
use super::tally::Verdict;
use crate::output::count;

/// What came of it, for people and for scripts.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) verdict: Verdict,
    /// From the kill to the first record of the dead worker's shards elsewhere.
    takeover_ms: Option<u64>,
    elapsed_ms: u64,
}

impl Summary {
    pub(super) fn new(verdict: Verdict, takeover: Option<&Takeover>, elapsed_ms: u64) -> Self {
        Self { verdict, takeover_ms: takeover.and_then(Takeover::first_ms), elapsed_ms }
    }

    /// A sentence, and all the numbers.
    pub(super) fn text(&self) -> String {
        let Verdict { put, handled, unique, lost, redelivered, out_of_order, unknown } =
            self.verdict;
        let word = match (lost, out_of_order) {
            (0, 0) => "Every record came out, in the order of its key.".to_owned(),
            (0, _) => {
                format!("{} records came out after later ones of their key.", count(out_of_order))
            }
            (_, _) => format!("{} records never came out.", count(lost)),
        };
        let mut text = format!("{word}\nput {put}, handled {handled}, unique {unique}, ");
        text += &format!("redelivered {redelivered}, out_of_order {out_of_order}, ");
        if unknown > 0 {
            text += &format!("unknown {unknown}, ");
        }
        if let Some(ms) = self.takeover_ms {
            text += &format!("takeover_ms {ms}, ");
        }
        text + &format!("lost {lost}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_what_was_lost_and_scripts_get_all_numbers() {
        let verdict = Verdict { put: 3, handled: 3, unique: 3, ..Verdict::default() };
        let summary = Summary::new(verdict, None, 9);
        assert!(summary.text().ends_with(", lost 0\n"), "{}", summary.text());
        let json = serde_json::to_value(&summary).unwrap();
        for field in ["put", "handled", "unique", "lost", "redelivered", "out_of_order"] {
            assert!(json[field].is_u64(), "{field}");
        }
        assert!(json["takeover_ms"].is_null());
    }
}
