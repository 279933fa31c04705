//! A worker whose group's state is in a file: start it several times on one machine, and the
//! processes share the stream.
//!
//! `cargo run -p kinfolk --example sqlite -- STREAM`, with the AWS SDK's usual environment.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use futures_util::{StreamExt, TryStreamExt};
use kinfolk::Consumer;
use kinfolk::core::topology::Initial;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stream = std::env::args().nth(1).ok_or("which stream?")?;
    let aws = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let consumer = Consumer::builder(stream, "sizes")
        .initial(Initial::TrimHorizon)
        .sqlite(aws_sdk_kinesis::Client::new(&aws), "sizes.db")
        .await?;

    let stop = tokio::signal::ctrl_c();
    let mut records = std::pin::pin!(consumer.records().take_until(stop));
    while let Some(record) = records.try_next().await? {
        println!("{}: {} bytes", record.shard(), record.data().len());
        record.ack(); // the place is stored with the worker's next beat
    }
    consumer.shutdown().await?; // stores the place and hands the shards over
    Ok(())
}
