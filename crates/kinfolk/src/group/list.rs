//! Every group that a store holds.

use aws_sdk_dynamodb::Client;
use kinfolk_core::id::{GroupName, StreamName};
use kinfolk_core::snapshot::Snapshot;

use crate::aws::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::store::dynamo::lifion;

/// A group on a stream, as a list shows it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Listed {
    /// The group.
    pub group: GroupName,
    /// The stream.
    pub stream: StreamName,
    /// The size of its state, where the store counts it: DynamoDB allows 400 KB.
    pub bytes: Option<u64>,
    /// Its state, or why it does not read: that of one group is no reason to hide the others.
    pub state: Result<Snapshot>,
}

impl Listed {
    /// A group and what there is to say about it.
    pub(crate) fn new(
        group: GroupName,
        stream: StreamName,
        bytes: Option<u64>,
        state: Result<Snapshot>,
    ) -> Self {
        Self { group, stream, bytes, state }
    }
}

/// Every group in a table of DynamoDB, ordered by group and then by stream.
///
/// This reads the whole table, consistently: a read unit for each 4 KB of it. Repeating a call that
/// failed is left to the client's own settings.
///
/// # Errors
/// `Config` if there is no such table, or if it is no state table; otherwise as DynamoDB fails. A
/// state that does not read is no error of the list, but of its [entry](Listed::state).
pub async fn list(client: &Client, table: &str) -> Result<Vec<Listed>> {
    let scan = client.scan().table_name(table).consistent_read(true);
    let mut items = scan.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        let item = item.map_err(|error| {
            Failure::of(&error).error(format_args!("list the groups in table {table}"))
        })?;
        all.push(lifion::listed(&item).ok_or_else(|| {
            let message = format!(
                "table {table} holds something other than the state of groups: choose another table"
            );
            Error::new(ErrorKind::Config, message)
        })?);
    }
    sort(&mut all);
    Ok(all)
}

/// Puts a list in order: DynamoDB has none.
pub(crate) fn sort(all: &mut [Listed]) {
    all.sort_by(|one, other| (&one.group, &one.stream).cmp(&(&other.group, &other.stream)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_in_order_and_the_streams_of_each() {
        let names = [("b", "x"), ("a", "y"), ("b", "w"), ("a", "z")];
        let listed = |(group, stream): (&str, &str)| {
            let state = Err(Error::new(ErrorKind::Data, "none"));
            Listed::new(group.into(), stream.into(), None, state)
        };
        let mut all = names.map(listed);
        sort(&mut all);
        let found = all.each_ref().map(|one| (one.group.as_str(), one.stream.as_str()));
        assert_eq!(found, [("a", "y"), ("a", "z"), ("b", "w"), ("b", "x")]);
    }
}
