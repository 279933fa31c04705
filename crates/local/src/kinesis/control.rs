//! The operations that `ferrokinesis` itself carries out: its validation, then its dispatch.

use axum::body::Body;
use ferrokinesis::{
    actions::{Operation, dispatch},
    error::KinesisErrorResponse as Failure,
    validation,
};
use serde_json::Value;

use super::{Kinesis, wire::Encoding};
use crate::gate::Call;

pub(super) async fn call(
    kinesis: &Kinesis,
    encoding: Encoding,
    call: &Call,
) -> Result<Body, Failure> {
    let operation: Operation = call
        .operation
        .parse()
        .map_err(|_| Failure::client_error("UnknownOperationException", None))?;
    let mut request = encoding.read_any(&call.body)?;
    name_the_stream(kinesis, operation, &mut request)?;
    let rules = operation.validation_rules();
    let fields: Vec<_> = rules.iter().map(|(name, rule)| (*name, rule)).collect();
    let request = validation::check_types(&request, &fields)?;
    validation::check_validations(&request, &fields, None)?;
    match dispatch(&kinesis.0.store, operation, request).await? {
        Some(answer) => Ok(Body::from(encoding.write_any(answer)?)),
        None => Ok(Body::empty()),
    }
}

/// Puts the stream's name where only its ARN was given, for the operations that know only names.
fn name_the_stream(
    kinesis: &Kinesis,
    operation: Operation,
    request: &mut Value,
) -> Result<(), Failure> {
    let rules = operation.validation_rules();
    if !rules.iter().any(|(name, _)| *name == "StreamName") {
        return Ok(());
    }
    let Value::Object(fields) = request else { return Ok(()) };
    let Some(arn) = fields.get("StreamARN").and_then(Value::as_str) else { return Ok(()) };
    let name = kinesis.0.store.stream_name_from_arn(arn).ok_or_else(|| {
        Failure::client_error("InvalidArgumentException", Some("StreamARN does not name a stream."))
    })?;
    fields.remove("StreamARN");
    fields.insert("StreamName".to_owned(), Value::from(name));
    Ok(())
}
