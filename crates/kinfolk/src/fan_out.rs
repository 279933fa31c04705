//! The fan-out consumers that are registered at a stream: whose they are, and how they go.
//!
//! A [`Consumer`](crate::Consumer) registers those that its group is to have by itself
//! ([`Builder::fan_out`](crate::Builder::fan_out)). Nobody deregisters them, since a group that rests is
//! not a group that is gone; each costs money by the hour until somebody does.

mod register;

use std::fmt;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types;
use jiff::Timestamp;
use kinfolk_core::id::{GroupName, SlotName, StreamRef};
use sha1::{Digest, Sha1};

use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::stream;

pub(crate) use register::register;

/// How often the consumers are listed that come or go. Kinesis takes seconds, and allows five lists a
/// second in an account.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a consumer is waited for that goes.
const GOING: Duration = Duration::from_secs(120);
/// How many characters of the group's name are in a consumer's, of the 128 that it may have.
const LEGIBLE: usize = 60;
/// What the names of consumers begin with that Kinfolk registers.
const PREFIX: &str = "kinfolk-";

/// A fan-out consumer that is registered at a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name, which is that of its slot in the state of its group.
    pub name: SlotName,
    /// Its ARN: another one each time that the name is registered.
    pub arn: String,
    /// Where it is in its life.
    pub status: ConsumerStatus,
    /// When it was registered.
    pub created: Option<Timestamp>,
}

impl Consumer {
    /// Whether Kinfolk registered it, for whichever group: its name says so.
    pub fn is_kinfolk(&self) -> bool {
        self.name.as_str().starts_with(PREFIX)
    }

    /// Whether Kinfolk registered it for this group.
    pub fn is_of(&self, group: &GroupName) -> bool {
        let number = self.name.as_str().strip_prefix(&stem(group));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    }
}

/// Where a fan-out consumer is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConsumerStatus {
    /// Being registered.
    Creating,
    /// Shards can be subscribed to.
    Active,
    /// Going away.
    Deleting,
    /// Something that this version does not know.
    Unknown,
}

impl fmt::Display for ConsumerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Deleting => "deleting",
            Self::Unknown => "unknown",
        })
    }
}

/// Every fan-out consumer of a stream, whoever registered it, in the order of their names.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream; otherwise as AWS fails.
pub async fn list(client: &Client, stream: &StreamRef) -> Result<Vec<Consumer>> {
    let arn = stream_arn(client, stream).await?;
    list_of(client, stream, &arn).await
}

/// Deregisters a fan-out consumer, and waits until it is gone. Whoever reads by it falls back to
/// polling, and a running worker whose group is to have it registers it again.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no such stream or consumer;
/// [`Unavailable`](ErrorKind::Unavailable) if it is not gone after two minutes; otherwise as AWS
/// fails.
pub async fn deregister(client: &Client, stream: &StreamRef, name: &SlotName) -> Result<()> {
    let doing = || format!("deregister fan-out consumer {name} of stream {stream}");
    let arn = stream_arn(client, stream).await?;
    let call = client.deregister_stream_consumer().stream_arn(&arn).consumer_name(name.as_str());
    call.send().await.map_err(|error| Failure::of(&error).error(doing()))?;
    let gone =
        async {
            // Another one of its name may have come meanwhile.
            while list_of(client, stream, &arn).await?.iter().any(|consumer| {
                consumer.name == *name && consumer.status == ConsumerStatus::Deleting
            }) {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
    let late = || {
        let message = format!("cannot {}: it is not gone after {GOING:?}", doing());
        Err(Error::new(ErrorKind::Unavailable, message))
    };
    tokio::time::timeout(GOING, gone).await.unwrap_or_else(|_| late())
}

async fn stream_arn(client: &Client, stream: &StreamRef) -> Result<String> {
    if let Some(arn) = stream.arn() {
        return Ok(arn.to_owned());
    }
    let summary = stream::summary(client, stream).await;
    summary
        .map(|summary| summary.stream_arn)
        .map_err(|failure| failure.error(format_args!("describe stream {stream}")))
}

/// The stream's consumers, of every page.
async fn list_of(client: &Client, stream: &StreamRef, arn: &str) -> Result<Vec<Consumer>> {
    let (mut consumers, mut token) = (Vec::new(), None);
    loop {
        let page = client.list_stream_consumers().stream_arn(arn).set_next_token(token);
        let page = page.send().await.map_err(|error| {
            Failure::of(&error).error(format_args!("list the fan-out consumers of stream {stream}"))
        })?;
        token = page.next_token.filter(|token| !token.is_empty());
        consumers.extend(page.consumers.unwrap_or_default().into_iter().map(consumer));
        if token.is_none() {
            consumers.sort_by(|one, other| one.name.cmp(&other.name));
            return Ok(consumers);
        }
    }
}

fn consumer(consumer: types::Consumer) -> Consumer {
    let created = consumer.consumer_creation_timestamp;
    Consumer {
        name: SlotName::from(consumer.consumer_name),
        arn: consumer.consumer_arn,
        status: match consumer.consumer_status {
            types::ConsumerStatus::Creating => ConsumerStatus::Creating,
            types::ConsumerStatus::Active => ConsumerStatus::Active,
            types::ConsumerStatus::Deleting => ConsumerStatus::Deleting,
            _ => ConsumerStatus::Unknown,
        },
        created: Timestamp::new(created.secs(), 0).ok(),
    }
}

/// The name of a group's consumer: the same for every worker, so that they register it once.
fn name(group: &GroupName, number: u32) -> SlotName {
    SlotName::from(format!("{}{number}", stem(group)))
}

/// What the names of a group's consumers begin with. Kinesis takes letters, digits and `_.-`; the
/// digest keeps apart what that makes alike.
fn stem(group: &GroupName) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let legible: String = group.as_str().chars().take(LEGIBLE).map(fits).collect();
    let digest = Sha1::digest(group.as_str());
    let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{legible}-{digest}-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: SlotName) -> Consumer {
        Consumer { name, arn: String::new(), status: ConsumerStatus::Active, created: None }
    }

    #[test]
    fn names_are_what_kinesis_takes_and_each_groups_own() {
        let groups =
            ["billing", "bill ing", "bill/ing", "é", &"x".repeat(500)].map(GroupName::from);
        for group in &groups {
            let consumer = named(name(group, 12));
            let text = consumer.name.as_str();
            assert!(text.len() <= 128, "{text}");
            assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)), "{text}");
            assert!(consumer.is_kinfolk());
            for other in &groups {
                assert_eq!(consumer.is_of(other), other == group, "{text}");
            }
        }
        assert!(!named("billing-consumer".into()).is_kinfolk());
    }
}
