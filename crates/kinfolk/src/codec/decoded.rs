//! What a record held.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json;
use crate::error::{Error, ErrorKind, Result};
use crate::record::Record;

/// A record's content. `Debug` shows its kind and size alone.
#[derive(Clone, PartialEq)]
pub enum Data {
    /// It was read as JSON.
    Json(Value),
    /// It is UTF-8, and was not read as JSON.
    Text(String),
    /// It is not UTF-8.
    Bytes(Bytes),
}

/// A decoded record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The content.
    pub data: Data,
    /// What a large item's record holds itself, beside the pointer: the keys that were kept.
    /// Empty for every other record.
    pub fields: Fields,
}

/// The members of a JSON object, in order. `Debug` shows their number alone.
#[derive(Clone, Default, PartialEq)]
pub struct Fields(pub Map<String, Value>);

/// A record that could not be decoded, why, and what there is of it.
///
/// The record itself is where it was: without an acknowledgement it comes again. `?` turns this
/// into an [`Error`]; [`into_raw`](Self::into_raw) takes what there is, as the Node library does.
pub struct Undecoded(Box<(Error, Data)>);

impl Data {
    pub(super) fn raw(data: &[u8]) -> Self {
        match std::str::from_utf8(data) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(Bytes::copy_from_slice(data)),
        }
    }

    /// The content as a value of a type, whether it was read as JSON before or not.
    ///
    /// # Errors
    /// [`Data`](ErrorKind::Data), with the place but nothing of the content: it is not JSON, or
    /// not of that type.
    pub fn into_json<T: DeserializeOwned>(self) -> Result<T> {
        let value = match self {
            Self::Json(value) => serde_json::from_value(value),
            Self::Text(text) => serde_json::from_str(&text),
            Self::Bytes(bytes) => serde_json::from_slice(&bytes),
        };
        value.map_err(|error| json::unreadable(&error))
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(_) => f.write_str("Json"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fields({})", self.0.len())
    }
}

impl Decoded {
    pub(super) fn new(data: Data) -> Self {
        Self { data, fields: Fields::default() }
    }

    /// The content as a value of a type: see [`Data::into_json`].
    ///
    /// # Errors
    /// As there.
    pub fn into_json<T: DeserializeOwned>(self) -> Result<T> {
        self.data.into_json()
    }
}

impl Undecoded {
    pub(super) fn new(error: Error, data: Data) -> Self {
        Self(Box::new((error, data)))
    }

    /// The same, with the record's place in the stream.
    pub(super) fn of(self, record: Record<'_>) -> Self {
        let (error, data) = *self.0;
        Self::new(error_of(record, error), data)
    }

    /// What to do about it. [`Data`](ErrorKind::Data) does not pass; a store of large items that is
    /// [`Unavailable`](ErrorKind::Unavailable) does: decode the record again.
    pub fn kind(&self) -> ErrorKind {
        self.0.0.kind()
    }

    /// Why.
    pub fn error(&self) -> &Error {
        &self.0.0
    }

    /// What there is: the record as it came, or as far as decoding got. That is what the Node
    /// library delivers in its place:
    /// `codec.decode(record).await.unwrap_or_else(Undecoded::into_raw)`.
    pub fn into_raw(self) -> Decoded {
        Decoded::new(self.0.1)
    }
}

/// The same error with the record's place in the stream.
pub(super) fn error_of(record: Record<'_>, error: Error) -> Error {
    let message = format!("cannot decode record {}", record.sequence_number());
    Error::new(error.kind(), message).with_source(error)
}

impl From<Undecoded> for Error {
    fn from(undecoded: Undecoded) -> Self {
        undecoded.0.0
    }
}

impl fmt::Display for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl fmt::Debug for Undecoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Undecoded").field(self.error()).field(&self.0.1).finish()
    }
}

impl StdError for Undecoded {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error().source()
    }
}
