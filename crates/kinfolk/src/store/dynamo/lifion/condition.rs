//! The kinds of condition that writes carry.

macro_rules! conditions {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// A kind of condition. Each has its place in [`Change::holds`], and the conformance suite
        /// notices when any of them is left out.
        ///
        /// [`Change::holds`]: kinfolk_core::change::Change::holds
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Condition {
            $($(#[$doc])* $kind,)*
        }

        impl Condition {
            /// Every kind.
            pub const ALL: &[Condition] = &[$(Condition::$kind),*];
        }
    };
}

conditions! {
    /// Create: there is no item.
    ItemAbsent,
    /// Reset: the item is still the old stream's.
    OldStream,
    /// Join: the item is this stream's.
    SameStream,
    /// Join: the writer's id is not there.
    WorkerAbsent,
    /// The chain: the writer's beat is the last one it wrote.
    Beat,
    /// Evict: the item's version is what was seen.
    ItemVersion,
    /// Evict: the victim has not beaten since.
    VictimBeat,
    /// Add a slot: there is no such entry.
    SlotAbsent,
    /// Take or drop a slot: nobody uses it.
    SlotFree,
    /// Free a slot: it is still in the use of this worker.
    SlotUse,
    /// Take, drop or free a slot: its version is what was seen.
    SlotVersion,
    /// Found a place: there is none of this name.
    PlaceAbsent,
    /// The home of the shards is there.
    HomeThere,
    /// A worker whose shards are taken is absent.
    AbsentWorker,
    /// Who is given a shard is there, and one of ours.
    ReceiverIsKinfolk,
    /// Who is given a shard is not leaving.
    ReceiverNotLeaving,
    /// There is no entry of a shard.
    EntryAbsent,
    /// A shard's version is what was seen.
    EntryVersion,
    /// A shard is ended.
    EntryEnded,
    /// A shard is held by this worker.
    EntryOwner,
    /// Tenure: the owner is the tenure's.
    TenureOwner,
    /// Tenure: the last tenure of ours is this one.
    TenureEpoch,
    /// Tenure: the stored checkpoint is not beyond the new one.
    TenureNotBeyond,
}
