//! Large items: what is too long for a record is an object in S3, and the record points at it.

mod bucket;
mod pointer;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use kinfolk_core::id::StreamName;
use serde_json::Value;

pub(super) use self::pointer::Pointer;
use super::json;
use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::random;

/// Node's `largeItemThreshold`.
const THRESHOLD_KB: usize = 900;

/// Large items of one stream, in an S3 bucket.
///
/// An item that is longer than the [threshold](Self::threshold_kb) becomes the object
/// `{stream}-{22 random characters}.json`, and the record `{"@S3Item":{"bucket","eTag","key"}}`
/// with the [keys that are kept](Self::keep_keys). That is the form of the Node library's
/// `useS3ForLargeItems`: each reads what the other has written.
///
/// What is written here has a content type: `application/json` for what reads as JSON, so that Node
/// parses it. Node writes none, and hands its own items out as text; here they are parsed by the
/// codec's [`Json`](super::Json) as any record is.
///
/// [`ensure_bucket`](Self::ensure_bucket) makes the bucket. Without it, the bucket must be there.
#[derive(Clone, Debug)]
pub struct LargeItems {
    client: Client,
    stream: StreamName,
    bucket: String,
    allowed: BTreeSet<String>,
    threshold: usize,
    kept: BTreeSet<String>,
    tags: BTreeMap<String, String>,
    expire_days: Option<u32>,
}

/// An object of the bucket.
pub(super) struct Body {
    pub(super) data: Bytes,
    /// Whoever wrote it says that it is JSON.
    pub(super) is_json: bool,
}

impl LargeItems {
    /// Large items of a stream, in the bucket of its name.
    pub fn new(client: Client, stream: impl Into<StreamName>) -> Self {
        let stream = stream.into();
        Self {
            client,
            bucket: stream.as_str().to_owned(),
            stream,
            allowed: BTreeSet::new(),
            threshold: THRESHOLD_KB * 1024,
            kept: BTreeSet::new(),
            tags: BTreeMap::new(),
            expire_days: None,
        }
    }

    /// The bucket; by default that of the stream's name.
    #[must_use]
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = bucket.into();
        self
    }

    /// Follows pointers into this bucket too. Whoever can write to the stream decides where its
    /// records point, so that others are refused.
    #[must_use]
    pub fn allow_bucket(mut self, bucket: impl Into<String>) -> Self {
        self.allowed.insert(bucket.into());
        self
    }

    /// An item goes to S3 if it has more than so many times 1,024 characters; 900 by default.
    ///
    /// Characters are counted as JavaScript does, in UTF-16: one of them is up to three bytes, so
    /// that text which is hardly ASCII needs a third of it. Bytes that are no text are counted as
    /// such. Compression comes afterwards.
    #[must_use]
    pub fn threshold_kb(mut self, kb: usize) -> Self {
        self.threshold = kb.saturating_mul(1024);
        self
    }

    /// Members of an item, if it is an object, that its record has beside the pointer. Node's
    /// `nonS3Keys`; none by default. They should be small: the threshold does not count for them.
    #[must_use]
    pub fn keep_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.kept = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Tags that the bucket must have beside its others; none by default.
    #[must_use]
    pub fn tags<K: Into<String>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.tags = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        self
    }

    /// After how many days S3 deletes an item. By default a day after the stream has let its
    /// record go.
    #[must_use]
    pub fn expire_after_days(mut self, days: u32) -> Self {
        self.expire_days = Some(days);
        self
    }

    pub(super) fn takes(&self, data: &[u8]) -> bool {
        // A text has no more characters than bytes.
        data.len() > self.threshold
            && std::str::from_utf8(data)
                .map_or(true, |text| text.encode_utf16().count() > self.threshold)
    }

    /// Stores an item. Returns what its record holds.
    pub(super) async fn put(&self, data: Bytes, value: Option<&Value>) -> Result<Bytes> {
        // A name as the Node library draws them, that no other object has.
        let key = format!("{}{}.json", self.key_prefix(), random::ids()?.version());
        let kind = match std::str::from_utf8(&data) {
            Ok(text) if value.is_some() || json::reads_as_json(text) => "application/json",
            Ok(_) => "text/plain; charset=utf-8",
            Err(_) => "application/octet-stream",
        };
        let call = self.client.put_object().bucket(&self.bucket).key(&key).content_type(kind);
        let stored = call.body(ByteStream::from(data)).send().await.map_err(|error| {
            let doing = format_args!("put a large item of stream {} into S3", self.stream);
            Failure::of(&error).error(format_args!("{doing}, bucket {}", self.bucket))
        })?;
        let pointer =
            Pointer { bucket: self.bucket.clone(), e_tag: stored.e_tag.unwrap_or_default(), key };
        Ok(pointer.record(value, &self.kept).into())
    }

    /// Fetches an item of at most `limit` bytes.
    pub(super) async fn get(&self, pointer: &Pointer, limit: usize) -> Result<Body> {
        if pointer.bucket != self.bucket && !self.allowed.contains(&pointer.bucket) {
            let message = format!(
                "its large item is not in bucket {}; allow others with LargeItems::allow_bucket",
                self.bucket
            );
            return Err(Error::new(ErrorKind::Data, message));
        }
        let call = self.client.get_object().bucket(&pointer.bucket).key(&pointer.key);
        let answer = call.send().await.map_err(|error| {
            let mut failure = Failure::of(&error);
            if failure.is("NoSuchKey") {
                failure.kind = ErrorKind::Data;
            }
            self.unfetched(failure)
        })?;
        let is_json = answer.content_type().is_some_and(|kind| kind == "application/json");
        let too_large = || {
            let message =
                format!("its large item has more than the {limit} bytes that are allowed");
            Error::new(ErrorKind::Data, message)
        };
        let length = answer.content_length().and_then(|length| usize::try_from(length).ok());
        if length.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut data = Vec::with_capacity(length.unwrap_or(0));
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            // The connection broke, or the checksum is wrong: both may go better.
            let chunk = chunk.map_err(|error| {
                let message = format!("cannot fetch its large item from bucket {}", self.bucket);
                Error::new(ErrorKind::Unavailable, message).with_source(error)
            })?;
            // The length may have been wrong, or missing.
            if data.len() + chunk.len() > limit {
                return Err(too_large());
            }
            data.extend_from_slice(&chunk);
        }
        Ok(Body { data: data.into(), is_json })
    }

    fn unfetched(&self, failure: Failure) -> Error {
        failure.error(format_args!(
            "fetch its large item from S3, stream {}, bucket {}",
            self.stream, self.bucket
        ))
    }

    /// What the names of all its objects begin with.
    fn key_prefix(&self) -> String {
        format!("{}-", self.stream)
    }
}
