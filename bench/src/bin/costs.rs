//! What a group's state costs in DynamoDB: capacity units an hour, counted at the local server, of
//! ours and of the rules of lifion-kinesis.
//!
//! Arguments are shapes, as in `100/10`; without them there are three.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program that times and prints"
)]

use kinfolk_bench::Result;
use kinfolk_bench::costs::{Group, Load, NodeItem, Ours, Shape, Theirs, figures, rules};
use tokio::task::JoinSet;

const SHAPES: [Shape; 3] = [
    Shape { shards: 4, workers: 4 },
    Shape { shards: 100, workers: 10 },
    Shape { shards: 1_000, workers: 10 },
];
/// Groups of no more shards run side by side: they leave the machine idle.
const SMALL: u32 = 100;

/// A shape's figures: of each load, ours and theirs.
type Row = (Ours, Theirs);

#[tokio::main]
async fn main() -> Result<()> {
    let mut shapes = std::env::args().skip(1).map(|arg| arg.parse()).collect::<Result<Vec<_>>>()?;
    if shapes.is_empty() {
        shapes = SHAPES.to_vec();
    }
    let (small, large): (Vec<_>, Vec<_>) = shapes.iter().partition(|s| s.shards <= SMALL);
    let mut rows = Vec::new();
    let mut side_by_side = JoinSet::new();
    for shape in small {
        side_by_side.spawn(take(shape));
    }
    for taken in side_by_side.join_all().await {
        rows.extend(taken?);
    }
    for shape in large {
        rows.extend(take(shape).await?);
    }
    rows.sort_by_key(|(ours, _)| shapes.iter().position(|shape| *shape == ours.shape));
    let theirs: Vec<_> = rows.iter().map(|(_, theirs)| theirs.clone()).collect();
    println!("{}\n{}", figures(&rows), rules(&theirs));
    Ok(())
}

/// Idle first, then busy: the same group goes on.
async fn take(shape: Shape) -> Result<Vec<Row>> {
    eprintln!("{shape}: starts");
    let group = Group::start(shape).await?;
    let mut rows = Vec::new();
    for load in [Load::Idle, Load::Busy] {
        let theirs = NodeItem::put(shape, load).await?.count().await?;
        let ours = group.count(load).await?;
        let Ours { window, failed, .. } = ours;
        eprintln!("{shape}, {load}: counted for {window:.1} s; {failed} calls failed");
        rows.push((ours, theirs));
    }
    Ok(rows)
}
