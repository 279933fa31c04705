//! The table: found or made, waited for, tagged, as the Node library does it.

mod keys;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    BillingMode, ProvisionedThroughput, SseSpecification, TableDescription, TableStatus, Tag,
};

use self::keys::Keys;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// The Node library's name for its table.
pub const DEFAULT_TABLE: &str = "lifion-kinesis-state";

/// How often a table is looked at that is not ready.
const POLL: Duration = Duration::from_millis(200);

/// How long to wait for a table to become ready.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which table holds the state, and how to make it where it is missing.
#[derive(Clone, Debug)]
pub struct TableSettings {
    name: String,
    create: bool,
    capacity: Option<(u32, u32)>,
    tags: BTreeMap<String, String>,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self { name: DEFAULT_TABLE.to_owned(), create: true, capacity: None, tags: BTreeMap::new() }
    }
}

impl TableSettings {
    /// The Node library's settings: its table's name, created if missing, paid by request.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table's name; [`DEFAULT_TABLE`] by default.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Whether to create a missing table, which is the default. Otherwise that is an error.
    #[must_use]
    pub fn create_table(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Creates the table with this capacity in read and write units a second. By default it is
    /// paid by request.
    #[must_use]
    pub fn capacity(self, read: u32, write: u32) -> Self {
        Self { capacity: Some((read, write)), ..self }
    }

    /// Tags that the table must have beside its others; none by default.
    #[must_use]
    pub fn tags<K: Into<String>, V: Into<String>>(
        self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { tags, ..self }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.name
    }

    /// Makes sure that the table is there and ready, and returns its ARN.
    ///
    /// # Errors
    /// `Config`: it is missing and must not be created, or its keys are other ones.
    /// `Unavailable`: it was not ready within 5 minutes.
    pub async fn ensure(&self, client: &Client) -> Result<String> {
        let mut state = "missing".to_owned();
        let ready = tokio::time::timeout(PATIENCE, self.wait(client, &mut state)).await;
        ready.unwrap_or_else(|_| {
            let message = format!("table {} is still {state} after {PATIENCE:?}", self.name);
            Err(Error::new(ErrorKind::Unavailable, message))
        })
    }

    /// Gives the table the tags that it lacks. `arn` is what [`ensure`](Self::ensure) returned.
    pub async fn ensure_tags(&self, client: &Client, arn: &str) -> Result<()> {
        if self.tags.is_empty() {
            return Ok(());
        }
        let there = self.read_tags(client, arn).await?;
        let lacking = self.tags.iter().filter(|(key, value)| there.get(*key) != Some(value));
        let lacking = lacking.map(|(key, value)| tag(key, value)).collect::<Result<Vec<_>>>()?;
        if lacking.is_empty() {
            return Ok(());
        }
        let count = lacking.len();
        let call = client.tag_resource().resource_arn(arn).set_tags(Some(lacking));
        call.send().await.map_err(|error| self.failed("tag", &error))?;
        tracing::info!(table = self.name, tags = count, "tagged the state table");
        Ok(())
    }

    /// Looks at the table until it is ready, and creates it where it is missing. `state` keeps
    /// what was last seen.
    async fn wait(&self, client: &Client, state: &mut String) -> Result<String> {
        loop {
            match self.describe(client).await? {
                None => self.create(client).await?,
                Some(table) => {
                    let status = table.table_status().cloned().unwrap_or(TableStatus::Creating);
                    // One that is being deleted may have any keys: another will take its place.
                    if status != TableStatus::Deleting {
                        self.check_keys(&table)?;
                    }
                    if status == TableStatus::Active {
                        return Ok(table.table_arn().unwrap_or_default().to_owned());
                    }
                    *state = status.as_str().to_owned();
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the table is; `None` when there is none.
    async fn describe(&self, client: &Client) -> Result<Option<TableDescription>> {
        match client.describe_table().table_name(&self.name).send().await {
            Ok(answer) => Ok(answer.table),
            Err(error) if missing(&error) => Ok(None),
            Err(error) => Err(self.failed("describe", &error)),
        }
    }

    async fn create(&self, client: &Client) -> Result<()> {
        if !self.create {
            let message = format!(
                "table {} does not exist, and creating it is switched off: create it with the keys \
                 {}, or allow it with create_table(true)",
                self.name,
                Keys::expected()
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        let keys = Keys::expected();
        let call = client
            .create_table()
            .table_name(&self.name)
            .set_attribute_definitions(Some(keys.definitions().map_err(incomplete)?))
            .set_key_schema(Some(keys.schema().map_err(incomplete)?))
            .sse_specification(SseSpecification::builder().enabled(true).build());
        let call = match self.capacity {
            None => call.billing_mode(BillingMode::PayPerRequest),
            Some((read, write)) => call
                .billing_mode(BillingMode::Provisioned)
                .provisioned_throughput(throughput(read, write)?),
        };
        match call.send().await {
            Ok(_) => tracing::info!(table = self.name, "created the state table"),
            // Somebody else was faster.
            Err(error) if Failure::of(&error).is("ResourceInUseException") => {}
            Err(error) => return Err(self.failed("create", &error)),
        }
        Ok(())
    }

    /// A table of that name may serve something else: writing to it would fail, or worse.
    fn check_keys(&self, table: &TableDescription) -> Result<()> {
        let (expected, found) = (Keys::expected(), Keys::of(table));
        if found == expected {
            return Ok(());
        }
        let message = format!(
            "table {} has other keys: expected {expected}, found {found}; choose another table",
            self.name
        );
        Err(Error::new(ErrorKind::Config, message))
    }

    async fn read_tags(&self, client: &Client, arn: &str) -> Result<BTreeMap<String, String>> {
        let (mut tags, mut next) = (BTreeMap::new(), None);
        loop {
            let call = client.list_tags_of_resource().resource_arn(arn).set_next_token(next);
            let page =
                call.send().await.map_err(|error| self.failed("list the tags of", &error))?;
            let read = page.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
            tags.extend(read);
            next = page.next_token;
            if next.is_none() {
                return Ok(tags);
            }
        }
    }

    fn failed<E>(&self, verb: &str, error: &SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        Failure::of(error).error(format_args!("{verb} table {}", self.name))
    }
}

fn missing<E>(error: &SdkError<E>) -> bool
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    Failure::of(error).is("ResourceNotFoundException")
}

fn tag(key: &str, value: &str) -> Result<Tag> {
    Tag::builder().key(key).value(value).build().map_err(incomplete)
}

fn throughput(read: u32, write: u32) -> Result<ProvisionedThroughput> {
    let units = ProvisionedThroughput::builder();
    let units = units.read_capacity_units(read.into()).write_capacity_units(write.into());
    units.build().map_err(incomplete)
}

/// The SDK's builders only fail on what was left out.
fn incomplete(error: BuildError) -> Error {
    Error::new(ErrorKind::Internal, "an incomplete request").with_source(error.to_string())
}
