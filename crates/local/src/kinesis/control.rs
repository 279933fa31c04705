//! The operations that `ferrokinesis` itself carries out: its validation, then its dispatch, with a
//! few corrections.

use ferrokinesis::{
    actions::{Operation, dispatch},
    error::KinesisErrorResponse as Failure,
    types::StreamMode,
    validation,
};
use serde_json::{Map, Value};

use super::{Kinesis, start::invalid, wire::Encoding};
use crate::gate::Call;

/// The shards of an on-demand stream at its start.
const ON_DEMAND_SHARDS: u32 = 4;

/// The shards that DescribeStream tells of, unless the caller wants another number.
const DESCRIBED_SHARDS: u64 = 100;

pub(super) async fn call(
    kinesis: &Kinesis,
    encoding: Encoding,
    call: &Call,
) -> Result<Vec<u8>, Failure> {
    let unknown = |_| Failure::client_error("UnknownOperationException", None);
    let operation: Operation = call.operation.parse().map_err(unknown)?;
    let Value::Object(mut request) = encoding.read_any(&call.body)? else {
        return Err(Failure::serialization_error("The request is not an object."));
    };
    name_the_stream(kinesis, operation, &mut request)?;
    let answer = match operation {
        Operation::CreateStream => create_stream(kinesis, request).await?,
        Operation::DescribeStream => describe_stream(kinesis, request).await?,
        Operation::DeleteStream => {
            let name = text(&request, "StreamName").to_owned();
            let answer = carry_out(kinesis, operation, request).await?;
            kinesis.streams().forget(&name);
            answer
        }
        _ => carry_out(kinesis, operation, request).await?,
    };
    match answer {
        Some(answer) => encoding.write_any(answer),
        None => Ok(Vec::new()),
    }
}

async fn carry_out(
    kinesis: &Kinesis,
    operation: Operation,
    request: Map<String, Value>,
) -> Result<Option<Value>, Failure> {
    let rules = operation.validation_rules();
    let fields: Vec<_> = rules.iter().map(|(name, rule)| (*name, rule)).collect();
    let request = validation::check_types(&Value::Object(request), &fields)?;
    validation::check_validations(&request, &fields, None)?;
    dispatch(kinesis.store(), operation, request).await
}

/// Puts the stream's name where only its ARN was given, for the operations that know only names.
fn name_the_stream(
    kinesis: &Kinesis,
    operation: Operation,
    request: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let by_name = operation.validation_rules().iter().any(|(name, _)| *name == "StreamName");
    let Some(arn) = request.get("StreamARN").and_then(Value::as_str).filter(|_| by_name) else {
        return Ok(());
    };
    let name = kinesis.store().stream_name_from_arn(arn);
    let name = name.ok_or_else(|| invalid("StreamARN does not name a stream."))?;
    request.remove("StreamARN");
    request.insert("StreamName".to_owned(), Value::from(name));
    Ok(())
}

/// Adds what `ferrokinesis` does not take: the mode, with its number of shards, and the tags.
async fn create_stream(
    kinesis: &Kinesis,
    mut request: Map<String, Value>,
) -> Result<Option<Value>, Failure> {
    let name = text(&request, "StreamName").to_owned();
    let mode = request.get("StreamModeDetails").and_then(|details| details.get("StreamMode"));
    let on_demand = mode.and_then(Value::as_str) == Some("ON_DEMAND");
    if on_demand {
        request.entry("ShardCount").or_insert(Value::from(ON_DEMAND_SHARDS));
    }
    let tags = request.get("Tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let answer = carry_out(kinesis, Operation::CreateStream, request).await?;
    kinesis.streams().forget(&name);
    if let Some(journal) = kinesis.journal() {
        journal
            .made(&name)
            .map_err(|error| Failure::server_error(None, Some(&error.to_string())))?;
    }
    if on_demand || !tags.is_empty() {
        let change = |stream: &mut ferrokinesis::types::Stream| {
            if on_demand {
                stream.stream_mode_details.stream_mode = StreamMode::OnDemand;
            }
            let tags =
                tags.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())));
            stream.tags.extend(tags);
            Ok(())
        };
        kinesis.store().update_stream(&name, change).await?;
    }
    Ok(answer)
}

/// Pages the shards, which `ferrokinesis` always returns all at once.
async fn describe_stream(
    kinesis: &Kinesis,
    request: Map<String, Value>,
) -> Result<Option<Value>, Failure> {
    let limit = request.get("Limit").and_then(Value::as_u64).unwrap_or(DESCRIBED_SHARDS);
    let after = text(&request, "ExclusiveStartShardId").to_owned();
    let mut answer = carry_out(kinesis, Operation::DescribeStream, request).await?;
    let description = answer.as_mut().and_then(|answer| answer.get_mut("StreamDescription"));
    if let Some(Value::Object(description)) = description
        && let Some(Value::Array(shards)) = description.get_mut("Shards")
    {
        let id =
            |shard: &Value| shard.get("ShardId").and_then(Value::as_str).unwrap_or("").to_owned();
        shards.retain(|shard| id(shard) > after);
        let all = shards.len();
        shards.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let more = shards.len() < all;
        description.insert("HasMoreShards".to_owned(), Value::from(more));
    }
    Ok(answer)
}

fn text<'a>(request: &'a Map<String, Value>, field: &str) -> &'a str {
    request.get(field).and_then(Value::as_str).unwrap_or("")
}
