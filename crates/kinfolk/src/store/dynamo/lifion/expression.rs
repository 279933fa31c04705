//! Conditions and updates as DynamoDB's expressions, within its limits.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use kinfolk_core::id::{PlaceName, ShardId};
use kinfolk_core::sequence::SequenceNumber;
use kinfolk_core::snapshot::Home;

use super::attribute::{self as at, Attribute};
use super::condition::Condition;
use super::encode::{self, NULL};
use crate::error::{Error, ErrorKind, Result};

/// The longest expression that DynamoDB takes, in bytes.
pub(super) const MAX_BYTES: usize = 4_096;

/// The most operators and functions that DynamoDB takes in one expression: comparisons, `AND`,
/// `OR` and functions each count. The local servers do not enforce it.
pub(super) const MAX_OPERATORS: usize = 300;

/// Where a value lives: an attribute of the item, an entry in it, an attribute of that, and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a> {
    steps: [Option<Step<'a>>; 5],
}

/// One part of a path.
#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Attribute(Attribute),
    Id(&'a str),
    Place(&'a PlaceName),
}

impl<'a> Path<'a> {
    /// An attribute of the item.
    pub(super) fn item(attribute: Attribute) -> Self {
        Self { steps: [None; 5] }.then(Step::Attribute(attribute))
    }

    /// An entry of one of the item's maps.
    pub(super) fn entry(map: Attribute, id: &'a (impl AsRef<str> + ?Sized)) -> Self {
        Self::item(map).then(Step::Id(id.as_ref()))
    }

    /// The map that holds the shards of a home.
    pub(super) fn home(home: &'a Home) -> Self {
        match home {
            Home::Group => Self::item(at::SHARDS),
            Home::Place(name) => Self { steps: [None; 5] }.then(Step::Place(name)),
            Home::Worker(id) => Self::entry(at::CONSUMERS, id).leaf(at::SHARDS),
            Home::Slot(name) => Self::entry(at::ENHANCED_CONSUMERS, name).leaf(at::SHARDS),
        }
    }

    /// A shard's entry in this home.
    pub(super) fn shard(home: &'a Home, id: &'a ShardId) -> Self {
        Self::home(home).then(Step::Id(id.as_str()))
    }

    /// An attribute of this entry.
    pub(super) fn leaf(self, attribute: Attribute) -> Self {
        self.then(Step::Attribute(attribute))
    }

    fn then(mut self, step: Step<'a>) -> Self {
        // The longest path, a leaf of a shard in a slot, fills all five.
        if let Some(free) = self.steps.iter_mut().find(|step| step.is_none()) {
            *free = Some(step);
        }
        self
    }
}

/// What a condition tests. A path that does not exist makes a comparison false, not an error.
#[derive(Clone, Debug)]
pub(super) enum Test<'a> {
    /// The value is there, and it is this one.
    Is(Path<'a>, AttributeValue),
    /// There is something.
    Exists(Path<'a>),
    /// There is nothing.
    Absent(Path<'a>),
    /// The sequence number here is null, or not greater than this one.
    NotBeyond(Path<'a>, Option<&'a SequenceNumber>),
}

/// A condition and an update in the making, with the placeholders that both use.
#[derive(Debug)]
pub(super) struct Expression<'a> {
    left_out: &'a BTreeSet<Condition>,
    stamp: AttributeValue,
    ids: HashMap<&'a str, String>,
    names: HashMap<String, String>,
    counted: Vec<(String, AttributeValue)>,
    values: HashMap<String, AttributeValue>,
    condition: String,
    operators: usize,
    sets: String,
    removes: String,
}

/// A finished expression; what is empty is absent, as DynamoDB wants it.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
    pub(super) condition: Option<String>,
    pub(super) update: Option<String>,
}

impl<'a> Expression<'a> {
    /// An empty one. The stamp gets a short placeholder: every entry's version is set to it.
    pub(super) fn new(stamp: impl AsRef<str>, left_out: &'a BTreeSet<Condition>) -> Self {
        Self {
            left_out,
            stamp: encode::text(stamp),
            ids: HashMap::new(),
            names: HashMap::new(),
            counted: Vec::new(),
            values: HashMap::new(),
            condition: String::new(),
            operators: 0,
            sets: String::new(),
            removes: String::new(),
        }
    }

    /// Requires something of the item. A kind that is left out leaves no trace, not even a
    /// placeholder: DynamoDB refuses those that nothing uses.
    pub(super) fn require(&mut self, kind: Condition, test: Test<'a>) {
        if self.left_out.contains(&kind) {
            return;
        }
        let (text, operators) = self.test(test);
        if !self.condition.is_empty() {
            self.condition.push_str(" AND ");
            self.operators += 1;
        }
        self.condition.push_str(&text);
        self.operators += operators;
    }

    /// Sets a value. The parent of the path must exist.
    pub(super) fn set(&mut self, path: Path<'a>, value: AttributeValue) {
        let (path, value) = (self.path(path), self.value(value));
        append(&mut self.sets, &format!("{path}={value}"));
    }

    /// Renews a version.
    pub(super) fn set_stamp(&mut self, path: Path<'a>) {
        self.set(path, self.stamp.clone());
    }

    /// Sets a value where there is none.
    pub(super) fn set_if_absent(&mut self, path: Path<'a>, value: AttributeValue) {
        let (path, value) = (self.path(path), self.value(value));
        append(&mut self.sets, &format!("{path}=if_not_exists({path},{value})"));
    }

    /// Removes what is there, if anything is. The parent of the path must exist.
    pub(super) fn remove(&mut self, path: Path<'a>) {
        let path = self.path(path);
        append(&mut self.removes, &path);
    }

    /// Sets a value, or removes what is there.
    pub(super) fn set_or_remove(&mut self, path: Path<'a>, value: Option<AttributeValue>) {
        match value {
            Some(value) => self.set(path, value),
            None => self.remove(path),
        }
    }

    /// The expression, if DynamoDB will take it.
    pub(super) fn finish(self) -> Result<Finished> {
        let clauses = [("SET ", &self.sets), ("REMOVE ", &self.removes)];
        let clauses = clauses.into_iter().filter(|(_, clause)| !clause.is_empty());
        let update = clauses.map(|(word, text)| format!("{word}{text}")).collect::<Vec<_>>();
        let update = update.join(" ");
        for (what, length, most) in [
            ("bytes of update", update.len(), MAX_BYTES),
            ("bytes of condition", self.condition.len(), MAX_BYTES),
            ("operators of condition", self.operators, MAX_OPERATORS),
        ] {
            if length > most {
                let message = format!("a write of {length} {what}, where DynamoDB takes {most}");
                return Err(Error::new(ErrorKind::Internal, message));
            }
        }
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Finished {
            names: (!self.names.is_empty()).then_some(self.names),
            values: (!self.values.is_empty()).then_some(self.values),
            condition: some(self.condition),
            update: some(update),
        })
    }

    /// A test as text, and how many operators it has.
    fn test(&mut self, test: Test<'a>) -> (String, usize) {
        match test {
            Test::Is(path, value) => (format!("{}={}", self.path(path), self.value(value)), 1),
            Test::Exists(path) => (format!("attribute_exists({})", self.path(path)), 1),
            Test::Absent(path) => (format!("attribute_not_exists({})", self.path(path)), 1),
            Test::NotBeyond(path, None) => self.test(Test::Is(path, NULL)),
            Test::NotBeyond(path, Some(sequence)) => {
                let (path, null) = (self.path(path), self.value(NULL));
                let length = self.value(encode::number(sequence.as_str().len()));
                let sequence = self.value(encode::text(sequence.as_str()));
                // Length, then text, is the order of decimal numbers without leading zeros. The
                // size of a null is false, not an error.
                let text = format!(
                    "({path}={null} OR size({path})<{length} OR \
                     (size({path})={length} AND {path}<={sequence}))"
                );
                (text, 9)
            }
        }
    }

    fn path(&mut self, path: Path<'a>) -> String {
        let mut text = String::new();
        for step in path.steps.into_iter().flatten() {
            if !text.is_empty() {
                text.push('.');
            }
            match step {
                Step::Attribute(attribute) => text.push_str(self.attribute(attribute)),
                Step::Id(id) => text.push_str(&self.id(id)),
                Step::Place(name) => {
                    self.names.insert(at::PLACE.to_owned(), encode::place_attribute(name));
                    text.push_str(at::PLACE);
                }
            }
        }
        text
    }

    fn attribute(&mut self, attribute: Attribute) -> &'static str {
        self.names.insert(attribute.short.to_owned(), attribute.name.to_owned());
        attribute.short
    }

    fn id(&mut self, id: &'a str) -> String {
        let next = self.ids.len();
        let short = self.ids.entry(id).or_insert_with(|| format!("#{}", counted(next)));
        self.names.insert(short.clone(), id.to_owned());
        short.clone()
    }

    /// The placeholder of a value; equal values share one.
    fn value(&mut self, value: AttributeValue) -> String {
        let fixed = match &value {
            AttributeValue::Null(_) => Some(":n"),
            AttributeValue::Bool(true) => Some(":t"),
            value => (*value == self.stamp).then_some(":v"),
        };
        let known = self.counted.iter().find(|(_, other)| *other == value);
        let short = match (fixed, known) {
            (Some(fixed), _) => fixed.to_owned(),
            (None, Some((short, _))) => return short.clone(),
            (None, None) => {
                let short = format!(":{}", counted(self.counted.len()));
                self.counted.push((short.clone(), value.clone()));
                short
            }
        };
        self.values.insert(short.clone(), value);
        short
    }
}

/// A list's next member.
fn append(list: &mut String, member: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(member);
}

/// The names of placeholders in turn: 36 of one character, 1,296 of two, then of three.
fn counted(number: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let (mut rest, mut text) = (number, String::new());
    loop {
        let digit = DIGITS.get(rest % DIGITS.len()).copied().unwrap_or_default();
        text.insert(0, char::from(digit));
        rest /= DIGITS.len();
        if rest == 0 {
            return text;
        }
        rest -= 1;
    }
}

#[cfg(test)]
mod tests;
