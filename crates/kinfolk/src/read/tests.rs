//! Which consumer a shard is read by, and from where.

use std::sync::Mutex;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use kinfolk_core::id::ShardId;
use kinfolk_core::time::WallTime;
use kinfolk_core::topology::Listing;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::aggregate::Deaggregate;
use crate::clock::SystemClock;
use crate::drive::Report;
use crate::error::Result;
use crate::event::{Announcer, Event};
use crate::fence::Fence;
use crate::record::{Opener, Raw};
use crate::source::{Answer, Description, ReadError, Subscription, SubscriptionEvent};
use crate::store::BoxFuture;
use crate::tenure::Signals;

/// A source that notes what it is asked for. A subscription brings one record and then nothing.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<String>>);

impl Noted {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Source for Noted {
    fn describe(&self) -> BoxFuture<'_, Result<Description>> {
        Box::pin(async { Ok(Description::new(WallTime(1))) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Listing>> {
        Box::pin(async { Ok(Listing::default()) })
    }

    fn iterator<'a>(
        &'a self,
        _: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Arc<str>, ReadError>> {
        self.note(format!("polled from {position:?}"));
        Box::pin(pending())
    }

    fn fetch<'a>(
        &'a self,
        _: &'a ShardId,
        _: &'a str,
        _: u32,
    ) -> BoxFuture<'a, Result<Answer, ReadError>> {
        Box::pin(pending())
    }

    fn subscribe<'a>(
        &'a self,
        consumer: &'a str,
        _: &'a ShardId,
        position: &'a Position,
    ) -> BoxFuture<'a, Result<Subscription, ReadError>> {
        self.note(format!("subscribed {consumer} from {position:?}"));
        let raw =
            Raw { sequence: "42".into(), partition_key: None, data: Bytes::new(), arrival: None };
        let event = SubscriptionEvent {
            page: Page::new(vec![raw]),
            continuation: Some("43".into()),
            behind_ms: None,
            children: vec![],
        };
        let events = stream::iter([Ok(event)]).chain(stream::pending());
        Box::pin(async { Ok(Subscription::new(events)) })
    }
}

#[tokio::test]
async fn another_consumer_is_used_at_once_and_none_is_polled_from_the_same_place() {
    let source = Arc::new(Noted::default());
    let clock = Arc::new(SystemClock);
    let (consumer, read_by) = watch::channel(None);
    let reading = Reading {
        source: source.clone(),
        clock: clock.clone(),
        budget: Budget::new(1 << 20),
        pace: Pace::default(),
        deaggregate: Deaggregate::default(),
        consumer: read_by,
    };
    let announcer = Announcer::new();
    let mut events = announcer.listen();
    let report = Report { announcer, missing: mpsc::channel(1).0 };
    let fence = Arc::new(Fence::new(clock));
    let signals =
        Signals { fence, ready: Arc::new(Notify::new()), stirred: Arc::new(Notify::new()) };
    let opener = Opener::new(Deaggregate::default(), &Position::TrimHorizon, None);
    let tenure = Tenure::new("s".into(), 7, "w".into(), signals, opener);
    let mut run = Box::pin(reading.run(&tenure, Position::TrimHorizon, &report));
    let mut after = |arn: Option<&str>| {
        consumer.send_replace(arn.map(Arc::from));
        assert!((&mut run).now_or_never().is_none(), "the shard does not end");
        source.taken()
    };
    assert_eq!(after(None), ["polled from TrimHorizon"]);
    assert_eq!(after(Some("first")), ["subscribed first from TrimHorizon"]);
    // The first one's limits are not those of the second.
    assert_eq!(after(Some("second")), ["subscribed second from After(43)"]);
    assert_eq!(after(None), ["polled from After(43)"]);
    let mut told = vec![];
    while let Some(Some(event)) = events.next().now_or_never() {
        told.push(match event {
            Event::Subscribed { times, .. } => format!("subscribed {times}"),
            Event::FellBack { reason, .. } => format!("fell back: {reason:?}"),
            _ => continue,
        });
    }
    assert_eq!(told, ["subscribed 1", "subscribed 2", "fell back: NoSlot"]);
}
