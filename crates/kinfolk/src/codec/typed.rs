//! Records as values of a type, without a codec.

use serde::de::DeserializeOwned;

use super::decoded::error_of;
use super::json;
use crate::delivery::Delivery;
use crate::error::Result;
use crate::record::{OwnedRecord, Record};

impl Record<'_> {
    /// Its content, read as JSON into a type. A record that was compressed, or put into S3, is for
    /// a [`Codec`](super::Codec).
    ///
    /// # Errors
    /// [`Data`](crate::ErrorKind::Data), with the place but nothing of the content: it is not
    /// JSON, or not of that type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let value = serde_json::from_slice(self.data());
        value.map_err(|error| error_of(*self, json::unreadable(&error)))
    }
}

impl OwnedRecord {
    /// Its content, read as JSON into a type; see [`Record::json`].
    ///
    /// # Errors
    /// As there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.as_record().json()
    }
}

impl Delivery {
    /// Its content, read as JSON into a type; see [`Record::json`].
    ///
    /// # Errors
    /// As there.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.record().json()
    }
}
