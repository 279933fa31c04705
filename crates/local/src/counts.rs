use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::fault::Server;

/// How often each operation was called, faults included, since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of Kinesis by operation.
    pub kinesis: BTreeMap<String, u64>,
    /// Calls of DynamoDB by operation.
    pub dynamodb: BTreeMap<String, u64>,
    /// Calls of S3 by operation.
    pub s3: BTreeMap<String, u64>,
}

impl Counts {
    /// Calls of one operation; 0 if it was never called.
    #[must_use]
    pub fn of(&self, server: Server, operation: &str) -> u64 {
        let calls = match server {
            Server::Kinesis => &self.kinesis,
            Server::DynamoDb => &self.dynamodb,
            Server::S3 => &self.s3,
        };
        calls.get(operation).copied().unwrap_or(0)
    }
}

/// The running count that the servers share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter(Arc<Mutex<Counts>>);

impl Counter {
    pub(crate) fn count(&self, server: Server, operation: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = match server {
            Server::Kinesis => &mut counts.kinesis,
            Server::DynamoDb => &mut counts.dynamodb,
            Server::S3 => &mut counts.s3,
        };
        match calls.get_mut(operation) {
            Some(number) => *number += 1,
            None => drop(calls.insert(operation.to_owned(), 1)),
        }
    }

    pub(crate) fn read(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
