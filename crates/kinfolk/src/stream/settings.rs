//! What a stream is to be like: made where it is missing, encrypted, tagged.

use std::collections::BTreeMap;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{EncryptionType, StreamDescriptionSummary};
use kinfolk_core::id::StreamRef;

use super::create::{Capacity, make};
use super::{StreamStatus, named, status, summary, wait};
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// How many tags are read and written in one call.
const TAGS: usize = 10;

/// What a stream is to be like before it is used. By default it must be there, and is left as it
/// is.
///
/// Missing streams are not made unless that is asked for: a stream costs money by the hour, and a
/// name with a typing error would make one that nobody writes to. (The Node library `lifion-kinesis`
/// makes them by default.)
///
/// ```no_run
/// # async fn demo(client: aws_sdk_kinesis::Client) -> kinfolk::Result<()> {
/// use kinfolk::stream::StreamSettings;
///
/// let settings = StreamSettings::new()
///     .create(4)
///     .encrypt_with("alias/aws/kinesis")
///     .tags([("team", "billing")]);
/// settings.ensure(&client, &"orders".into()).await
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "nothing happens before `ensure`"]
pub struct StreamSettings {
    capacity: Option<Capacity>,
    key: Option<String>,
    tags: BTreeMap<String, String>,
}

impl StreamSettings {
    /// A stream that must be there, and is left as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the stream with so many shards where it is missing; 0 counts as 1. One that is there
    /// keeps its shards.
    pub fn create(self, shards: u32) -> Self {
        Self { capacity: Some(Capacity::Shards(shards.max(1))), ..self }
    }

    /// Makes the stream where it is missing, and leaves the number of its shards to AWS.
    pub fn create_on_demand(self) -> Self {
        Self { capacity: Some(Capacity::OnDemand), ..self }
    }

    /// Has records encrypted at rest by this KMS key: its id, its ARN, or an alias like
    /// `alias/aws/kinesis`, the key of AWS' own. A stream that is encrypted keeps the key it has.
    pub fn encrypt_with(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Tags that the stream must have beside its others; none by default.
    pub fn tags<K: Into<String>, V: Into<String>>(
        self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { tags, ..self }
    }

    /// Makes sure that the stream is there, can be used, and is as these settings say. One that is
    /// being deleted is waited for, if it is to be made again.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config): it is missing or being deleted and is not to be made, or it is
    /// missing and named by its ARN. [`Unavailable`](ErrorKind::Unavailable): a change was not in
    /// effect within 10 minutes. Otherwise as AWS fails.
    pub async fn ensure(&self, client: &Client, stream: &StreamRef) -> Result<()> {
        named::check(stream)?;
        let found = self.ensure_there(client, stream).await?;
        self.ensure_encrypted(client, stream, &found).await?;
        self.ensure_tags(client, stream).await
    }

    async fn ensure_there(
        &self,
        client: &Client,
        stream: &StreamRef,
    ) -> Result<StreamDescriptionSummary> {
        loop {
            match (summary(client, stream).await, self.capacity) {
                (Ok(found), capacity) => match (status(&found), capacity) {
                    (StreamStatus::Deleting, Some(_)) => wait::until_gone(client, stream).await?,
                    (StreamStatus::Deleting, None) => {
                        return Err(not_there(stream, "being deleted"));
                    }
                    (StreamStatus::Creating, _) => wait::until_active(client, stream).await?,
                    _ => return Ok(found),
                },
                (Err(failure), capacity) if failure.is("ResourceNotFoundException") => {
                    let missing = || not_there(stream, "not there");
                    let capacity = capacity.ok_or_else(missing)?;
                    if make(client, stream, capacity).await? {
                        tracing::info!(%stream, %capacity, "created the stream");
                    }
                }
                (Err(failure), _) => {
                    return Err(failure.error(format_args!("describe stream {stream}")));
                }
            }
        }
    }

    async fn ensure_encrypted(
        &self,
        client: &Client,
        stream: &StreamRef,
        found: &StreamDescriptionSummary,
    ) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        if found.encryption_type() == Some(&EncryptionType::Kms) {
            if found.key_id() != Some(key) {
                tracing::info!(%stream, "the stream is encrypted, by a key that goes by another name");
            }
            return Ok(());
        }
        wait::until_active(client, stream).await?;
        let call = client
            .start_stream_encryption()
            .set_stream_name(named::name(stream))
            .set_stream_arn(named::arn(stream))
            .encryption_type(EncryptionType::Kms)
            .key_id(key);
        match call.send().await.map_err(|error| Failure::of(&error)) {
            Ok(_) => tracing::info!(%stream, "encrypted the stream"),
            // Somebody else is at it.
            Err(failure) if failure.is("ResourceInUseException") => {}
            // A local server that has no encryption.
            Err(failure) if failure.is("UnknownOperationException") => {
                tracing::warn!(%stream, "the server does not know how to encrypt a stream");
            }
            Err(failure) => return Err(failure.error(format_args!("encrypt stream {stream}"))),
        }
        wait::until_active(client, stream).await
    }

    async fn ensure_tags(&self, client: &Client, stream: &StreamRef) -> Result<()> {
        if self.tags.is_empty() {
            return Ok(());
        }
        let there = read_tags(client, stream).await?;
        let lacking: Vec<_> =
            self.tags.iter().filter(|(key, value)| there.get(*key) != Some(value)).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        wait::until_active(client, stream).await?;
        for some in lacking.chunks(TAGS) {
            let some = some.iter().map(|&(key, value)| (key.clone(), value.clone())).collect();
            let call = client
                .add_tags_to_stream()
                .set_stream_name(named::name(stream))
                .set_stream_arn(named::arn(stream))
                .set_tags(Some(some));
            call.send()
                .await
                .map_err(|error| Failure::of(&error).error(format_args!("tag stream {stream}")))?;
        }
        tracing::info!(%stream, tags = lacking.len(), "tagged the stream");
        Ok(())
    }
}

/// The stream's tags, of every page.
async fn read_tags(client: &Client, stream: &StreamRef) -> Result<BTreeMap<String, String>> {
    let (mut tags, mut after) = (BTreeMap::new(), None);
    loop {
        let call = client
            .list_tags_for_stream()
            .set_stream_name(named::name(stream))
            .set_stream_arn(named::arn(stream))
            .set_exclusive_start_tag_key(after)
            .limit(i32::try_from(TAGS).unwrap_or(i32::MAX));
        let page = call.send().await.map_err(|error| {
            Failure::of(&error).error(format_args!("list the tags of stream {stream}"))
        })?;
        after = page.tags.last().map(|tag| tag.key.clone());
        let read = page.tags.into_iter();
        tags.extend(read.map(|tag| (tag.key, tag.value.unwrap_or_default())));
        if !page.has_more_tags || after.is_none() {
            return Ok(tags);
        }
    }
}

fn not_there(stream: &StreamRef, state: &str) -> Error {
    let message = format!(
        "stream {stream} is {state}, and making it is not asked for: check the name, the region \
         and the account, or allow it with StreamSettings::create"
    );
    Error::new(ErrorKind::Config, message)
}
