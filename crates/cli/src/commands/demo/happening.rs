//! What can happen in the demo.

use kinfolk::group::Description;
use kinfolk::stream::ShardInfo;

use super::tally::RecordId;

/// Something that happened. Workers are counted from 0.
#[derive(Debug)]
pub(super) enum Happening {
    /// The stream took a record.
    Put { id: RecordId, key: String, number: u64 },
    /// A worker handled a record.
    Handled { worker: usize, id: RecordId },
    /// A worker wrote a line to its standard error, or one that is no record.
    Said { worker: usize, text: String },
    /// A worker was sent SIGKILL.
    Killed { worker: usize },
    /// A worker's process ended; `failed` tells how, unless it ended well.
    Gone { worker: usize, failed: Option<String> },
    /// The group was looked at.
    Seen(Box<Description>),
    /// A shard was split.
    Split { parent: String, children: Vec<ShardInfo> },
}
