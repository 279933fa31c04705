use std::{
    collections::BTreeMap,
    iter::Sum,
    ops::{Add, AddAssign, Sub},
    sync::{Arc, Mutex, PoisonError},
};

/// Capacity units of DynamoDB: what AWS charges on demand for the calls carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    /// Read units: one for each 4,096 bytes begun, half of it unless the read is consistent.
    pub read: f64,
    /// Write units: one for each 1,024 bytes begun.
    pub write: f64,
}

impl Add for Units {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { read: self.read + other.read, write: self.write + other.write }
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What was charged between two looks.
impl Sub for Units {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { read: self.read - other.read, write: self.write - other.write }
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(units: I) -> Self {
        units.fold(Self::default(), Add::add)
    }
}

/// The running bill, by operation. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<BTreeMap<String, Units>>>);

impl Meter {
    pub(crate) fn charge(&self, operation: &str, units: Units) {
        if units == Units::default() {
            return;
        }
        let mut charged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match charged.get_mut(operation) {
            Some(sum) => *sum += units,
            None => drop(charged.insert(operation.to_owned(), units)),
        }
    }

    pub(crate) fn read(&self) -> BTreeMap<String, Units> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
