//! The layout of the Node library `lifion-kinesis`: one item for each group and stream, which
//! workers of ours and Node consumers share (`docs/protocol.md`).

mod attribute;
mod condition;
mod date;
mod decode;
pub(crate) mod document;
mod encode;
mod expression;
mod json;
mod limits;
pub mod operations;
mod size;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    ConsumedCapacity, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure as OnFailure,
};
use kinfolk_core::change::{Change, Committed};
use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;

pub use self::condition::Condition;
pub use self::document::Document;
pub use self::limits::LIFION;

use self::attribute as at;
use self::decode::Item;
use self::expression::Finished;
use self::write::Write;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Listed;
use crate::store::usage::Meter;
use crate::store::{BoxFuture, StateStore, Usage};

/// How long one attempt may take: τ of the protocol's section 8.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(1);

/// The state of one group on one stream in lifion's table.
#[derive(Clone)]
pub struct LifionStore {
    client: Client,
    table: String,
    group: GroupName,
    stream: StreamName,
    left_out: BTreeSet<Condition>,
    meter: Arc<Meter>,
}

impl LifionStore {
    /// The store of a group in a table that exists. Each call is one attempt of at most a second,
    /// whatever the client's own settings are.
    pub fn new(
        client: &Client,
        table: impl Into<String>,
        group: impl Into<GroupName>,
        stream: impl Into<StreamName>,
    ) -> Self {
        Self {
            client: client.clone(),
            table: table.into(),
            group: group.into(),
            stream: stream.into(),
            left_out: BTreeSet::new(),
            meter: Arc::default(),
        }
        .attempt_limit(ATTEMPT_LIMIT)
    }

    /// Limits the time of one attempt: τ of the protocol's section 8, a second by default.
    #[must_use]
    pub fn attempt_limit(self, limit: Duration) -> Self {
        let config = self.client.config();
        let theirs = config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled);
        let timeout = theirs.to_builder().operation_timeout(limit).build();
        // The SDK's own retries would outlive the limit, and a retried write that had been applied
        // would come back as refused.
        let builder = config.to_builder().retry_config(RetryConfig::disabled());
        let client = Client::from_conf(builder.timeout_config(timeout).build());
        Self { client, ..self }
    }

    /// Leaves out a kind of condition, so that a test can show that its absence is noticed.
    #[doc(hidden)]
    #[must_use]
    pub fn leave_out(mut self, condition: Condition) -> Self {
        self.left_out.insert(condition);
        self
    }

    /// Puts a state as it is, over whatever is there: how a test begins.
    #[doc(hidden)]
    pub async fn put(&self, state: &Snapshot) -> Result<()> {
        let item = encode::item(&self.group, &self.stream, state);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| self.failed("write", &error))?;
        Ok(())
    }

    async fn get(&self) -> Result<Option<Item>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(self.key()));
        let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = get.consistent_read(true).send().await;
        let answer = answer.map_err(|error| self.failed("read", &error))?;
        // No item may also come as an empty one.
        let item = answer.item.filter(|item| !item.is_empty());
        let bytes = item.as_ref().map_or(0, size::of);
        self.meter.read(units(answer.consumed_capacity.as_ref(), bytes, 4_096));
        Ok(item)
    }

    async fn send(&self, change: &Change) -> Result<Committed> {
        match write::write(&self.group, &self.stream, change, &self.left_out)? {
            Write::Put { item, state, expression } => self.put_item(item, *state, expression).await,
            Write::Update(expression) => self.update_item(expression).await,
        }
    }

    async fn put_item(&self, item: Item, state: Snapshot, on: Finished) -> Result<Committed> {
        let bytes = size::of(&item);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let answer = put
            .set_condition_expression(on.condition)
            .set_expression_attribute_names(on.names)
            .set_expression_attribute_values(on.values)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                self.wrote(answer.consumed_capacity.as_ref(), bytes);
                return Ok(Committed::Applied(state));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                self.refused(refusal.item())
            }
            _ if is_too_large(&error) => Ok(Committed::TooLarge),
            _ => Err(self.failed("write", &error)),
        }
    }

    async fn update_item(&self, on: Finished) -> Result<Committed> {
        let update = self.client.update_item().table_name(&self.table).set_key(Some(self.key()));
        let answer = update
            .set_condition_expression(on.condition)
            .set_update_expression(on.update)
            .set_expression_attribute_names(on.names)
            .set_expression_attribute_values(on.values)
            .return_values(ReturnValue::AllNew)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                let item = answer.attributes();
                self.wrote(answer.consumed_capacity(), item.map_or(0, size::of));
                let missing = || Error::new(ErrorKind::Data, "DynamoDB left out the state written");
                return self.read(item)?.map(Committed::Applied).ok_or_else(missing);
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                self.refused(refusal.item())
            }
            _ if is_too_large(&error) => Ok(Committed::TooLarge),
            _ => Err(self.failed("write", &error)),
        }
    }

    fn refused(&self, item: Option<&Item>) -> Result<Committed> {
        // A refused write costs as much as the item that refused it.
        self.wrote(None, item.map_or(0, size::of));
        Ok(Committed::Refused(self.read(item)?))
    }

    fn wrote(&self, consumed: Option<&ConsumedCapacity>, bytes: u64) {
        self.meter.wrote(units(consumed, bytes, 1_024));
    }

    fn key(&self) -> Item {
        [(at::CONSUMER_GROUP, self.group.as_str()), (at::STREAM_NAME, self.stream.as_str())]
            .map(|(attribute, value)| (attribute.name.to_owned(), encode::text(value)))
            .into()
    }

    /// Reads an item of an answer. No item may also come as an empty one.
    fn read(&self, item: Option<&Item>) -> Result<Option<Snapshot>> {
        let item = item.filter(|item| !item.is_empty());
        self.meter.saw(item.map_or(0, size::of));
        item.map(decode::snapshot).transpose().map_err(|error| {
            Error::new(error.kind(), format!("cannot {}", self.doing("read"))).with_source(error)
        })
    }

    fn failed<E>(&self, verb: &str, error: &SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Failure::of(error).error(self.doing(verb))
    }

    fn doing(&self, verb: &str) -> String {
        let Self { table, group, stream, .. } = self;
        format!("{verb} the state of group {group} on stream {stream} in table {table}")
    }
}

