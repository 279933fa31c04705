//! S3, as much of it as large items need: whole objects in buckets, whose tags and lifecycle rules
//! are kept as they come. In memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::{Body, Bytes};
use hyper::{
    HeaderMap, Method, Response, StatusCode, Uri,
    header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue},
    http::request::Parts,
};

use crate::{
    fault::Server,
    gate::{Backend, Call},
};

/// What is kept of an object's headers.
const KEPT: [&str; 4] =
    ["content-type", "x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-sha256"];

/// All buckets; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct S3(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    buckets: BTreeMap<String, Bucket>,
    /// How many objects were put.
    puts: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, Object>,
    tagging: Option<Bytes>,
    lifecycle: Option<Bytes>,
}

#[derive(Debug, Clone)]
struct Object {
    headers: HeaderMap,
    data: Bytes,
}

/// S3's error: status, code and message.
struct Refusal(StatusCode, &'static str, &'static str);

const NO_SUCH_BUCKET: Refusal =
    Refusal(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist");
const NO_SUCH_KEY: Refusal =
    Refusal(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.");
const NO_SUCH_TAGS: Refusal =
    Refusal(StatusCode::NOT_FOUND, "NoSuchTagSet", "The TagSet does not exist");
const NO_SUCH_RULES: Refusal = Refusal(
    StatusCode::NOT_FOUND,
    "NoSuchLifecycleConfiguration",
    "The lifecycle configuration does not exist",
);
const NOT_IMPLEMENTED: Refusal = Refusal(
    StatusCode::NOT_IMPLEMENTED,
    "NotImplemented",
    "The local S3 does not have what this request asks for",
);

impl Backend for S3 {
    const SERVER: Server = Server::S3;

    fn operation(head: &Parts) -> String {
        let has = |name: &str| {
            let mut parameters = head.uri.query().unwrap_or("").split('&');
            parameters.any(|parameter| parameter.split('=').next() == Some(name))
        };
        let (bucket, key) = place(&head.uri);
        let operation = match (&head.method, bucket.is_empty(), key.is_empty()) {
            (&Method::PUT, false, true) if has("tagging") => "PutBucketTagging",
            (&Method::GET, false, true) if has("tagging") => "GetBucketTagging",
            (&Method::PUT, false, true) if has("lifecycle") => "PutBucketLifecycleConfiguration",
            (&Method::GET, false, true) if has("lifecycle") => "GetBucketLifecycleConfiguration",
            (&Method::PUT, false, true) => "CreateBucket",
            (&Method::HEAD, false, true) => "HeadBucket",
            (&Method::PUT, false, false) => "PutObject",
            (&Method::GET, false, false) => "GetObject",
            _ => "",
        };
        operation.to_owned()
    }

    async fn call(&self, call: Call) -> Response<Body> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = state.answer(&call);
        answer.unwrap_or_else(|Refusal(status, code, message)| {
            self.refuse(&call, status, code, message)
        })
    }

    fn refuse(&self, call: &Call, status: StatusCode, code: &str, message: &str) -> Response<Body> {
        // The gate speaks of faults as the other services do.
        let (status, code) = match code {
            "ProvisionedThroughputExceededException" => {
                (StatusCode::SERVICE_UNAVAILABLE, "SlowDown")
            }
            "AccessDeniedException" => (StatusCode::FORBIDDEN, "AccessDenied"),
            "ExpiredTokenException" => (status, "ExpiredToken"),
            code => (status, code),
        };
        let error = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        // A HEAD's answer has no body, whatever it says.
        let body = if call.operation == "HeadBucket" { String::new() } else { error };
        let mut response = xml(body.into());
        *response.status_mut() = status;
        response
    }
}

impl State {
    fn answer(&mut self, call: &Call) -> Result<Response<Body>, Refusal> {
        let (name, key) = place(&call.uri);
        if call.operation == "CreateBucket" {
            // One's own may be made again, in the region us-east-1.
            self.buckets.entry(name.to_owned()).or_default();
            return Ok(empty());
        }
        let bucket = self.buckets.get_mut(name).ok_or(NO_SUCH_BUCKET)?;
        match call.operation.as_str() {
            "HeadBucket" => Ok(empty()),
            "PutBucketTagging" => {
                bucket.tagging = Some(call.body.clone());
                Ok(empty())
            }
            "GetBucketTagging" => Ok(xml(bucket.tagging.clone().ok_or(NO_SUCH_TAGS)?)),
            "PutBucketLifecycleConfiguration" => {
                bucket.lifecycle = Some(call.body.clone());
                Ok(empty())
            }
            "GetBucketLifecycleConfiguration" => {
                Ok(xml(bucket.lifecycle.clone().ok_or(NO_SUCH_RULES)?))
            }
            "PutObject" => {
                let chunked = call.headers.get(CONTENT_ENCODING);
                if chunked.is_some_and(|encoding| encoding.as_bytes().starts_with(b"aws-chunked")) {
                    return Err(NOT_IMPLEMENTED);
                }
                self.puts += 1;
                let object = Object::new(call, self.puts);
                let mut response = empty();
                response
                    .headers_mut()
                    .extend(object.headers.get(ETAG).map(|tag| (ETAG, tag.clone())));
                bucket.objects.insert(key.to_owned(), object);
                Ok(response)
            }
            "GetObject" => {
                let Object { headers, data } =
                    bucket.objects.get(key).cloned().ok_or(NO_SUCH_KEY)?;
                let mut response = Response::new(Body::from(data));
                *response.headers_mut() = headers;
                Ok(response)
            }
            _ => Err(NOT_IMPLEMENTED),
        }
    }
}

impl Object {
    fn new(call: &Call, number: u64) -> Self {
        let mut headers = HeaderMap::new();
        for name in KEPT {
            if let Some(value) = call.headers.get(name) {
                headers.insert(name, value.clone());
            }
        }
        let default = HeaderValue::from_static("binary/octet-stream");
        headers.entry(CONTENT_TYPE).or_insert(default);
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{number:032x}\"")) {
            headers.insert(ETAG, tag);
        }
        Self { headers, data: call.body.clone() }
    }
}

/// The bucket and the key, as they are in the path.
fn place(uri: &Uri) -> (&str, &str) {
    let path = uri.path().trim_start_matches('/');
    path.split_once('/').unwrap_or((path, ""))
}

fn empty() -> Response<Body> {
    Response::new(Body::empty())
}

fn xml(body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}
