//! What a failed AWS call means: the one place that reads the SDK's errors.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{Error, ErrorKind, Report};

/// A failed call, judged.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What to do about it.
    pub(crate) kind: ErrorKind,
    /// AWS's code, such as `ResourceNotFoundException`, when AWS answered.
    pub(crate) code: Option<String>,
    /// AWS asks to slow down.
    pub(crate) throttled: bool,
    /// The failure in two or three words.
    summary: &'static str,
    /// What AWS or the network said.
    cause: String,
}

impl Failure {
    /// Judges a failed call.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + ProvideErrorMetadata + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let (code, message) = (context.err().code(), context.err().message());
                Self::answered(code, message, context.raw().status().as_u16())
            }
            SdkError::TimeoutError(_) => Self::lost("no answer in time", error),
            SdkError::ResponseError(_) => Self::lost("the answer was cut short", error),
            SdkError::DispatchFailure(context) if !context.is_user() && !before_sending(error) => {
                let connecting = context.as_connector_error().is_some_and(never_connected);
                let summary = if connecting { "cannot connect" } else { "the connection failed" };
                Self::lost(summary, error)
            }
            _ => Self::unsent(error),
        }
    }

    /// Whether AWS answered with this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the credentials have expired: they heal by themselves where they are renewed.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(
            self.code.as_deref(),
            Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")
        )
    }

    /// The public error: `doing` says what was attempted, as in "list the shards of stream orders".
    pub(crate) fn error(self, doing: impl fmt::Display) -> Error {
        Error::new(self.kind, format!("cannot {doing}: {}", self.summary)).with_source(self.cause)
    }

    /// The request could not even be built.
    pub(crate) fn of_request(error: &(dyn StdError + 'static)) -> Self {
        Self {
            kind: ErrorKind::Config,
            code: None,
            throttled: false,
            summary: "the request could not be made",
            cause: Report(error).to_string(),
        }
    }

    /// AWS answered with an error; also one of many answers to the parts of a call.
    pub(crate) fn answered(code: Option<&str>, message: Option<&str>, status: u16) -> Self {
        let (kind, summary, throttled) = judge(code.unwrap_or_default(), status);
        let cause = match (code, message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(text), None) | (None, Some(text)) => text.to_owned(),
            (None, None) => format!("HTTP status {status}"),
        };
        Self { kind, code: code.map(str::to_owned), throttled, summary, cause }
    }

    /// An answer that comes in pieces broke off, or a piece does not read as it should.
    pub(crate) fn of_stream(error: &(dyn StdError + 'static)) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            code: None,
            throttled: false,
            summary: "the answer was cut short",
            cause: Report(error).to_string(),
        }
    }

    /// No usable answer came: the request may have been carried out or not.
    fn lost<E: StdError + 'static>(
        summary: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            code: None,
            throttled: false,
            summary,
            cause: causes(error),
        }
    }

    /// The request never left: credentials, region, endpoint or an argument.
    fn unsent<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Self {
        let (kind, summary) = match find::<CredentialsError>(error) {
            Some(CredentialsError::CredentialsNotLoaded(_)) => {
                (ErrorKind::Denied, "no AWS credentials found")
            }
            Some(CredentialsError::InvalidConfiguration(_)) => {
                (ErrorKind::Config, "the AWS credentials are not set up correctly")
            }
            // The metadata service, STS or SSO did not answer: that passes.
            Some(_) => (ErrorKind::Unavailable, "the AWS credentials could not be loaded"),
            None if causes(error).contains(NO_CREDENTIALS) => {
                (ErrorKind::Denied, "the client has no AWS credentials")
            }
            None => (ErrorKind::Config, "the request could not be made"),
        };
        Self { kind, ..Self::lost(summary, error) }
    }
}

