//! A group's state out of a file.

use std::path::Path;

use kinfolk::clock::{Clock, SystemClock};
use kinfolk::group::Description;
use kinfolk::store::dynamo::lifion::Document;
use tokio::io::AsyncReadExt;

use crate::exit::Failure;

const HINT: &str = "\
correct it, or save the item again: aws dynamodb get-item --table-name lifion-kinesis-state \
--key '{\"consumerGroup\": {\"S\": \"GROUP\"}, \"streamName\": {\"S\": \"STREAM\"}}' > FILE";

/// Describes the group whose item is in this file; `-` is standard input. Ages are against now.
pub(super) async fn describe(file: &Path) -> Result<Description, Failure> {
    let (name, text) = match file.as_os_str() == "-" {
        true => ("standard input".to_owned(), stdin().await),
        false => (file.display().to_string(), tokio::fs::read(file).await),
    };
    let text = text.map_err(|error| {
        Failure::setup(format!("cannot read {name}"))
            .because(error)
            .hint("give a file that holds an item of the state table, or - for standard input")
    })?;
    let document = Document::read(&text).map_err(|error| {
        Failure::setup(format!("cannot read the state in {name}")).because(error).hint(HINT)
    })?;
    let Document { group, stream, state, .. } = &document;
    Ok(Description::of_state(group, stream, state, SystemClock.now().wall))
}

async fn stdin() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    tokio::io::stdin().read_to_end(&mut text).await?;
    Ok(text)
}
