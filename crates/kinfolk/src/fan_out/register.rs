//! Registering what a group wants.

use std::collections::BTreeMap;

use aws_sdk_kinesis::Client;
use kinfolk_core::coordinate::Registered;
use kinfolk_core::id::{GroupName, SlotName, StreamRef};

use super::{Consumer, ConsumerStatus, PAUSE, list_of, name, stream_arn};
use crate::aws::Failure;
use crate::error::Result;

/// Registers consumers for a group until it has as many as wanted and all of them are active;
/// lists all that there are.
pub(crate) async fn register(
    client: &Client,
    stream: &StreamRef,
    group: &GroupName,
    wanted: u32,
) -> Result<Registered> {
    let arn = stream_arn(client, stream).await?;
    let names: Vec<SlotName> = (1..=wanted).map(|number| name(group, number)).collect();
    loop {
        let there = list_of(client, stream, &arn).await?;
        let there: BTreeMap<SlotName, Consumer> =
            there.into_iter().map(|consumer| (consumer.name.clone(), consumer)).collect();
        let (mut registered, mut ready) = (Registered::default(), true);
        for (name, consumer) in &there {
            match consumer.status {
                ConsumerStatus::Active if names.contains(name) => {
                    registered.ours.insert(name.clone(), consumer.arn.clone());
                }
                // It goes, and another one of its name may come.
                ConsumerStatus::Deleting => {}
                _ => drop(registered.others.insert(name.clone())),
            }
        }
        for name in names.iter().filter(|name| !registered.ours.contains_key(*name)) {
            ready = false;
            if !there.contains_key(name) {
                add(client, stream, &arn, name).await?;
            }
        }
        if ready {
            return Ok(registered);
        }
        tokio::time::sleep(PAUSE).await;
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
