//! What a mixed group did, against what must hold.
#![allow(clippy::print_stdout, reason = "a program that prints what it saw")]

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use kinfolk::core::sequence::SequenceNumber;

use super::{Crew, Entry, Kind, Member, Moment};
use crate::{Line, Result};

/// A record's place: its shard and sequence number.
type Place = (String, String);

/// What is looked at: all there is to know of a run.
pub struct Verdict<'a> {
    members: &'a [Member],
    moments: &'a [Moment],
    lines: &'a [Line],
    /// Everything on the stream, by data.
    stream: BTreeMap<String, Place>,
    /// The parents of each shard.
    parents: BTreeMap<String, Vec<String>>,
    /// Whose an id was.
    ids: BTreeMap<&'a str, &'a Member>,
    failures: Vec<String>,
}

impl<'a> Verdict<'a> {
    /// Prints it, and fails unless all holds.
    pub async fn of(
        crew: &'a Crew<'_>,
        moments: &'a [Moment],
        lines: &'a [Line],
        input: &str,
    ) -> Result<()> {
        let (stream, parents) = read_stream(crew).await?;
        let members = crew.members.as_slice();
        let mut ids = BTreeMap::new();
        for (id, pid) in moments.iter().flat_map(|moment| &moment.consumers) {
            ids.extend(members.iter().find(|m| m.pid == *pid).map(|m| (id.as_str(), m)));
        }
        let failures = Vec::new();
        let mut verdict = Self { members, moments, lines, stream, parents, ids, failures };
        verdict.nothing_is_lost(input);
        verdict.nobody_is_evicted_alive();
        verdict.no_live_lease_is_stolen()?;
        verdict.order_holds(input);
        verdict.parents_come_first();
        verdict.what_comes_twice();
        match verdict.failures.as_slice() {
            [] => Ok(()),
            failures => Err(failures.join("; ").into()),
        }
    }

    fn expect_none(&mut self, what: &str, found: &[String]) {
        println!("{what}: {}", found.len());
        found.iter().take(10).for_each(|one| println!("    {one}"));
        if !found.is_empty() {
            self.failures.push(format!("{what}: {}", found.len()));
        }
    }

    fn nothing_is_lost(&mut self, input: &str) {
        let put: BTreeSet<&str> = input.lines().collect();
        let out: BTreeSet<&str> = self.lines.iter().map(|line| line.data.as_str()).collect();
        let ours = self.lines.iter().filter(|line| self.is_ours(line)).count();
        println!(
            "put {}, on the stream {}, lines {} ({ours} of ours, {} of Node's), different {}",
            put.len(),
            self.stream.len(),
            self.lines.len(),
            self.lines.len() - ours,
            out.len(),
        );
        let (mut lost, mut nodes) = (Vec::new(), BTreeMap::<&str, usize>::new());
        for data in put.difference(&out) {
            match self.stream.get(*data).and_then(|place| self.lost_by_node(place)) {
                Some(node) => *nodes.entry(node).or_default() += 1,
                None => lost.push(format!("{:?}", self.stream.get(*data))),
            }
        }
        for (node, lost) in nodes {
            println!(
                "lost by {node}, which had stored their checkpoint when it received them: {lost}"
            );
        }
        self.expect_none("lost otherwise", &lost);
    }