impl fmt::Debug for LifionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LifionStore")
            .field("table", &self.table)
            .field("group", &self.group)
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}

impl StateStore for LifionStore {
    fn look(&self) -> BoxFuture<'_, Result<Option<Snapshot>>> {
        Box::pin(async { self.read(self.get().await?.as_ref()) })
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.send(change))
    }

    fn export(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>>> {
        Box::pin(async { Ok(self.get().await?.as_ref().map(document::text_of)) })
    }

    fn limits(&self) -> Limits {
        LIFION
    }

    fn usage(&self) -> Usage {
        self.meter.usage()
    }
}

/// Whose an item of the table is, its size and the state that it holds. `None` for an item without
/// this table's key.
pub(crate) fn listed(item: &Item) -> Option<Listed> {
    let name = |key: at::Attribute| item.get(key.name)?.as_s().ok().map(String::as_str);
    let (group, stream) = (name(at::CONSUMER_GROUP)?, name(at::STREAM_NAME)?);
    Some(Listed::new(group.into(), stream.into(), Some(size::of(item)), decode::snapshot(item)))
}

/// The units that a call has cost: as DynamoDB says, or as its rules have it.
fn units(consumed: Option<&ConsumedCapacity>, bytes: u64, unit: u64) -> f64 {
    let said = consumed.and_then(ConsumedCapacity::capacity_units);
    said.unwrap_or(bytes.div_ceil(unit).max(1) as f64)
}

/// Whether a write was refused because the item would be larger than DynamoDB's 400 KB. It has no
/// code of its own for that.
fn is_too_large<E>(error: &SdkError<E>) -> bool
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    error.code() == Some("ValidationException")
        && error.message().is_some_and(|said| {
            said.starts_with("Item size") && said.contains("exceeded the maximum allowed size")
        })
}
