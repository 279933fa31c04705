//! Which stream is meant: its name, or its ARN.

use std::fmt;
use std::sync::Arc;

use super::StreamName;

/// A stream, by its name or by its ARN: `orders`, or
/// `arn:aws:kinesis:us-east-1:123456789012:stream/orders`, as it takes to name a stream of another
/// account.
///
/// AWS is told the ARN where there is one. The group's state is kept under the name either way, so
/// that workers may be given the one or the other. A name holds neither `:` nor `/`: text with one
/// of them is meant as an ARN, and [`check`](Self::check) says what is wrong with it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamRef {
    name: StreamName,
    arn: Option<Arc<str>>,
}

impl StreamRef {
    /// The name, without what may be around it in an ARN.
    pub fn name(&self) -> &StreamName {
        &self.name
    }

    /// The ARN, if it was given.
    pub fn arn(&self) -> Option<&str> {
        self.arn.as_deref()
    }

    /// The stream as it was given.
    pub fn as_str(&self) -> &str {
        self.arn().unwrap_or(self.name.as_str())
    }

    /// Whether this can be a stream at all.
    ///
    /// # Errors
    /// What is wrong with it, and what was expected.
    pub fn check(&self) -> Result<(), String> {
        let text = self.as_str();
        if text.is_empty() {
            return Err("the stream needs a name".to_owned());
        }
        if self.arn.is_some() || !text.contains([':', '/']) {
            return Ok(());
        }
        let expected = "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME";
        let what = if text.contains("/consumer/") {
            "is the ARN of a fan-out consumer, not of a stream"
        } else if text.starts_with("arn:") {
            "is not the ARN of a stream"
        } else {
            "is neither a stream's name, which has no `:` and no `/`, nor an ARN"
        };
        Err(format!("{text:?} {what}: expected a name, or {expected}"))
    }
}

/// The name in the ARN of a stream.
fn name_in(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let mut part = || parts.next().filter(|part| !part.is_empty());
    let (scheme, partition, service) = (part()?, part()?, part()?);
    let (_region, account, resource) = (part()?, part()?, part()?);
    let name = resource.strip_prefix("stream/")?;
    let sound = scheme == "arn"
        && partition.starts_with("aws")
        && service == "kinesis"
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.contains([':', '/']);
    sound.then_some(name)
}

impl From<&str> for StreamRef {
    fn from(text: &str) -> Self {
        match name_in(text) {
            Some(name) => Self { name: name.into(), arn: Some(text.into()) },
            None => Self { name: text.into(), arn: None },
        }
    }
}

impl From<String> for StreamRef {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<StreamName> for StreamRef {
    fn from(name: StreamName) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&StreamName> for StreamRef {
    fn from(name: &StreamName) -> Self {
        Self::from(name.as_str())
    }
}

impl From<&StreamRef> for StreamRef {
    fn from(stream: &StreamRef) -> Self {
        stream.clone()
    }
}

impl From<StreamRef> for StreamName {
    /// The name: what the state is kept under.
    fn from(stream: StreamRef) -> Self {
        stream.name
    }
}

impl fmt::Display for StreamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for StreamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_the_name_as_well() {
        for (text, name, arn) in [
            ("orders", "orders", false),
            ("a.b_c-d", "a.b_c-d", false),
            ("arn:aws:kinesis:us-east-1:123456789012:stream/orders", "orders", true),
            ("arn:aws-cn:kinesis:cn-north-1:123456789012:stream/o-1", "o-1", true),
            ("arn:aws-us-gov:kinesis:us-gov-west-1:1:stream/orders", "orders", true),
        ] {
            let stream = StreamRef::from(text);
            assert_eq!(stream.name().as_str(), name);
            assert_eq!(stream.arn(), arn.then_some(text));
            assert_eq!((stream.to_string().as_str(), stream.check()), (text, Ok(())));
            assert_eq!(StreamName::from(stream).as_str(), name);
        }
    }

    #[test]
    fn what_is_no_stream_is_told_apart() {
        for (text, why) in [
            ("", "needs a name"),
            ("a:b", "neither a stream's name"),
            ("folder/orders", "neither a stream's name"),
            ("arn:aws:kinesis:us-east-1:123456789012:stream/", "not the ARN of a stream"),
            ("arn:aws:kinesis:us-east-1:somebody:stream/orders", "not the ARN of a stream"),
            ("arn:aws:kinesis::123456789012:stream/orders", "not the ARN of a stream"),
            ("arn:aws:dynamodb:us-east-1:123456789012:stream/orders", "not the ARN of a stream"),
            ("arn:gcp:kinesis:us-east-1:123456789012:stream/orders", "not the ARN of a stream"),
            (
                "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c:1",
                "fan-out consumer",
            ),
        ] {
            let wrong = StreamRef::from(text).check().unwrap_err();
            assert!(wrong.contains(why), "{wrong}");
        }
    }
}
