//! Taking records back from the journal at the start.

use std::{collections::HashMap, io, sync::Arc};

use ferrokinesis::sequence::parse_sequence;

use super::{
    Kinesis,
    journal::{Entry, Journal, Line},
    log::Kept,
    read::oldest,
};

impl Kinesis {
    /// Fills the streams, which the store has restored, with their records, and frees the journal
    /// of all others.
    pub(super) async fn restore(&self, journal: &Journal) -> io::Result<()> {
        let mut streams: HashMap<String, Vec<Line>> = HashMap::new();
        let mut found = 0;
        journal.replay(|entry| match entry {
            Entry::Made { stream } => drop(streams.remove(&stream)),
            Entry::Put { stream, records } => {
                found += records.len();
                streams.entry(stream).or_default().extend(records);
            }
        })?;
        let mut kept = Vec::new();
        for (name, records) in streams {
            // A stream that is not there any more was deleted.
            let records = self.refill(&name, records).await.unwrap_or_default();
            kept.push((name, records));
        }
        if kept.iter().map(|(_, records)| records.len()).sum::<usize>() < found {
            journal.rewrite(&kept)?;
        }
        Ok(())
    }

    /// Gives a stream its records back, and returns them without those past its retention.
    async fn refill(&self, name: &str, records: Vec<Line>) -> Option<Vec<Arc<Kept>>> {
        let stream = self.streams().find(Some(name), None).ok()?;
        let description = self.streams().describe_now(&stream).await.ok()?;
        let oldest = oldest(&description);
        let mut last: HashMap<usize, u64> = HashMap::new();
        let mut kept = Vec::new();
        for line in records {
            let Ok(number) = parse_sequence(&line.sequence_number) else { continue };
            let Ok(shard) = usize::try_from(number.shard_ix) else { continue };
            last.insert(shard, number.seq_ix.unwrap_or(0));
            let record = Arc::new(Kept::from(line));
            if record.arrival >= oldest {
                stream.shard_state(shard).log.push(record.clone(), oldest);
                kept.push(record);
            }
        }
        for (shard, index) in last {
            let hash = description.shards.get(shard).map(|shard| shard.hash_key_range.start_u128());
            self.skip_to(name, shard, hash?, index).await;
        }
        Some(kept)
    }

    /// Uses the numbers up to this one up: the store remembers those that were given when the
    /// stream last changed.
    async fn skip_to(&self, name: &str, shard: usize, hash: u128, index: u64) {
        const AT_ONCE: usize = 10_000;
        let shard = i64::try_from(shard).unwrap_or(i64::MAX);
        loop {
            let next = self.store().current_shard_seq(name, shard).await;
            let missing =
                usize::try_from(index.saturating_add(1).saturating_sub(next)).unwrap_or(AT_ONCE);
            if missing == 0 {
                return;
            }
            let hashes = vec![hash; missing.min(AT_ONCE)];
            let given = self.store().allocate_sequences_batch(name, &hashes).await;
            // A closed shard gives no numbers, and its children must not be charged for it.
            let here = given.is_ok_and(|given| {
                given.iter().all(|one| one.shard_id.ends_with(&format!("-{shard:012}")))
            });
            if !here {
                return;
            }
        }
    }
}