/// What an error code means; the HTTP status decides where the code is unknown.
fn judge(code: &str, status: u16) -> (ErrorKind, &'static str, bool) {
    use ErrorKind::{Config, Denied, Unavailable};
    match code {
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottledException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "LimitExceededException"
        | "KMSThrottlingException"
        | "TransactionInProgressException"
        | "PriorRequestNotComplete"
        | "SlowDown" => (Unavailable, "throttled", true),
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            (Denied, "the AWS credentials have expired", false)
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure" => (
            Denied,
            "AWS does not know these credentials (wrong access key or session token, or a region \
             that is not enabled)",
            false,
        ),
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => {
            (Denied, "the signature was refused (wrong secret key, or this clock is off)", false)
        }
        "ResourceNotFoundException" | "NoSuchBucket" | "NoSuchKey" => {
            (Config, "it does not exist", false)
        }
        "ResourceInUseException" => (Config, "it is in use, or exists already", false),
        "ValidationException" | "InvalidArgumentException" | "SerializationException" => {
            (Config, "AWS refused the request", false)
        }
        _ if code.starts_with("AccessDenied")
            || matches!(
                code,
                "KMSAccessDeniedException" | "KMSOptInRequired" | "OptInRequired"
            )
            || code.starts_with("NotAuthorized") =>
        {
            (Denied, "access denied", false)
        }
        _ if code.starts_with("InternalFailure")
            || code.starts_with("InternalServerError")
            || code.starts_with("ServiceUnavailable")
            || code.starts_with("RequestTimeout")
            || status >= 500 =>
        {
            (Unavailable, "AWS failed", false)
        }
        _ if status == 429 => (Unavailable, "throttled", true),
        _ if status == 403 => (Denied, "access denied", false),
        _ => (Config, "AWS refused the request", false),
    }
}

/// What the SDK says of a client that was built without credentials.
const NO_CREDENTIALS: &str = "failed to select an auth scheme";

/// Whether it was the SDK's own preparations that failed: the SDK reports those, too, as failures
/// of the connection, and most without a type of their own. What is not recognised counts as a
/// lost answer, which is repeated; the reverse would give up over a broken connection.
fn before_sending(error: &(dyn StdError + 'static)) -> bool {
    let said = |text| Report(error).to_string().contains(text);
    find::<CredentialsError>(error).is_some()
        || said(NO_CREDENTIALS)
        || said("Invalid Configuration") // no region, and whatever else leaves no endpoint
        || said("failed to apply endpoint")
}

/// Whether there was nobody to send the request to.
fn never_connected(error: &ConnectorError) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    find::<std::io::Error>(error).is_some_and(|io| {
        matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
    })
}

/// The first cause of this type.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The causes beneath the SDK's own wrapper, whose text ("dispatch failure") says nothing.
fn causes<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| Report(cause).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_to_what_to_do() {
        use ErrorKind::{Config, Denied, Unavailable};
        for (code, status, kind, throttled) in [
            ("ProvisionedThroughputExceededException", 400, Unavailable, true),
            ("LimitExceededException", 400, Unavailable, true),
            ("InternalFailure", 500, Unavailable, false),
            ("Unheard", 503, Unavailable, false),
            ("AccessDeniedException", 400, Denied, false),
            ("ExpiredTokenException", 400, Denied, false),
            ("UnrecognizedClientException", 400, Denied, false),
            ("InvalidSignatureException", 400, Denied, false),
            ("ResourceNotFoundException", 400, Config, false),
            ("ValidationException", 400, Config, false),
            ("Unheard", 400, Config, false),
        ] {
            let failure = Failure::answered(Some(code), Some("because"), status);
            assert_eq!((failure.kind, failure.throttled), (kind, throttled), "{code}");
            assert!(failure.is(code));
        }
    }

    #[test]
    fn an_error_names_what_was_attempted_and_what_aws_said() {
        let failure =
            Failure::answered(Some("ResourceNotFoundException"), Some("Stream orders"), 400);
        let error = failure.error("list the shards of stream orders");
        assert_eq!(
            error.report().to_string(),
            "cannot list the shards of stream orders: it does not exist: \
             ResourceNotFoundException: Stream orders"
        );
    }

    #[test]
    fn broken_connections_pass_and_missing_credentials_do_not() {
        type Sdk = SdkError<aws_sdk_kinesis::operation::put_records::PutRecordsError, HttpResponse>;
        let io = |kind| ConnectorError::io(Box::new(std::io::Error::from(kind)));
        let refused = Sdk::dispatch_failure(io(std::io::ErrorKind::ConnectionRefused));
        let reset = Sdk::dispatch_failure(io(std::io::ErrorKind::ConnectionReset));
        let cut = Sdk::dispatch_failure(ConnectorError::other("incomplete message".into(), None));
        for error in [&refused, &reset, &cut] {
            assert_eq!(Failure::of(error).kind, ErrorKind::Unavailable);
        }
        let text = Failure::of(&refused).error("reach it").to_string();
        assert_eq!(text, "cannot reach it: cannot connect");
        let missing = CredentialsError::not_loaded("none in the environment");
        let unsent = Sdk::dispatch_failure(ConnectorError::other(missing.into(), None));
        assert_eq!(Failure::of(&unsent).kind, ErrorKind::Denied);
    }
}
