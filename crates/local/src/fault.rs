use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Server {
    /// Kinesis Data Streams.
    Kinesis,
    /// DynamoDB.
    DynamoDb,
    /// S3.
    S3,
}

/// A rule: what goes wrong, with which calls, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The server that misbehaves.
    pub server: Server,
    /// The operation by AWS's name, for example `GetRecords`; `None` is every operation.
    pub operation: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many calls are hit before the rule goes away; `None` is until it is removed.
    pub remaining: Option<u32>,
}

impl Fault {
    /// Hits every call of Kinesis until it is removed.
    #[must_use]
    pub fn kinesis(kind: FaultKind) -> Self {
        Self { server: Server::Kinesis, operation: None, kind, remaining: None }
    }

    /// Hits every call of DynamoDB until it is removed.
    #[must_use]
    pub fn dynamodb(kind: FaultKind) -> Self {
        Self { server: Server::DynamoDb, operation: None, kind, remaining: None }
    }

    /// Hits every call of S3 until it is removed.
    #[must_use]
    pub fn s3(kind: FaultKind) -> Self {
        Self { server: Server::S3, operation: None, kind, remaining: None }
    }

    /// Only this operation.
    #[must_use]
    pub fn on(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Only the next `calls` calls.
    #[must_use]
    pub fn times(mut self, calls: u32) -> Self {
        self.remaining = Some(calls);
        self
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// `ProvisionedThroughputExceededException`, status 400; S3's `SlowDown`, status 503. Nothing is
    /// carried out.
    Throttle,
    /// The service's internal error, status 500; nothing is carried out.
    ServerError,
    /// `ServiceUnavailable`, status 503; nothing is carried out.
    Unavailable,
    /// The call is carried out this much later, even if its caller has given up by then. Several
    /// delays add up, and another fault may follow them.
    Delay(Duration),
    /// The request never arrives: the connection is closed without an answer, and nothing is
    /// carried out.
    LoseRequest,
    /// The call is carried out, but the connection is closed without an answer.
    LoseAnswer,
    /// The call is carried out twice, and the second answer is given: a late, repeated packet.
    Duplicate,
    /// `AccessDeniedException`, status 400.
    Denied,
    /// `ExpiredTokenException`, status 400: the caller's credentials are past their time.
    ExpiredToken,
    /// `ExpiredIteratorException`, status 400: what GetRecords says to an iterator older than five
    /// minutes.
    ExpiredIterator,
    /// Something is wrong with an event of a subscription. The rule counts events, not calls; its
    /// operation says nothing.
    Event(EventFault),
}

/// What goes wrong with the next event of a subscription that holds records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventFault {
    /// A frame with this exception, `InternalFailureException` for example, comes in its place and
    /// ends the subscription.
    Exception(&'static str),
    /// Neither it nor anything else comes, and the connection stays open.
    Silence,
    /// The first half of its frame comes, and then the end of the answer.
    HalfAFrame,
    /// Its records come in two events, whose frames are in one chunk.
    TwoInAChunk,
    /// For the last event of a closed shard, which holds none: its continuation is an empty string
    /// instead of being absent.
    EmptyContinuation,
}

/// Names a rule, to take it away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// The rules in force. Clones share them; they can change while the servers run.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Mutex<Rules>>,
}

#[derive(Debug, Default)]
struct Rules {
    next: u64,
    list: Vec<(FaultId, Fault)>,
}

/// What is to happen to one call.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) kind: Option<FaultKind>,
}

impl Faults {
    /// Adds a rule; rules are tried in the order in which they were added.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut rules = self.lock();
        let id = FaultId(rules.next);
        rules.next += 1;
        rules.list.push((id, fault));
        id
    }

    /// Takes a rule away. Returns whether it was still there.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut rules = self.lock();
        let before = rules.list.len();
        rules.list.retain(|(other, _)| *other != id);
        rules.list.len() < before
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.lock().list.clear();
    }

    /// Every matching delay, then the first other rule that matches; each one used counts down.
    pub(crate) fn judge(&self, server: Server, operation: &str) -> Verdict {
        let mut rules = self.lock();
        let mut verdict = Verdict::default();
        for (_, fault) in &mut rules.list {
            if fault.server != server
                || matches!(fault.kind, FaultKind::Event(_))
                || fault.operation.as_deref().is_some_and(|name| name != operation)
            {
                continue;
            }
            match &fault.kind {
                FaultKind::Delay(time) => verdict.delay += *time,
                kind if verdict.kind.is_none() => verdict.kind = Some(kind.clone()),
                _ => continue,
            }
            fault.remaining = fault.remaining.map(|n| n.saturating_sub(1));
        }
        rules.list.retain(|(_, fault)| fault.remaining != Some(0));
        verdict
    }

    /// What is to happen to the next event of a subscription: the last one of its shard, or one that
    /// holds records.
    pub(crate) fn judge_event(&self, last: bool) -> Option<EventFault> {
        let mut rules = self.lock();
        let found = rules.list.iter_mut().find_map(|(_, fault)| match &fault.kind {
            FaultKind::Event(kind) if (*kind == EventFault::EmptyContinuation) == last => {
                fault.remaining = fault.remaining.map(|n| n.saturating_sub(1));
                Some(kind.clone())
            }
            _ => None,
        });
        rules.list.retain(|(_, fault)| fault.remaining != Some(0));
        found
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rules> {
        // The rules stay whole whatever panicked while holding them.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_match_add_up_and_run_out() {
        let faults = Faults::default();
        faults.add(Fault::kinesis(FaultKind::Delay(Duration::from_millis(2))));
        faults.add(Fault::kinesis(FaultKind::Delay(Duration::from_millis(3))).on("GetRecords"));
        let throttle = faults.add(Fault::kinesis(FaultKind::Throttle).on("GetRecords").times(1));
        faults.add(Fault::kinesis(FaultKind::Denied));

        let first = faults.judge(Server::Kinesis, "GetRecords");
        assert_eq!(
            (first.delay, first.kind),
            (Duration::from_millis(5), Some(FaultKind::Throttle))
        );
        let second = faults.judge(Server::Kinesis, "GetRecords");
        assert_eq!(second.kind, Some(FaultKind::Denied));
        assert!(!faults.remove(throttle), "it ran out");

        let other = faults.judge(Server::DynamoDb, "GetItem");
        assert_eq!((other.delay, other.kind), (Duration::ZERO, None));
        faults.clear();
        assert_eq!(faults.judge(Server::Kinesis, "PutRecord").kind, None);
    }

    #[test]
    fn faults_of_events_leave_calls_alone_and_know_the_last_event() {
        let faults = Faults::default();
        faults.add(Fault::kinesis(FaultKind::Event(EventFault::EmptyContinuation)).times(1));
        faults.add(Fault::kinesis(FaultKind::Event(EventFault::Silence)).times(1));
        assert_eq!(faults.judge(Server::Kinesis, "SubscribeToShard").kind, None);
        assert_eq!(faults.judge_event(false), Some(EventFault::Silence));
        assert_eq!(faults.judge_event(false), None, "it ran out");
        assert_eq!(faults.judge_event(true), Some(EventFault::EmptyContinuation));
        assert_eq!(faults.judge_event(true), None);
    }
}
