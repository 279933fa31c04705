//! A record to be stored, and Kinesis' limits for it.

use std::borrow::Cow;

use bytes::Bytes;
use kinfolk_core::id::StreamRef;
use sha1::{Digest, Sha1};

use crate::error::{Error, ErrorKind, Result};
use crate::stream::named;

/// The most bytes of a record, data and partition key together.
///
/// API reference, PutRecords: "Each record in the request can be as large as 10 MiB, up to a
/// limit of 10 MiB for the entire request, including partition keys". A stream takes records
/// above 1 MiB only if its `MaxRecordSizeInKiB` says so.
pub const MAX_RECORD_BYTES: usize = 10 * 1024 * 1024;

/// The most characters of a partition key; it has at least one.
pub const MAX_KEY_CHARS: usize = 256;

/// What a record weighs in the queue beside its bytes, so that many small ones are bounded too.
const OVERHEAD: usize = 256;

/// A record to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The content.
    pub data: Bytes,
    /// What decides its shard, and which records it stays in order with. By default the SHA-1 of
    /// the data in base64, as with the Node library `lifion-kinesis`.
    pub partition_key: Option<String>,
    /// Decides the shard in the partition key's place: the shard whose hash range holds it.
    pub explicit_hash_key: Option<u128>,
}

impl NewRecord {
    /// A record with the default partition key.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), partition_key: None, explicit_hash_key: None }
    }

    /// The same record with this partition key; an empty one stands for the default.
    #[must_use]
    pub fn partition_key(mut self, key: impl Into<String>) -> Self {
        self.partition_key = Some(key.into());
        self
    }

    /// The same record with this hash key.
    #[must_use]
    pub fn explicit_hash_key(mut self, key: u128) -> Self {
        self.explicit_hash_key = Some(key);
        self
    }

    /// Its partition key, given or by default.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        let given = self.partition_key.as_deref().filter(|key| !key.is_empty());
        given.map_or_else(|| default_key(&self.data).into(), Into::into)
    }

    /// The record with its key filled in, if Kinesis can take it.
    pub(super) fn checked(mut self, stream: &StreamRef) -> Result<Self> {
        named::check(stream)?;
        let key = self.key().into_owned();
        let refuse = |what: String| {
            let message = format!("cannot put a record into stream {stream}: {what}");
            Err(Error::new(ErrorKind::Config, message))
        };
        let chars = key.chars().count();
        if chars > MAX_KEY_CHARS {
            return refuse(format!(
                "its partition key has {chars} characters, at most {MAX_KEY_CHARS} are allowed"
            ));
        }
        let bytes = self.data.len() + key.len();
        if bytes > MAX_RECORD_BYTES {
            return refuse(format!(
                "it has {bytes} bytes with its key, at most {MAX_RECORD_BYTES} are allowed"
            ));
        }
        self.partition_key = Some(key);
        Ok(self)
    }

    /// Its bytes in a call.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.as_ref().map_or(0, String::len)
    }

    /// Its weight in the queue.
    pub(super) fn charge(&self) -> u32 {
        u32::try_from(self.bytes() + OVERHEAD).unwrap_or(u32::MAX)
    }
}

fn default_key(data: &[u8]) -> String {
    aws_smithy_types::base64::encode(Sha1::digest(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_key_is_the_node_librarys() {
        // createHash('sha1').update('{"id":1}').digest('base64')
        assert_eq!(default_key(b"{\"id\":1}"), "h5EdGu1QmHe4OkjsU292jNzSLfE=");
        let stream = "orders".into();
        let record = NewRecord::new("{\"id\":1}").partition_key("").checked(&stream).unwrap();
        assert_eq!(record.partition_key.as_deref(), Some("h5EdGu1QmHe4OkjsU292jNzSLfE="));
    }

    #[test]
    fn limits_are_checked_before_anything_is_sent() {
        let stream = "orders".into();
        let long = |n| NewRecord::new("x").partition_key("é".repeat(n)).checked(&stream);
        assert!(long(256).is_ok());
        let error = long(257).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("257 characters"), "{error}");
        let large = |n| NewRecord::new(vec![0; n]).partition_key("k").checked(&stream);
        assert!(large(MAX_RECORD_BYTES - 1).is_ok());
        assert!(large(MAX_RECORD_BYTES).is_err());
    }
}
