//! Ways in which a change does not fit the state.

/// The one condition of a change that does not hold. Everything else about the change fits, so
/// that a store that forgets this condition applies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Create: there is a state.
    StateThere,
    /// Reset: the state is not the old stream's.
    OtherOld,
    /// Join: the state is another stream's.
    OtherStream,
    /// Join: the id is taken.
    IdTaken,
    /// Beat or leave: the writer's beat is another one.
    OtherBeat,
    /// Beat: the writer is not there.
    WriterGone,
    /// Evict: the state's version is another one.
    OtherState,
    /// Evict: the victim has beaten since.
    VictimAlive,
    /// Evict: the victim is not there.
    VictimGone,
    /// Free a slot: it is not in that worker's use.
    OthersSlot,
    /// A slot's version is another one.
    OtherSlotVersion,
    /// Take, free or drop a slot: it is not there.
    SlotGone,
    /// Take or drop a slot: somebody uses it.
    SlotUsed,
    /// Add a slot: it is there.
    SlotThere,
    /// Found a place: it is there.
    PlaceThere,
    /// Edits in a home that is not there.
    HomeGone,
    /// A worker that must be absent is there.
    WorkerThere,
    /// A shard is given to a Node consumer.
    ReceiverNode,
    /// A shard is given to a worker that is leaving.
    ReceiverLeaving,
    /// A shard is given to nobody.
    ReceiverGone,
    /// Insert: the entry is there.
    EntryThere,
    /// The entry's version is another one.
    OtherVersion,
    /// The entry is not there.
    EntryGone,
    /// Forget: the shard is not ended.
    NotEnded,
    /// The shard is not held by that worker.
    OthersShard,
    /// The tenure is over: somebody else holds the shard, or nobody.
    TenureOver,
    /// The owner is right, the tenure is an older one.
    OtherTenure,
    /// The stored checkpoint is beyond the new one.
    Behind,
}

impl Flaw {
    pub(super) const ALL: &[Flaw] = &[
        Flaw::StateThere,
        Flaw::OtherOld,
        Flaw::OtherStream,
        Flaw::IdTaken,
        Flaw::OtherBeat,
        Flaw::WriterGone,
        Flaw::OtherState,
        Flaw::VictimAlive,
        Flaw::VictimGone,
        Flaw::OthersSlot,
        Flaw::OtherSlotVersion,
        Flaw::SlotGone,
        Flaw::SlotUsed,
        Flaw::SlotThere,
        Flaw::PlaceThere,
        Flaw::HomeGone,
        Flaw::WorkerThere,
        Flaw::ReceiverNode,
        Flaw::ReceiverLeaving,
        Flaw::ReceiverGone,
        Flaw::EntryThere,
        Flaw::OtherVersion,
        Flaw::EntryGone,
        Flaw::NotEnded,
        Flaw::OthersShard,
        Flaw::TenureOver,
        Flaw::OtherTenure,
        Flaw::Behind,
    ];
}
