//! The reader against a shard in memory and whatever can go wrong on the way to it.

use super::*;
use proptest::prelude::*;

/// What befalls a call.
#[derive(Clone, Debug)]
enum Luck {
    Good,
    /// At most so many records, and after that a gap, crossed by an empty answer.
    Gap(usize),
    Fails(Fault),
    /// The answer is lost together with the call: the shell dropped it.
    Dropped,
    /// The shell holds the action for so long before it calls, and says so.
    Late(u64),
    /// The shell does nothing for so long first.
    Paused(u64),
    /// A record this far back is refused while the call is under way.
    Rewound(usize),
}

fn luck() -> impl Strategy<Value = Luck> {
    use Fault::*;
    let fault =
        prop::sample::select(vec![Expired, Throttled, Missing, Denied, Invalid, Unavailable]);
    prop_oneof![
        6 => Just(Luck::Good),
        4 => (0usize..4).prop_map(Luck::Gap),
        4 => fault.prop_map(Luck::Fails),
        1 => Just(Luck::Dropped),
        1 => (0u64..600).prop_map(Luck::Late),
        1 => (0u64..600_000).prop_map(Luck::Paused),
        1 => (0usize..5).prop_map(Luck::Rewound),
    ]
}

/// When the records were written, which are numbered from 10; it ends with the last of them.
struct Shard {
    written: Vec<i64>,
}

/// A token is the index of the next record, and the time at which it was given.
fn token(index: usize, now: &Now) -> Arc<str> {
    format!("{index}@{}", now.wall.0).into()
}

impl Shard {
    fn index_at(&self, time: WallTime) -> usize {
        self.written.partition_point(|&written| written < time.0)
    }

    fn iterator(&self, now: &Now, position: &Position) -> Arc<str> {
        let index = |sequence: &SequenceNumber| sequence.as_str().parse::<usize>().unwrap() - 10;
        let index = match position {
            Position::TrimHorizon => 0,
            Position::Latest => self.index_at(now.wall),
            Position::At(time) => self.index_at(*time),
            Position::From(sequence) => index(sequence),
            Position::After(sequence) => index(sequence) + 1,
        };
        token(index, now)
    }

    /// The records that come, and the summary.
    fn fetch(
        &self,
        now: &Now,
        iterator: &str,
        most: usize,
    ) -> Result<(Vec<usize>, Fetched), Fault> {
        let (index, given) = iterator.split_once('@').unwrap();
        let (index, given): (usize, i64) = (index.parse().unwrap(), given.parse().unwrap());
        if now.wall.0 - given > 300_000 {
            return Err(Fault::Expired);
        }
        let there = self.index_at(now.wall).max(index);
        let to = there.min(index + most);
        let ended = to == self.written.len();
        let fetched = Fetched {
            records: (to - index) as u32,
            bytes: 100_000 * (to - index) as u64,
            last: (to > index).then(|| number(to - 1)),
            next: (!ended).then(|| token(to, now)),
            behind_ms: Some(self.written.get(to).map_or(0, |at| now.wall.0 - at).max(0) as u64),
            children: if ended { children() } else { vec![] },
        };
        Ok(((index..to).collect(), fetched))
    }
}

fn number(index: usize) -> SequenceNumber {
    SequenceNumber::new((index + 10).to_string())
}

fn children() -> Vec<ChildShard> {
    let child = |id: &str| ChildShard { id: id.into(), parents: vec!["parent".into()] };
    vec![child("left"), child("right")]
}

/// Reads the shard to its end, and keeps what comes.
struct Shell {
    shard: Shard,
    reader: Reader,
    now: Now,
    luck: std::vec::IntoIter<Luck>,
    got: Vec<usize>,
    reads: Vec<u64>,
}

impl Shell {
    fn run(&mut self) {
        for _ in 0..100_000 {
            match self.reader.next(&self.now) {
                Action::GetIterator(position) => self.get_iterator(&position),
                Action::Fetch(fetch) => self.fetch(&fetch),
                Action::Sleep { ms } => self.now = self.now.plus(ms),
                Action::Report(_) => {}
                Action::End { children: got } => return assert_eq!(got, children()),
            }
        }
        panic!("never ends: {:?}", self.reader);
    }

