//! The subscriber against a shard in memory and whatever can go wrong on the way to it.

use super::*;
use proptest::prelude::*;

/// What befalls a call, or a wait for an event.
#[derive(Clone, Debug)]
enum Luck {
    /// At most so many records.
    Comes(usize),
    /// An event without records, whose continuation lies behind those that were delivered.
    Empty,
    Fails(Fault),
    Ends,
    Silent,
    /// The shell dropped what it was doing, for another consumer or none.
    Dropped,
    /// The handler leaves no room for so long; the subscription may run out meanwhile.
    Held(u64),
}

fn luck() -> impl Strategy<Value = Luck> {
    use Fault::*;
    let faults = vec![Expired, Throttled, Missing, Denied, Invalid, InUse, Unavailable];
    prop_oneof![
        6 => (0usize..5).prop_map(Luck::Comes),
        2 => Just(Luck::Empty),
        3 => prop::sample::select(faults).prop_map(Luck::Fails),
        1 => Just(Luck::Ends),
        1 => Just(Luck::Silent),
        1 => Just(Luck::Dropped),
        1 => (0u64..600_000).prop_map(Luck::Held),
    ]
}

/// Reads a shard of so many records, which are numbered from 10, to its end.
struct Shell {
    written: usize,
    subscriber: Subscriber,
    now: Now,
    luck: std::vec::IntoIter<Luck>,
    /// The next record of the subscription, if there is one; and since when.
    open: Option<(usize, Now)>,
    got: Vec<usize>,
    accepted: Vec<u64>,
}

fn number(index: usize) -> SequenceNumber {
    SequenceNumber::new((2 * index + 100).to_string())
}

/// A number that no record has: between that of a record and the next.
fn behind(index: usize) -> SequenceNumber {
    SequenceNumber::new((2 * index + 99).to_string())
}

fn index(position: &Position) -> usize {
    match position {
        Position::After(number) => (number.as_str().parse::<usize>().unwrap() - 98) / 2,
        _ => 0,
    }
}

fn children() -> Vec<ChildShard> {
    vec![ChildShard { id: "child".into(), parents: vec!["parent".into()] }]
}

impl Shell {
    fn run(&mut self) {
        for _ in 0..100_000 {
            match self.subscriber.next(&self.now) {
                Step::Subscribe(position) => self.subscribe(&position),
                Step::Listen(_) => self.listen(),
                Step::Sleep { ms } => self.now = self.now.plus(ms),
                Step::FallBack { ms, .. } => self.poll(ms),
                Step::End { children: got } => return assert_eq!(got, children()),
            }
        }
        panic!("never ends: {:?}", self.subscriber);
    }

    fn subscribe(&mut self, position: &Position) {
        self.open = None;
        let answer = match self.luck.next() {
            Some(Luck::Fails(fault)) => Err(fault),
            Some(Luck::Dropped) => return self.subscriber.resume(position.clone()),
            _ => Ok(()),
        };
        self.now = self.now.plus(40);
        if answer.is_ok() {
            self.open = Some((index(position), self.now));
            self.accepted.push(self.now.mono);
        }
        self.subscriber.subscribed(&self.now, answer);
    }

    fn listen(&mut self) {
        let (next, since) = self.open.expect("a subscription");
        let luck = self.luck.next().unwrap_or(Luck::Comes(3));
        if let Luck::Held(ms) = luck {
            self.now = self.now.plus(ms);
        }
        self.now = self.now.plus(100);
        let most = match luck {
            Luck::Comes(most) => most,
            Luck::Empty => 0,
            Luck::Fails(fault) => return self.lose(Loss::Failed(fault)),
            Luck::Ends => return self.lose(Loss::Ended),
            Luck::Silent => {
                self.now = self.now.plus(SILENCE_MS);
                return self.lose(Loss::Silent);
            }
            Luck::Dropped => {
                self.open = None;
                return self.subscriber.resume(self.subscriber.position().clone());
            }
            Luck::Held(_) if self.now.mono - since.mono > 300_000 => return self.lose(Loss::Ended),
            Luck::Held(_) => 2,
        };
        let to = self.written.min(next + most);
        let ended = to == self.written && most > 0;
        let event = Pushed {
            records: (to - next) as u32,
            bytes: 100 * (to - next) as u64,
            last: (to > next).then(|| number(to - 1)),
            continuation: (!ended).then(|| behind(to)),
            children: children(),
        };
        self.open = Some((to, since));
        if self.subscriber.pushed(&self.now, event) {
            self.got.extend(next..to);
        }
    }

    fn lose(&mut self, loss: Loss) {
        self.open = None;
        self.subscriber.lost(&self.now, loss);
    }

    /// Polls a few records.
    fn poll(&mut self, ms: u64) {
        let from = index(self.subscriber.position());
        let to = self.written.min(from + 2);
        self.got.extend(from..to);
        self.now = self.now.plus(ms);
        let at = match to > from {
            true => Position::After(number(to - 1)),
            false => self.subscriber.position().clone(),
        };
        self.subscriber.resume(at);
    }
}

fn read(written: usize, luck: Vec<Luck>) -> Shell {
    let mut shell = Shell {
        written,
        subscriber: Subscriber::new(&"parent".into(), Position::TrimHorizon),
        now: Now { mono: 1, boot: 1, wall: WallTime(100_000) },
        luck: luck.into_iter(),
        open: None,
        got: vec![],
        accepted: vec![],
    };
    shell.run();
    shell
}

proptest! {
    #[test]
    fn every_record_is_delivered_once_and_in_order(
        written in 0usize..60,
        luck in prop::collection::vec(luck(), 0..80),
    ) {
        let shell = read(written, luck);
        prop_assert_eq!(shell.got, (0..written).collect::<Vec<_>>());
    }

    #[test]
    fn no_subscription_is_younger_than_five_seconds_when_the_next_is_accepted(
        written in 0usize..60,
        luck in prop::collection::vec(luck().prop_filter("another consumer need not wait", |luck| {
            !matches!(luck, Luck::Dropped)
        }), 0..80),
    ) {
        let shell = read(written, luck);
        for pair in shell.accepted.windows(2) {
            prop_assert!(pair[1] - pair[0] >= 5_000, "{:?}", pair);
        }
    }
}
