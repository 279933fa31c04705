//! Reading by enhanced fan-out: SubscribeToShard.

use std::time::Duration;

use kinfolk_core::reader::{ChildShard, Listen, Loss, Pushed, Step, Subscriber};

use super::{Listener, Reading, count, last};
use crate::source::{Subscription, SubscriptionEvent};
use crate::tenure::Tenure;

/// What reading by fan-out came to.
pub(super) enum Told {
    /// The end of the shard, with its children.
    Ended(Vec<ChildShard>),
    /// The shard is to be polled for so many milliseconds.
    FellBack { ms: u64 },
}

impl Reading {
    /// Reads by a consumer as long as that works. May be dropped at any time.
    pub(super) async fn subscribe(
        &self,
        subscriber: &mut Subscriber,
        consumer: &str,
        tenure: &Tenure,
        listener: &dyn Listener,
    ) -> Told {
        let (mut subscription, mut last_error) = (None, None);
        loop {
            match subscriber.next(&self.clock.now()) {
                Step::Subscribe(position) => {
                    let answer = self.source.subscribe(consumer, &tenure.shard, &position).await;
                    let answer = answer.map(|open| subscription = Some(open)).map_err(|failed| {
                        last_error = Some(failed.error);
                        failed.fault
                    });
                    subscriber.subscribed(&self.clock.now(), answer);
                    if answer.is_ok() {
                        listener.subscribed(tenure, subscriber.subscriptions());
                    }
                }
                Step::Listen(listen) => {
                    self.room(tenure).await;
                    self.listen(subscriber, &mut subscription, tenure, listen, listener).await;
                }
                Step::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Step::End { children } => return Told::Ended(children),
                Step::FallBack { reason, ms } => {
                    listener.fell_back(tenure, reason, last_error.take());
                    return Told::FellBack { ms };
                }
            }
        }
    }

    /// Waits for an event. While the tenure has no room none is asked for, and the connection's flow
    /// control holds Kinesis back.
    async fn listen(
        &self,
        subscriber: &mut Subscriber,
        subscription: &mut Option<Subscription>,
        tenure: &Tenure,
        listen: Listen,
        listener: &dyn Listener,
    ) {
        let hold = self.budget.reserve(listen.reserve).await;
        let silence = Duration::from_millis(listen.silence_ms);
        let next = async {
            match subscription {
                Some(open) => open.next().await,
                None => None,
            }
        };
        let (loss, error) = match tokio::time::timeout(silence, next).await {
            Ok(Some(Ok(SubscriptionEvent { page, continuation, behind_ms, children }))) => {
                let (records, bytes, last) = (count(&page), page.bytes(), last(&page));
                let event = Pushed { records, bytes, last, continuation, children };
                if subscriber.pushed(&self.clock.now(), event) {
                    self.deliver(tenure, page, hold, behind_ms, listener);
                }
                return;
            }
            Ok(Some(Err(failed))) => (Loss::Failed(failed.fault), Some(failed.error)),
            Ok(None) => (Loss::Ended, None),
            Err(_) => (Loss::Silent, None),
        };
        *subscription = None;
        subscriber.lost(&self.clock.now(), loss);
        listener.unsubscribed(tenure, loss, error);
    }
}
