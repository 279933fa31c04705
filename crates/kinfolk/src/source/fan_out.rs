//! Registering fan-out consumers at a stream.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Consumer, ConsumerStatus};
use kinfolk_core::coordinate::Registered;
use kinfolk_core::id::{GroupName, SlotName, StreamRef};
use sha1::{Digest, Sha1};

use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};

/// How often the consumers are listed that are being registered. Kinesis takes seconds, and allows
/// five lists a second in an account.
const PAUSE: Duration = Duration::from_millis(500);
/// How many characters of the group's name are in a consumer's, of the 128 that it may have.
const LEGIBLE: usize = 60;

/// Registers consumers for a group until it has as many as wanted and all of them are active;
/// lists all that there are.
pub(super) async fn register(
    client: &Client,
    stream: &StreamRef,
    group: &GroupName,
    wanted: u32,
) -> Result<Registered> {
    let arn = stream_arn(client, stream).await?;
    let names: Vec<SlotName> = (1..=wanted).map(|number| name(group, number)).collect();
    loop {
        let there = list(client, stream, &arn).await?;
        let (mut registered, mut ready) = (Registered::default(), true);
        for consumer in there.values() {
            let (name, arn) = (SlotName::from(consumer.consumer_name()), consumer.consumer_arn());
            match consumer.consumer_status() {
                ConsumerStatus::Active if names.contains(&name) => {
                    registered.ours.insert(name, arn.to_owned());
                }
                // It goes, and another one of its name may come.
                ConsumerStatus::Deleting => {}
                _ => drop(registered.others.insert(name)),
            }
        }
        for name in names.iter().filter(|name| !registered.ours.contains_key(*name)) {
            ready = false;
            if !there.contains_key(name.as_str()) {
                add(client, stream, &arn, name).await?;
            }
        }
        if ready {
            return Ok(registered);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn stream_arn(client: &Client, stream: &StreamRef) -> Result<String> {
    if let Some(arn) = stream.arn() {
        return Ok(arn.to_owned());
    }
    let answer = client.describe_stream_summary().stream_name(stream.name().as_str()).send().await;
    let answer = answer
        .map_err(|error| Failure::of(&error).error(format_args!("describe stream {stream}")))?;
    let summary = answer.stream_description_summary();
    summary.map(|summary| summary.stream_arn().to_owned()).ok_or_else(|| {
        let message = format!("the answer about stream {stream} has no summary");
        Error::new(ErrorKind::Data, message)
    })
}

/// The stream's consumers by name, of every page.
async fn list(
    client: &Client,
    stream: &StreamRef,
    arn: &str,
) -> Result<BTreeMap<String, Consumer>> {
    let (mut consumers, mut token) = (BTreeMap::new(), None);
    loop {
        let page = client.list_stream_consumers().stream_arn(arn).set_next_token(token);
        let page = page.send().await.map_err(|error| {
            Failure::of(&error).error(format_args!("list the fan-out consumers of stream {stream}"))
        })?;
        token = page.next_token.filter(|token| !token.is_empty());
        let named = page.consumers.unwrap_or_default().into_iter();
        consumers.extend(named.map(|consumer| (consumer.consumer_name.clone(), consumer)));
        if token.is_none() {
            return Ok(consumers);
        }
    }
}

async fn add(client: &Client, stream: &StreamRef, arn: &str, name: &SlotName) -> Result<()> {
    let call = client.register_stream_consumer().stream_arn(arn).consumer_name(name.as_str());
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let failure = Failure::of(&error);
            // Another worker was faster.
            if failure.is("ResourceInUseException") {
                return Ok(());
            }
            Err(failure.error(format_args!("register fan-out consumer {name} of stream {stream}")))
        }
    }
}

/// The name of a group's consumer: the same for every worker, so that they register it once.
/// Kinesis takes letters, digits and `_.-`; the digest keeps apart what that makes alike.
fn name(group: &GroupName, number: u32) -> SlotName {
    let fits = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let legible: String = group.as_str().chars().take(LEGIBLE).map(fits).collect();
    let digest = Sha1::digest(group.as_str());
    let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    SlotName::from(format!("kinfolk-{legible}-{digest}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kinesis_takes_and_each_groups_own() {
        let all = ["billing", "bill ing", "bill/ing", "é", &"x".repeat(500)]
            .map(|group| name(&group.into(), 12).to_string());
        for (at, name) in all.iter().enumerate() {
            assert!(name.len() <= 128, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)), "{name}");
            assert!(!all[..at].contains(name), "{name}");
        }
    }
}