    /// The Node consumer that had stored a checkpoint behind a record and not let it out when it
    /// went.
    fn lost_by_node(&self, (shard, sequence): &Place) -> Option<&'a str> {
        let gone = self.members.iter().filter(|member| member.kind == Kind::Node);
        let gone = gone.filter_map(|member| Some((member, member.left.as_ref()?)));
        gone.filter_map(|(member, left)| {
            let id = left.id_of(member.pid)?;
            let entry = left.shards.get(shard).filter(|entry| entry.owner.as_ref() == Some(id))?;
            let stored = !after(sequence, entry.checkpoint.as_deref()?);
            let lines = self.lines.iter().filter(|line| line.worker == *id && line.shard == *shard);
            let out = lines.into_iter().all(|line| after(sequence, &line.sequence));
            (stored && out).then_some(member.name.as_str())
        })
        .next()
    }

    fn nobody_is_evicted_alive(&mut self) {
        let mut evicted = Vec::new();
        for (before, after) in self.moments.iter().zip(self.moments.iter().skip(1)) {
            for id in before.consumers.keys().filter(|id| !after.consumers.contains_key(*id)) {
                match self.ids.get(id.as_str()) {
                    Some(member) if member.is_alive(after.at) => {
                        evicted.push(format!("{} as {id}", member.name));
                    }
                    _ => {}
                }
            }
        }
        self.expect_none("evicted alive, by the item", &evicted);
        let told = self.log_lines("was removed from the group");
        self.expect_none("evicted alive, by the workers' own word", &told);
    }

    fn no_live_lease_is_stolen(&mut self) -> Result<()> {
        let (mut stolen, mut moves) = (Vec::new(), 0);
        let mut handed_over: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (before, now) in self.moments.iter().zip(self.moments.iter().skip(1)) {
            for (shard, old, owner) in changed_hands(before, now) {
                moves += 1;
                let Some(member) = self.ids.get(owner) else {
                    stolen.push(format!("{shard} of {owner}, who is nobody's"));
                    continue;
                };
                match member.kind {
                    _ if !member.is_alive(now.at) => {}
                    Kind::Ours => *handed_over.entry((&member.name, shard)).or_default() += 1,
                    Kind::Node if has_run_out(old, now.at)? => {}
                    Kind::Node => {
                        stolen.push(format!("{shard} of {}, dated {:?}", member.name, old.until));
                    }
                }
            }
        }
        println!(
            "changes of an owner that were seen: {moves}, among {} moments",
            self.moments.len()
        );
        for ((name, shard), times) in handed_over {
            let gave = self.log_lines("gave a shard").into_iter();
            let own = gave.chain(self.log_lines("released a shard"));
            let own = own.filter(|line| line.starts_with(&format!("{name}: ")));
            if own.filter(|line| line.contains(shard)).count() < times {
                stolen.push(format!("{shard} of {name}, which did not hand it over"));
            }
        }
        self.expect_none("live leases that were stolen, by the item", &stolen);
        let told = self.log_lines("Lost {");
        self.expect_none("live leases that were stolen, by the workers' own word", &told);
        Ok(())
    }

    fn order_holds(&mut self, input: &str) {
        let mut last: BTreeMap<(&str, &str, u64), &str> = BTreeMap::new();
        let mut wrong = Vec::new();
        for line in self.lines.iter().filter(|line| self.is_ours(line)) {
            let tenure = (line.worker.as_str(), line.shard.as_str(), line.epoch);
            if last.insert(tenure, &line.sequence).is_some_and(|one| !after(&line.sequence, one)) {
                wrong.push(format!("{} of {}", line.sequence, line.shard));
            }
        }
        self.expect_none("back within a tenure of ours", &wrong);
        let places: BTreeMap<&str, usize> =
            input.lines().enumerate().map(|(place, line)| (line, place)).collect();
        let ours = |line: &&Line| self.is_ours(line);
        let among_ours = out_of_order(&places, self.lines.iter().filter(ours));
        println!(
            "came out for the first time behind a later record of their key, Node's output included: \
             {}",
            out_of_order(&places, self.lines.iter()).len()
        );
        self.expect_none("the same, in the output of ours", &among_ours);
    }

    fn parents_come_first(&mut self) {
        // Where the last record of each shard first came out.
        let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
        for (index, line) in self.lines.iter().enumerate() {
            if seen.insert((&line.shard, &line.sequence)) {
                last.insert(line.shard.as_str(), index);
            }
        }
        let mut early = Vec::new();
        for (index, line) in self.lines.iter().enumerate().filter(|(_, line)| self.is_ours(line)) {
            for parent in self.parents.get(&line.shard).into_iter().flatten() {
                if last.get(parent.as_str()).is_some_and(|last| *last > index) {
                    early.push(format!("{} of {}", line.sequence, line.shard));
                }
            }
        }
        self.expect_none("from ours before a record of their shard's parents", &early);
    }

    fn what_comes_twice(&mut self) {
        let mut first: BTreeMap<(&str, &str), &Line> = BTreeMap::new();
        let (mut counts, mut unexplained) = (BTreeMap::<String, usize>::new(), Vec::new());
        for line in self.lines {
            let Some(before) = first.insert((&line.shard, &line.sequence), line) else { continue };
            let name = |line: &Line| self.ids.get(line.worker.as_str()).map(|one| one.name.clone());
            let (by, again) = (name(before).unwrap_or_default(), name(line).unwrap_or_default());
            *counts.entry(format!("first from {by}, then from {again}")).or_default() += 1;
            if self.is_ours(before) && !self.was_not_stored(before) {
                unexplained.push(format!("{} of {} from {by}", line.sequence, line.shard));
            }
        }
        println!("came out twice: {}", counts.values().sum::<usize>());
        counts.iter().for_each(|(who, count)| println!("    {who}: {count}"));
        self.expect_none("twice, of ours, and stored or not of one that was killed", &unexplained);
    }

    /// Whether a record came from a worker that was gone before it had stored that.
    fn was_not_stored(&self, line: &Line) -> bool {
        let member = self.ids.get(line.worker.as_str());
        let entry = member.and_then(|member| member.left.as_ref()?.shards.get(&line.shard));
        entry.is_some_and(|entry| {
            let held = entry.owner.as_deref() == Some(&line.worker);
            held && entry.checkpoint.as_ref().is_none_or(|stored| after(&line.sequence, stored))
        })
    }

    fn is_ours(&self, line: &Line) -> bool {
        self.ids.get(line.worker.as_str()).is_some_and(|member| member.kind == Kind::Ours)
    }

    /// What workers of ours said that holds this text, each line after its worker's name.
    fn log_lines(&self, text: &str) -> Vec<String> {
        let ours = self.members.iter().filter(|member| member.kind == Kind::Ours);
        ours.flat_map(|member| {
            let log = std::fs::read_to_string(&member.log).unwrap_or_default();
            let found = log.lines().filter(|line| line.contains(text));
            found.map(|line| format!("{}: {line}", member.name)).collect::<Vec<_>>()
        })
        .collect()
    }
}

