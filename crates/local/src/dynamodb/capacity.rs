//! What a call costs in capacity units.
//!
//! `dynoxide` works that out as AWS does, and says so in the answer if asked. Every call that costs
//! something is therefore made to ask, and what its caller did not ask for is taken out of the
//! answer again.
//!
//! A refusal by a condition names no cost, as at AWS. What it costs is the size of the item in its
//! way, so the call is made to ask for that too: a read afterwards might find another.

use std::collections::HashMap;

use dynoxide::types::{AttributeValue, item_size, write_capacity_units};
use serde::Deserialize;
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
    /// For each single write: whether its caller is to see the item that its condition refuses.
    items: Vec<bool>,
}

/// Makes a call ask for its cost. `None` for one that has none, and for one that cannot be read: it
/// will be refused as it is.
pub(super) fn ask(call: &mut Call) -> Option<Asked> {
    let axis = Axis::of(&call.operation)?;
    let mut request: Object = serde_json::from_slice(&call.body).ok()?;
    let capacity = want(&mut request, "ReturnConsumedCapacity", "TOTAL");
    let writes = writes(&call.operation, &mut request).into_iter();
    let items: Vec<_> = writes
        .map(|write| {
            let conditional = ["ConditionExpression", "Expected"];
            !conditional.iter().any(|field| write.contains_key(*field))
                || want(write, "ReturnValuesOnConditionCheckFailure", "ALL_OLD")
        })
        .collect();
    let asked = Asked { axis, capacity, items };
    if !asked.all() {
        call.body = serde_json::to_vec(&request).ok()?.into();
    }
    Some(asked)
}

/// The single writes of a call, in order, as far as they may have conditions.
fn writes<'a>(operation: &str, request: &'a mut Object) -> Vec<&'a mut Object> {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![request],
        "TransactWriteItems" => {
            let actions = request.get_mut("TransactItems").and_then(Value::as_array_mut);
            // Each holds one member, named after what it does.
            let members = actions.into_iter().flatten().filter_map(Value::as_object_mut);
            members.flat_map(Map::values_mut).filter_map(Value::as_object_mut).collect()
        }
        _ => Vec::new(),
    }
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
        self.capacity && !self.items.contains(&false)
    }

    /// What the call cost. Leaves in the answer what its caller had asked for.
    pub(super) fn settle(&self, answer: &mut Object) -> Units {
        let error = answer.get("__type").and_then(Value::as_str);
        match error.map(|code| code.rsplit('#').next().unwrap_or(code)) {
            None => self.carried_out(answer),
            Some("ConditionalCheckFailedException") => {
                let shown = self.items.first().is_none_or(|shown| *shown);
                self.axis.units(refused(answer, shown))
            }
            Some("TransactionCanceledException") => self.cancelled(answer),
            Some(_) => Units::default(),
        }
    }

    fn carried_out(&self, answer: &mut Object) -> Units {
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

    /// Charged for the conditions that failed, twice like everything in a transaction; AWS does not
    /// say what the writes beside them cost.
    fn cancelled(&self, answer: &mut Object) -> Units {
        let reasons = answer.get_mut("CancellationReasons").and_then(Value::as_array_mut);
        let reasons = reasons.into_iter().flatten().filter_map(Value::as_object_mut);
        let failed = self.items.iter().zip(reasons).filter(|(_, reason)| {
            reason.get("Code").is_some_and(|code| code == "ConditionalCheckFailed")
        });
        failed.map(|(shown, reason)| self.axis.units(2.0 * refused(reason, *shown))).sum()
    }
}

/// The cost of a condition that failed: as if the item in its way had been written, at least 1.
fn refused(answer: &mut Object, shown: bool) -> f64 {
    const FIELD: &str = "Item";
    let item = answer.get(FIELD).map(HashMap::<String, AttributeValue>::deserialize);
    let size = item.and_then(Result::ok).map_or(0, |item| item_size(&item));
    if !shown {
        answer.remove(FIELD);
    }
    write_capacity_units(size)
}
