//! Opening the aggregates of a shard's answers.

use kinfolk_core::reader::Position;
use kinfolk_core::sequence::{Part, SequenceNumber};

use super::page::{Opened, Page, View};
use super::{Inside, Raw};
use crate::aggregate::{self, Deaggregate, Malformed};

/// Opens the aggregates of the answers of one shard, in the order in which they come.
#[derive(Debug)]
pub(crate) struct Opener {
    deaggregate: Deaggregate,
    /// The last record of the last answer; before the first, the last that is done as a whole.
    last: Option<SequenceNumber>,
    /// What is done of an aggregate after that.
    part: Option<Part>,
}

/// Aggregates that could not be opened, and are handed out as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The first of them.
    pub(crate) sequence: SequenceNumber,
    pub(crate) why: Malformed,
    /// How many there are.
    pub(crate) records: u32,
}

impl Opener {
    /// For a shard that is read from here, and of whose next record this is done.
    pub(crate) fn new(deaggregate: Deaggregate, from: &Position, part: Option<Part>) -> Self {
        let last = match from {
            Position::After(sequence) => Some(sequence.clone()),
            _ => None,
        };
        Self { deaggregate, last, part }
    }

    /// The page with its aggregates opened, without what is done of the first, and what could
    /// not be opened.
    pub(crate) fn open(&mut self, page: Page) -> (Page, Option<Refused>) {
        if self.deaggregate == Deaggregate::Off {
            return (page, None);
        }
        // Only an answer that holds an aggregate gets views.
        let mut views = None;
        let mut refused: Option<Refused> = None;
        for (raw, index) in page.raws().iter().zip(0..) {
            let opened = aggregate::open(&raw.data).unwrap_or_else(|why| {
                let first = || Refused { sequence: raw.sequence.clone(), why, records: 0 };
                refused.get_or_insert_with(first).records += 1;
                None
            });
            let Some(records) = opened else {
                if let Some(views) = &mut views {
                    Vec::push(views, View { raw: index, inside: None });
                }
                continue;
            };
            let plain = |raw| View { raw, inside: None };
            let views = views.get_or_insert_with(|| (0..index).map(plain).collect());
            let done = self.done_of(raw);
            let last = records.len().saturating_sub(1);
            views.extend(records.into_iter().enumerate().skip(done).map(|(sub, record)| View {
                raw: index,
                inside: Some(Inside { record, sub: sub as u64, is_last: sub == last }),
            }));
        }
        // Whole records before an answer are before it; a source of the caller's own may go back.
        let first = page.raws().first().map(|raw| &raw.sequence);
        let before = self.last.clone().filter(|last| first.is_none_or(|first| last < first));
        if let Some(raw) = page.raws().last() {
            self.last = Some(raw.sequence.clone());
        }
        let page = match views {
            Some(views) => page.opened(Opened { views, before }),
            None => page,
        };
        (page, refused)
    }

    /// How many records of an aggregate are done.
    fn done_of(&self, raw: &Raw) -> usize {
        let part = self.part.as_ref().filter(|part| part.sequence == raw.sequence);
        let done = part.map_or(0, |part| part.sub.saturating_add(1));
        usize::try_from(done).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
