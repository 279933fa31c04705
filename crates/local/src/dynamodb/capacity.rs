//! What a call costs in capacity units.
//!
//! `dynoxide` works that out as AWS does, and says so in the answer if asked. Every call that costs
//! something is therefore made to ask, and what its caller did not ask for is taken out of the
//! answer again.

use serde_json::{Map, Value};

use crate::{gate::Call, units::Units};

type Object = Map<String, Value>;

#[derive(Debug, Clone, Copy)]
enum Axis {
    Read,
    Write,
}

impl Axis {
    /// The axis of an operation that costs something; statements of PartiQL are left out.
    fn of(operation: &str) -> Option<Self> {
        match operation {
            "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems" => Some(Self::Read),
            "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems" => {
                Some(Self::Write)
            }
            _ => None,
        }
    }

    fn units(self, number: f64) -> Units {
        match self {
            Self::Read => Units { read: number, write: 0.0 },
            Self::Write => Units { read: 0.0, write: number },
        }
    }
}

/// A call that was made to ask for its cost, and what its caller had asked for.
#[derive(Debug)]
pub(super) struct Asked {
    axis: Axis,
    capacity: bool,
}

/// Makes a call ask for its cost. `None` for one that has none, and for one that cannot be read: it
/// will be refused as it is.
pub(super) fn ask(call: &mut Call) -> Option<Asked> {
    let axis = Axis::of(&call.operation)?;
    let mut request: Object = serde_json::from_slice(&call.body).ok()?;
    let capacity = want(&mut request, "ReturnConsumedCapacity", "TOTAL");
    if !capacity {
        call.body = serde_json::to_vec(&request).ok()?.into();
    }
    Some(Asked { axis, capacity })
}

/// Asks for more than nothing. Returns whether the caller had done so.
fn want(request: &mut Object, field: &str, more: &str) -> bool {
    let asked = request.get(field).is_some_and(|value| !value.is_null() && value != "NONE");
    if !asked {
        request.insert(field.to_owned(), more.into());
    }
    asked
}

impl Asked {
    /// Whether the caller had asked for everything itself.
    pub(super) fn all(&self) -> bool {
        self.capacity
    }

    /// What the call cost. Leaves in the answer what its caller had asked for.
    pub(super) fn settle(&self, answer: &mut Object) -> Units {
        const FIELD: &str = "ConsumedCapacity";
        let units = match answer.get(FIELD) {
            Some(Value::Array(tables)) => tables.iter().map(|table| self.table(table)).sum(),
            Some(table) => self.table(table),
            None => Units::default(),
        };
        if !self.capacity {
            answer.remove(FIELD);
        }
        units
    }

    fn table(&self, consumed: &Value) -> Units {
        let number = |field| consumed.get(field).and_then(Value::as_f64);
        match (number("ReadCapacityUnits"), number("WriteCapacityUnits")) {
            (None, None) => self.axis.units(number("CapacityUnits").unwrap_or(0.0)),
            // Only transactions name the axis: one of writes that was made before is only read.
            (read, write) => Units { read: read.unwrap_or(0.0), write: write.unwrap_or(0.0) },
        }
    }
}