    fn get_iterator(&mut self, position: &Position) {
        let answer = match self.luck.next() {
            Some(Luck::Fails(fault)) => Err(fault),
            Some(Luck::Dropped) => return,
            Some(Luck::Paused(ms)) => {
                let token = self.shard.iterator(&self.now, position);
                self.now = self.now.plus(ms);
                Ok(token)
            }
            _ => Ok(self.shard.iterator(&self.now.plus(20), position)),
        };
        self.now = self.now.plus(40);
        self.reader.iterator(&self.now, answer);
    }

    fn fetch(&mut self, fetch: &Fetch) {
        let luck = self.luck.next().unwrap_or(Luck::Good);
        if let Luck::Late(ms) = luck {
            self.now = self.now.plus(ms);
            self.reader.sent(&self.now);
        }
        self.reads.push(self.now.mono);
        let most = if let Luck::Gap(most) = luck { most } else { fetch.limit as usize };
        let answer = self.shard.fetch(&self.now.plus(20), &fetch.iterator, most);
        let answer = match luck {
            Luck::Fails(fault) => Err(fault),
            _ => answer,
        };
        self.now = self.now.plus(40);
        match luck {
            Luck::Dropped => return,
            Luck::Paused(ms) => self.now = self.now.plus(ms),
            Luck::Rewound(back) if !self.got.is_empty() => self.rewind(back),
            _ => {}
        }
        let (indices, answer) = match answer {
            Ok((indices, fetched)) => (indices, Ok(fetched)),
            Err(fault) => (vec![], Err(fault)),
        };
        if self.reader.fetched(&self.now, answer) {
            self.got.extend(indices);
        }
    }

    fn rewind(&mut self, back: usize) {
        let keep = self.got.len().saturating_sub(back + 1);
        self.reader.rewind(Position::From(number(self.got[keep])));
        self.got.truncate(keep);
    }
}

fn read(position: Position, gaps: Vec<i64>, luck: Vec<Luck>) -> Shell {
    let written = gaps.iter().scan(0, |at, gap| {
        *at += gap;
        Some(*at)
    });
    let mut shell = Shell {
        shard: Shard { written: written.collect() },
        reader: Reader::new(&"parent".into(), position, Pace { limit: 7, ..Pace::default() }),
        now: Now { mono: 1, boot: 1, wall: WallTime(100_000) },
        luck: luck.into_iter(),
        got: vec![],
        reads: vec![],
    };
    shell.run();
    shell
}

/// Milliseconds between one record and the next.
fn gaps() -> impl Strategy<Value = Vec<i64>> {
    let gap = prop_oneof![4 => 0i64..50, 3 => 0i64..5_000, 1 => 0i64..400_000];
    prop::collection::vec(gap, 1..60)
}

proptest! {
    #[test]
    fn every_record_is_fetched_once_and_in_order(
        gaps in gaps(),
        luck in prop::collection::vec(luck(), 0..80),
        start in prop::sample::select(vec![Position::TrimHorizon, Position::From(number(0))]),
    ) {
        let shell = read(start, gaps, luck);
        prop_assert_eq!(shell.got, (0..shell.shard.written.len()).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_written_after_the_first_iterator_of_latest_is_missed(
        gaps in gaps(),
        luck in prop::collection::vec(luck(), 0..80),
    ) {
        let shell = read(Position::Latest, gaps, vec![Luck::Good].into_iter().chain(luck).collect());
        // The iterator was asked for at the start, and given 20 ms later.
        let (asked, given) =
            (shell.shard.index_at(WallTime(100_000)), shell.shard.index_at(WallTime(100_020)));
        let end = shell.shard.written.len();
        let first = shell.got.first().copied().unwrap_or(end);
        prop_assert!((asked..=given).contains(&first), "{} not in {}..={}", first, asked, given);
        prop_assert_eq!(shell.got, (first..end).collect::<Vec<_>>());
    }

    #[test]
    fn no_second_sees_more_than_five_reads(
        gaps in gaps(),
        luck in prop::collection::vec(luck(), 0..80),
    ) {
        let shell = read(Position::TrimHorizon, gaps, luck);
        for window in shell.reads.windows(6) {
            prop_assert!(window[5] - window[0] >= 1_000, "{:?}", window);
        }
    }
}
