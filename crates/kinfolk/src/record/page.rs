//! The records of one answer.

use std::fmt;
use std::sync::Arc;

use kinfolk_core::sequence::SequenceNumber;

use super::{Inside, Raw, Record};
use crate::budget::Hold;

/// The records of one answer, in order. Cheap to clone; the memory is freed, and returned to the
/// worker's byte budget, with the last clone.
#[derive(Clone)]
pub struct Page(Arc<Inner>);

struct Inner {
    raws: Vec<Raw>,
    opened: Option<Opened>,
    bytes: u64,
    hold: Option<Hold>,
}

/// What is handed out of an answer that holds aggregates.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) views: Vec<View>,
    /// The last whole record before the answer.
    pub(super) before: Option<SequenceNumber>,
}

/// A record of an answer, or one inside it.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// Which record of the answer.
    pub(super) raw: u32,
    pub(super) inside: Option<Inside>,
}

impl Page {
    /// A page of records, in the order of their sequence numbers.
    pub fn new(records: Vec<Raw>) -> Self {
        let size = |raw: &Raw| raw.data.len() + raw.partition_key.as_ref().map_or(0, String::len);
        let bytes = records.iter().map(size).sum::<usize>() as u64;
        Self(Arc::new(Inner { raws: records, opened: None, bytes, hold: None }))
    }

    /// The same page, which returns its bytes to the budget when it goes.
    pub(crate) fn held(self, hold: Hold) -> Self {
        self.with(|inner| inner.hold = Some(hold))
    }

    /// The same answer with its aggregates opened.
    pub(super) fn opened(self, opened: Opened) -> Self {
        self.with(|inner| inner.opened = Some(opened))
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        // Somebody may keep a clone of a page that was not handed out yet: a source of the
        // caller's own. The budget then counts it for as long as this clone lives at least.
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            raws: shared.raws.clone(),
            opened: shared.opened.clone(),
            bytes: shared.bytes,
            hold: None,
        });
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// The records as they came.
    pub(super) fn raws(&self) -> &[Raw] {
        &self.0.raws
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.0.opened.as_ref().map_or(self.0.raws.len(), |opened| opened.views.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of its records as Kinesis counts it: data and partition keys, in bytes. An
    /// aggregate counts as the one record that it is there.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The record at an index, counted from 0.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let Some(opened) = &self.0.opened else {
            return self.0.raws.get(index).map(Record::plain);
        };
        let view = opened.views.get(index)?;
        let at = view.raw as usize;
        let raw = self.0.raws.get(at)?;
        let before = match at.checked_sub(1) {
            Some(before) => self.0.raws.get(before).map(|raw| &raw.sequence),
            None => opened.before.as_ref(),
        };
        Some(Record { raw, inside: view.inside, before })
    }

    /// All its records, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        Records { page: self, next: 0 }
    }
}

struct Records<'a> {
    page: &'a Page,
    next: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.page.get(self.next)?;
        self.next += 1;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.page.len().saturating_sub(self.next);
        (left, Some(left))
    }

    fn nth(&mut self, skipped: usize) -> Option<Self::Item> {
        self.next = self.next.saturating_add(skipped);
        self.next()
    }
}

impl ExactSizeIterator for Records<'_> {}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("records", &self.len())
            .field("bytes", &self.0.bytes)
            .field("held", &self.0.hold.is_some())
            .finish()
    }
}
