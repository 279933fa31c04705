//! Which rows of a table two states do not share.

use std::collections::BTreeMap;

use rusqlite::Result;

/// What is to be done to the rows of one table, so that they say something else.
pub(super) struct Difference<'a, K, V> {
    gone: Vec<&'a K>,
    written: Vec<(&'a K, &'a V)>,
}

impl<'a, K: Ord, V> Difference<'a, K, V> {
    pub(super) fn of(
        before: &'a BTreeMap<K, V>,
        after: &'a BTreeMap<K, V>,
        same: impl Fn(&V, &V) -> bool,
    ) -> Self {
        let stays = |key: &K, value: &V| before.get(key).is_some_and(|was| same(was, value));
        Self {
            gone: before.keys().filter(|key| !after.contains_key(*key)).collect(),
            written: after.iter().filter(|(key, value)| !stays(key, value)).collect(),
        }
    }

    /// Has the rows written of what is gone, and then of what is new or another.
    pub(super) fn go(
        self,
        gone: impl Fn(&K) -> Result<()>,
        written: impl Fn(&K, &V) -> Result<()>,
    ) -> Result<()> {
        self.gone.into_iter().try_for_each(gone)?;
        self.written.into_iter().try_for_each(|(key, value)| written(key, value))
    }
}
