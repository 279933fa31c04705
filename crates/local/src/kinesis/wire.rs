//! The two forms in which a call travels: JSON, and CBOR (`application/x-amz-cbor-1.1`).
//!
//! They differ in more than the letters: data is base64 in JSON and bytes in CBOR, times are
//! seconds with a fraction in JSON and whole milliseconds in CBOR. [`Blob`] and [`Millis`] know
//! which is which.

use std::{
    borrow::Cow,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ciborium::Value as Cbor;
use ferrokinesis::error::KinesisErrorResponse as Failure;
use hyper::{HeaderMap, Response, StatusCode, header};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Visitor},
};
use serde_json::Value;

/// How the caller wants to be talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Cbor,
}

impl Encoding {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get(header::CONTENT_TYPE) {
            Some(kind) if kind.as_bytes().starts_with(Self::Cbor.content_type().as_bytes()) => {
                Self::Cbor
            }
            _ => Self::Json,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// Reads a request into its own type.
    pub(super) fn read<T: DeserializeOwned>(self, body: &[u8]) -> Result<T, Failure> {
        match self {
            Self::Json => serde_json::from_slice(body)
                .map_err(|error| Failure::serialization_error(&error.to_string())),
            Self::Cbor => ciborium::from_reader(body)
                .map_err(|error| Failure::serialization_error(&error.to_string())),
        }
    }

    /// Reads a request whose type does not matter here.
    pub(super) fn read_any(self, body: &[u8]) -> Result<Value, Failure> {
        match self {
            Self::Json => self.read(body),
            Self::Cbor => self.read(body).map(json_from_cbor),
        }
    }

    pub(super) fn write(self, answer: &impl Serialize) -> Result<Vec<u8>, Failure> {
        let internal =
            |error: &dyn fmt::Display| Failure::server_error(None, Some(&error.to_string()));
        match self {
            Self::Json => serde_json::to_vec(answer).map_err(|error| internal(&error)),
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(answer, &mut bytes).map_err(|error| internal(&error))?;
                Ok(bytes)
            }
        }
    }

    /// Writes an answer made of JSON, whose times are seconds.
    pub(super) fn write_any(self, mut answer: Value) -> Result<Vec<u8>, Failure> {
        if self == Self::Cbor {
            seconds_to_millis(&mut answer);
        }
        self.write(&answer)
    }

    pub(super) fn answer(self, body: Vec<u8>) -> Response<Body> {
        respond(StatusCode::OK, self.content_type(), Body::from(body))
    }

    pub(super) fn failure(self, failure: &Failure) -> Response<Body> {
        let status =
            StatusCode::from_u16(failure.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.write(&failure.body).unwrap_or_default();
        let mut response = respond(status, self.content_type(), Body::from(body));
        if let Ok(code) = header::HeaderValue::from_str(&failure.body.error_type) {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        response
    }
}

pub(super) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert("x-amzn-requestid", next_request_id());
    response
}

fn next_request_id() -> header::HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let id = format!("00000000-0000-0000-0000-{number:012x}");
    header::HeaderValue::from_str(&id).unwrap_or(header::HeaderValue::from_static("0"))
}

fn json_from_cbor(value: Cbor) -> Value {
    match value {
        Cbor::Integer(number) => i64::try_from(number).map_or(Value::Null, Value::from),
        Cbor::Float(number) => Value::from(number),
        Cbor::Bool(flag) => Value::from(flag),
        Cbor::Text(text) => Value::from(text),
        Cbor::Bytes(bytes) => Value::from(BASE64.encode(bytes)),
        Cbor::Array(items) => items.into_iter().map(json_from_cbor).collect(),
        Cbor::Map(entries) => {
            let text_keys =
                entries.into_iter().filter_map(|(key, value)| Some((key.into_text().ok()?, value)));
            Value::Object(text_keys.map(|(key, value)| (key, json_from_cbor(value))).collect())
        }
        // A tag says that a number is a time; the field's name says so too.
        Cbor::Tag(_, inner) => json_from_cbor(*inner),
        _ => Value::Null,
    }
}

fn seconds_to_millis(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_f64() {
                    // Saturates, and no time comes near the limits.
                    #[allow(clippy::cast_possible_truncation)]
                    Some(seconds) if name.ends_with("Timestamp") => {
                        *field = Value::from((seconds * 1000.0).round() as i64)
                    }
                    _ => seconds_to_millis(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(seconds_to_millis),
        _ => {}
    }
}

/// Record data.
#[derive(Debug, Clone)]
pub(super) struct Blob<'a>(pub(super) Cow<'a, [u8]>);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&BASE64.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Blob<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(BlobVisitor)
        } else {
            deserializer.deserialize_byte_buf(BlobVisitor)
        }
    }
}

struct BlobVisitor;

impl Visitor<'_> for BlobVisitor {
    type Value = Blob<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("record data")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        BASE64.decode(text).map(|bytes| Blob(Cow::Owned(bytes))).map_err(E::custom)
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        self.visit_byte_buf(bytes.to_vec())
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Self::Value, E> {
        Ok(Blob(Cow::Owned(bytes)))
    }
}

/// A time in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(pub(super) u64);

impl Millis {
    // Times before 1970 become 0, and no time comes near the upper limit.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as u64)
    }

    // Exact until the year 287396.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.seconds())
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return f64::deserialize(deserializer).map(Self::from_seconds);
        }
        let mut value = Cbor::deserialize(deserializer)?;
        if let Cbor::Tag(_, inner) = value {
            value = *inner;
        }
        match value {
            Cbor::Integer(millis) => {
                u64::try_from(millis).map(Self).map_err(serde::de::Error::custom)
            }
            // Plain CBOR times are seconds, and only they come as a fraction.
            Cbor::Float(seconds) => Ok(Self::from_seconds(seconds)),
            _ => Err(serde::de::Error::custom("not a time")),
        }
    }
}