impl Member {
    /// Whether it was alive then, and had not been told to go.
    fn is_alive(&self, at: SystemTime) -> bool {
        self.gone.is_none_or(|gone| at < gone)
    }
}

/// Open shards that had an owner, and another one or none a moment later.
fn changed_hands<'a>(
    before: &'a Moment,
    now: &'a Moment,
) -> impl Iterator<Item = (&'a str, &'a Entry, &'a str)> {
    before.shards.iter().filter_map(|(shard, old)| {
        let (owner, entry) = (old.owner.as_deref()?, now.shards.get(shard)?);
        let same = entry.owner == old.owner;
        (!same && !old.ended && !entry.ended).then_some((shard.as_str(), old, owner))
    })
}

fn has_run_out(lease: &Entry, at: SystemTime) -> Result<bool> {
    let Some(until) = &lease.until else { return Ok(true) };
    Ok(DateTime::from_str(until, DateTimeFormat::DateTime)? < DateTime::from(at))
}

fn after(sequence: &str, other: &str) -> bool {
    SequenceNumber::compare(sequence, other) == Ordering::Greater
}

/// Records that came out for the first time after a record of their key that was put later.
fn out_of_order<'a>(
    places: &BTreeMap<&str, usize>,
    lines: impl Iterator<Item = &'a Line>,
) -> Vec<String> {
    let (mut seen, mut last, mut wrong) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    for line in lines.filter(|line| seen.insert((&line.shard, &line.sequence))) {
        let place = places.get(line.data.as_str()).copied().unwrap_or_default();
        let before = last.insert(&line.key, place);
        if before.is_some_and(|before| before > place) {
            wrong.push(format!("{} of {}", line.sequence, line.shard));
        }
    }
    wrong
}

type Stream = (BTreeMap<String, Place>, BTreeMap<String, Vec<String>>);

/// Everything on the stream, and the parents of its shards.
async fn read_stream(crew: &Crew<'_>) -> Result<Stream> {
    let (kinesis, stream) = (&crew.fleet.kinesis, &crew.fleet.stream);
    let (mut records, mut parents) = (BTreeMap::new(), BTreeMap::new());
    let listing = kinesis.list_shards().stream_name(stream).send().await?;
    for shard in listing.shards() {
        let theirs = shard.parent_shard_id().into_iter().chain(shard.adjacent_parent_shard_id());
        parents.insert(shard.shard_id().to_owned(), theirs.map(str::to_owned).collect());
        let iterator = kinesis
            .get_shard_iterator()
            .stream_name(stream)
            .shard_id(shard.shard_id())
            .shard_iterator_type(aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon);
        let mut next = iterator.send().await?.shard_iterator;
        while let Some(iterator) = next {
            let page = match kinesis.get_records().shard_iterator(&iterator).send().await {
                Ok(page) => page,
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|e| e.is_provisioned_throughput_exceeded_exception()) =>
                {
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    next = Some(iterator);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (at_the_tip, empty) =
                (page.millis_behind_latest == Some(0), page.records.is_empty());
            for record in page.records {
                let data = String::from_utf8(record.data.into_inner())?;
                records.insert(data, (shard.shard_id().to_owned(), record.sequence_number));
            }
            next = page.next_shard_iterator.filter(|_| !(empty && at_the_tip));
        }
    }
    Ok((records, parents))
}
