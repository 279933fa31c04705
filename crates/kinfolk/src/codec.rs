//! What a record holds: JSON, text or bytes; compressed, or put into S3 where it is large.
//!
//! A [`Codec`] writes and reads what the Node library `lifion-kinesis` does, in its forms. One
//! value serves both sides:
//!
//! ```
//! # async fn example(
//! #     producer: &kinfolk::producer::Producer,
//! #     delivery: &kinfolk::Delivery,
//! # ) -> kinfolk::Result<()> {
//! use kinfolk::codec::{Codec, Compression};
//!
//! let codec = Codec::new().compression(Compression::LzUtf8);
//!
//! let record = codec.encode(&serde_json::json!({ "id": 7 })).await?;
//! producer.put(record.partition_key("customer-7")).await?;
//!
//! let order: serde_json::Value = codec.decode(delivery.record()).await?.into_json()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What does not decode
//! Decoding fails with [`Undecoded`], which still has what there is; the record is not
//! acknowledged by that, and comes again. The Node library delivers the raw content instead, which
//! is one call: `codec.decode(record).await.unwrap_or_else(Undecoded::into_raw)`.
//!
//! # Beside the Node library
//! | | Node | here |
//! | --- | --- | --- |
//! | bytes that are no text | read with replacement characters; written as `{"type":"Buffer",…}` | read and written as they are |
//! | malformed LZ-UTF8 | whatever comes of it | an error |
//! | JSON with half a surrogate pair, a number beyond 1.8e308, or more than 127 levels | read | not read as JSON |
//! | integers beyond 2^53 | rounded | all their digits |
//! | `undefined` and `BigInt` | | there are none |
//! | a body in S3 that is JSON | stored without a content type, and so delivered as text | stored as `application/json`, and parsed as a record would be |
//! | a pointer into another bucket | followed | an error, unless that bucket is allowed |
//! | size of what is decompressed or fetched | without limit | [`Codec::max_bytes`] |

mod decoded;
mod json;
#[cfg(feature = "s3")]
mod large;
pub mod lzutf8;
mod typed;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

pub use decoded::{Data, Decoded, Fields, Undecoded};
pub use json::Json;
#[cfg(feature = "s3")]
pub use large::LargeItems;

use crate::error::{Error, ErrorKind, Result};
use crate::producer::NewRecord;
use crate::record::Record;

/// What a record may become when it is decompressed or fetched, by default.
const MAX_BYTES: usize = 64 << 20;

/// How records are written and read. By default as the Node library does: nothing is compressed,
/// JSON is recognised, large items are not put elsewhere.
#[derive(Clone, Debug)]
pub struct Codec {
    compression: Compression,
    json: Json,
    max_bytes: usize,
    #[cfg(feature = "s3")]
    large: Option<std::sync::Arc<LargeItems>>,
}

/// How records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Node's `'LZ-UTF8'`: see [`lzutf8`]. For text only.
    LzUtf8,
}

impl Default for Codec {
    fn default() -> Self {
        Self::new()
    }
}

