//! The layout of the Node library `lifion-kinesis`: one item for each group and stream, which
//! workers of ours and Node consumers share (`docs/protocol.md`).

mod attribute;
mod condition;
mod date;
mod decode;
mod encode;
mod expression;
#[cfg_attr(not(test), expect(dead_code, reason = "no caller reads or writes a file yet"))]
mod json;
mod limits;
mod write;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};
use kinfolk_core::change::{Change, Committed};
use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::limits::Limits;
use kinfolk_core::snapshot::Snapshot;

pub use self::condition::Condition;
pub use self::limits::LIFION;

use self::attribute as at;
use self::decode::Item;
use self::expression::Finished;
use self::write::Write;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{BoxFuture, StateStore};

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

    async fn get(&self) -> Result<Option<Snapshot>> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(self.key()));
        match get.consistent_read(true).send().await {
            Ok(answer) => self.read(answer.item.as_ref()),
            Err(error) => Err(self.failed("read", &error)),
        }
    }

    async fn send(&self, change: &Change) -> Result<Committed> {
        match write::write(&self.group, &self.stream, change, &self.left_out)? {
            Write::Put { item, state, expression } => self.put_item(item, *state, expression).await,
            Write::Update(expression) => self.update_item(expression).await,
        }
    }

    async fn put_item(&self, item: Item, state: Snapshot, on: Finished) -> Result<Committed> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let answer = put
            .set_condition_expression(on.condition)
            .set_expression_attribute_names(on.names)
            .set_expression_attribute_values(on.values)
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(Committed::Applied(state)) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Committed::Refused(self.read(refusal.item())?))
            }
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
            .return_values_on_condition_check_failure(OnFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(answer) => {
                let state = self.read(answer.attributes())?;
                let missing = || Error::new(ErrorKind::Data, "DynamoDB left out the state written");
                return state.map(Committed::Applied).ok_or_else(missing);
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Committed::Refused(self.read(refusal.item())?))
            }
            _ => Err(self.failed("write", &error)),
        }
    }

    fn key(&self) -> Item {
        [(at::CONSUMER_GROUP, self.group.as_str()), (at::STREAM_NAME, self.stream.as_str())]
            .map(|(attribute, value)| (attribute.name.to_owned(), encode::text(value)))
            .into()
    }

    /// Reads an item of an answer. No item may also come as an empty one.
    fn read(&self, item: Option<&Item>) -> Result<Option<Snapshot>> {
        let item = item.filter(|item| !item.is_empty());
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
        Box::pin(self.get())
    }

    fn commit<'a>(&'a self, change: &'a Change) -> BoxFuture<'a, Result<Committed>> {
        Box::pin(self.send(change))
    }

    fn limits(&self) -> Limits {
        LIFION
    }
}
