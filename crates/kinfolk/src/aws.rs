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
    /// Whether the request may have been carried out all the same: its answer never came, or was
    /// a server's failure. A throttled or refused request was not.
    pub(crate) lost_answer: bool,
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
                // A request that found no server was certainly not carried out. Of anything else,
                // unknown failures of the connection among it, that is not certain.
                let connecting = context.as_connector_error().is_some_and(never_connected);
                let summary = if connecting { "cannot connect" } else { "the connection failed" };
                Self { lost_answer: !connecting, ..Self::lost(summary, error) }
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
            lost_answer: false,
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
        let lost_answer = kind == ErrorKind::Unavailable && !throttled;
        Self { kind, code: code.map(str::to_owned), throttled, lost_answer, summary, cause }
    }

    /// No usable answer came.
    fn lost<E: StdError + 'static>(
        summary: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Self {
        Self {
            kind: ErrorKind::Unavailable,
            code: None,
            throttled: false,
            lost_answer: true,
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
            None => (ErrorKind::Config, "the request could not be made"),
        };
        Self { kind, lost_answer: false, ..Self::lost(summary, error) }
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
        | "AuthFailure" => (Denied, "AWS does not know these credentials", false),
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => {
            (Denied, "the signature was refused (wrong secret key, or this clock is off)", false)
        }
        "ResourceNotFoundException" => (Config, "it does not exist", false),
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

/// Whether it was the SDK's own preparations that failed: the SDK reports those, too, as failures
/// of the connection.
fn before_sending(error: &(dyn StdError + 'static)) -> bool {
    find::<CredentialsError>(error).is_some()
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
        for (code, status, kind, throttled, lost) in [
            ("ProvisionedThroughputExceededException", 400, Unavailable, true, false),
            ("LimitExceededException", 400, Unavailable, true, false),
            ("InternalFailure", 500, Unavailable, false, true),
            ("Unheard", 503, Unavailable, false, true),
            ("AccessDeniedException", 400, Denied, false, false),
            ("ExpiredTokenException", 400, Denied, false, false),
            ("UnrecognizedClientException", 400, Denied, false, false),
            ("InvalidSignatureException", 400, Denied, false, false),
            ("ResourceNotFoundException", 400, Config, false, false),
            ("ValidationException", 400, Config, false, false),
            ("Unheard", 400, Config, false, false),
        ] {
            let failure = Failure::answered(Some(code), Some("because"), status);
            assert_eq!(
                (failure.kind, failure.throttled, failure.lost_answer),
                (kind, throttled, lost),
                "{code}"
            );
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
    fn a_refused_connection_was_not_carried_out() {
        type Sdk = SdkError<aws_sdk_kinesis::operation::put_records::PutRecordsError, HttpResponse>;
        let io = |kind| ConnectorError::io(Box::new(std::io::Error::from(kind)));
        let refused = Sdk::dispatch_failure(io(std::io::ErrorKind::ConnectionRefused));
        let reset = Sdk::dispatch_failure(io(std::io::ErrorKind::ConnectionReset));
        assert!(!Failure::of(&refused).lost_answer);
        assert!(Failure::of(&reset).lost_answer);
        assert_eq!(Failure::of(&reset).kind, ErrorKind::Unavailable);
        let cut = Sdk::dispatch_failure(ConnectorError::other("incomplete message".into(), None));
        assert_eq!(Failure::of(&cut).kind, ErrorKind::Unavailable);
        assert!(Failure::of(&cut).lost_answer);
        let missing = CredentialsError::not_loaded("none in the environment");
        let unsent = Sdk::dispatch_failure(ConnectorError::other(missing.into(), None));
        assert_eq!(Failure::of(&unsent).kind, ErrorKind::Denied);
    }
}