impl Codec {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            compression: Compression::None,
            json: Json::Auto,
            max_bytes: MAX_BYTES,
            #[cfg(feature = "s3")]
            large: None,
        }
    }

    /// How records are compressed; not at all by default. Text that was not compressed is read as
    /// itself all the same.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Which texts are read as JSON; [`Json::Auto`] by default. Writing does not depend on it.
    #[must_use]
    pub fn json(mut self, json: Json) -> Self {
        self.json = json;
        self
    }

    /// The most bytes that a record may have when it was decompressed, and that are fetched from
    /// S3 for it; 64 MiB by default.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Puts large items into S3, and follows the pointers that records hold in their place. By
    /// default a pointer is a record like any other.
    #[cfg(feature = "s3")]
    #[must_use]
    pub fn large_items(mut self, items: LargeItems) -> Self {
        self.large = Some(std::sync::Arc::new(items));
        self
    }

    /// A record that holds a value as JSON, or as it is if it is a text: what JavaScript's
    /// `JSON.stringify` makes of it, to the byte. Its default partition key is the SHA-1 of what
    /// it holds in the end.
    ///
    /// Dropping the future may leave an object in S3 that no record points at.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the value has no form in JSON; as S3 fails.
    pub async fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<NewRecord> {
        let value = serde_json::to_value(value).map_err(|_| {
            // The error itself may quote the value.
            let message = "cannot encode a record: the value cannot be written as JSON";
            Error::new(ErrorKind::Config, message)
        })?;
        match value {
            Value::String(text) => self.encode_content(text.into(), None).await,
            value => self.encode_content(json::stringify(&value).into(), Some(&value)).await,
        }
    }

    /// A record that holds these bytes, or this text. Like [`encode`](Self::encode) otherwise.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if they are to be compressed and are not UTF-8; as S3 fails.
    pub async fn encode_bytes(&self, data: impl Into<Bytes>) -> Result<NewRecord> {
        self.encode_content(data.into(), None).await
    }

    /// `value` is what `data` is the text of, unless it is a text itself.
    #[cfg_attr(not(feature = "s3"), allow(unused_variables, clippy::unused_async))]
    async fn encode_content(&self, data: Bytes, value: Option<&Value>) -> Result<NewRecord> {
        #[cfg(feature = "s3")]
        let data = match &self.large {
            Some(large) if large.takes(&data) => large.put(data, value).await?,
            _ => data,
        };
        Ok(NewRecord::new(match self.compression {
            Compression::None => data,
            Compression::LzUtf8 => {
                let text = std::str::from_utf8(&data).map_err(|error| {
                    let message = "cannot encode a record: only text is compressed with LZ-UTF8";
                    Error::new(ErrorKind::Config, message).with_source(error)
                })?;
                lzutf8::compress(text).into()
            }
        }))
    }

    /// What a record holds.
    ///
    /// # Errors
    /// [`Data`](ErrorKind::Data): it is not what the settings say, too large, or points at an item
    /// that is gone or in a bucket that is not allowed. Otherwise as S3 fails.
    pub async fn decode(&self, record: Record<'_>) -> Result<Decoded, Undecoded> {
        self.decode_bytes(record.data()).await.map_err(|undecoded| undecoded.of(record))
    }

    /// What a record with this content holds.
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    #[cfg_attr(not(feature = "s3"), allow(clippy::unused_async))]
    pub async fn decode_bytes(&self, data: &[u8]) -> Result<Decoded, Undecoded> {
        let data = read(self.decompressed(data)?, self.json)?;
        #[cfg(feature = "s3")]
        if let (Some(large), Data::Json(value)) = (&self.large, &data)
            && let Some(pointer) = large::Pointer::of(value)
        {
            let fetched = large.get(&pointer, self.max_bytes).await;
            let fields = Fields(pointer.fields(value));
            let body = match fetched {
                Ok(body) => body,
                Err(error) => return Err(Undecoded::new(error, data)),
            };
            let json = if body.is_json { Json::Always } else { self.json };
            return Ok(Decoded { data: read(Data::raw(&body.data), json)?, fields });
        }
        Ok(Decoded::new(data))
    }

    fn decompressed(&self, data: &[u8]) -> Result<Data, Undecoded> {
        match self.compression {
            Compression::None => Ok(Data::raw(data)),
            Compression::LzUtf8 => lzutf8::decompress(data, self.max_bytes)
                .map(Data::Text)
                .map_err(|error| Undecoded::new(error, Data::raw(data))),
        }
    }
}

/// The same, parsed if it is to be.
fn read(data: Data, json: Json) -> Result<Data, Undecoded> {
    let text = match (json, &data) {
        (Json::Never, _) | (Json::Auto, Data::Bytes(_)) | (_, Data::Json(_)) => return Ok(data),
        (Json::Auto, Data::Text(text)) if !json::looks_like_json(text) => return Ok(data),
        (_, Data::Text(text)) => text,
        (Json::Always, Data::Bytes(_)) => {
            let error = Error::new(ErrorKind::Data, "it is not JSON: it is not UTF-8");
            return Err(Undecoded::new(error, data));
        }
    };
    match json::parse(text) {
        Ok(value) => Ok(Data::Json(value)),
        Err(error) if json == Json::Auto => {
            tracing::warn!(%error, "a record that looks like JSON is delivered as text");
            Ok(data)
        }
        Err(error) => Err(Undecoded::new(error, data)),
    }
}

#[cfg(test)]
mod tests;
