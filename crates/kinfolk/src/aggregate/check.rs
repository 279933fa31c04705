//! What must hold of any bytes, for tests and fuzzing.

use md5::{Digest, Md5};

use super::{Aggregator, DIGEST, MAGIC, hash_key, open, text};
use crate::producer::NewRecord;

/// An aggregate around a message.
pub(crate) fn wrapped(message: &[u8]) -> Vec<u8> {
    [&MAGIC[..], message, Md5::digest(message).as_slice()].concat()
}

/// Bytes are opened or refused; what comes out lies within them, and is the same when it is put
/// together again.
pub(crate) fn opens_within_its_bounds(bytes: &[u8]) {
    let Ok(Some(records)) = open(bytes) else { return };
    assert!(!records.is_empty() && records.len() * 6 <= bytes.len());
    let mut aggregator = Aggregator::new(usize::MAX);
    let mut said = Vec::new();
    for record in &records {
        for span in [Some(record.partition_key), record.explicit_hash_key, Some(record.data)] {
            let Some(span) = span else { continue };
            assert!(span.start() >= MAGIC.len());
            assert!(span.start() + span.len() <= bytes.len() - DIGEST);
            assert_eq!(span.of(bytes).len(), span.len());
        }
        let key = text(bytes, record.partition_key);
        let hash = record.explicit_hash_key.map(|key| hash_key(bytes, key));
        assert!(key.is_some() && hash != Some(None));
        let again = NewRecord::new(record.data.of(bytes).to_vec());
        let again = again.partition_key(key.unwrap_or_default());
        let again = NewRecord { explicit_hash_key: hash.flatten(), ..again };
        said.push((again.key().into_owned(), hash.flatten(), again.data.clone()));
        assert!(aggregator.add(again).is_ok());
    }
    let again = aggregator.finish().map(|record| record.data).unwrap_or_default();
    let records = open(&again).ok().flatten().unwrap_or_default();
    let records = records.iter().map(|record| {
        let key = text(&again, record.partition_key).unwrap_or_default().to_owned();
        let hash = record.explicit_hash_key.and_then(|key| hash_key(&again, key));
        (key, hash, again.slice_ref(record.data.of(&again)))
    });
    assert_eq!(records.collect::<Vec<_>>(), said);
}
