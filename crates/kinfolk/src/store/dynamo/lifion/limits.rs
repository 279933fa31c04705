//! How much one write holds.

use kinfolk_core::limits::{Limits, Throughput};

/// The room of one write in lifion's layout.
///
/// The unit is a byte of the update expression. The condition has as many bytes and 300
/// operators; what takes more of those than of the update is counted by them, an operator as 14
/// bytes, so that whatever fits the room fits all three. One write holds 72 checkpoints, 57 with a
/// date, 61 takes, 46 gives to as many workers, 75 releases, 121 tracks, 71 forgets or 20
/// checkpoints under their tenure.
///
/// What the writer's own entry and an eviction take is outside the room: DynamoDB takes a little
/// more than [`Limits::room`].
pub const LIFION: Limits = Limits {
    room: 4_000,
    // `#s.#AA.#v=:AA AND `: 18 bytes, 2 operators.
    least: 2 * OPERATOR,
    // `#s.#AA.#v=:v,`
    entry: ENTRY,
    // Two comparisons and, for a checkpoint, the one of sequence numbers: 14 operators, 115 bytes.
    tenure: 14 * OPERATOR - ENTRY - CHECKPOINT,
    // `#s.#AA.#q=:AA,#s.#AA.#a=:AA,#s.#AA.#i=:AA,`
    checkpoint: CHECKPOINT,
    // `#s.#AA.#x=:AA,`
    dated: 14,
    // `#s.#AA.#o=:AA,#s.#AA.#x=:AA,#s.#AA.#k=:AA,` and `#s.#AA.#f,`
    take: 52,
    // As a take; the receiver has two conditions of 68 bytes together.
    give: GIVE,
    // `#s.#AA.#o=:n,#s.#AA.#x=:n,#s.#AA.#f=:AA,`
    release: 40,
    // `#s.#AA.#d=:t,`; as a guard 2 operators more, which `forget` counts.
    end: 13,
    // `#s.#AA.#p=:AA,#s.#AA.#j=:AA,`
    parents: 28,
    // `#s.#AA=:AA,`; `attribute_not_exists(#s.#AA) AND `: 33 bytes, 2 operators.
    insert: 33,
    // `#s.#AA=if_not_exists(#s.#AA,:AA),`
    track: 33,
    // `#s.#AA,`; two comparisons: 4 operators.
    forget: 4 * OPERATOR,
    // `attribute_not_exists(#c.#AA) AND `: 33 bytes, 2 operators.
    absent: 33,
    // `#e.#AA.#s=if_not_exists(#e.#AA.#s,:AA),#e.#AA.#u=:AA,#e.#AA.#v=:v,`
    slot: 67,
    // `#c.#AA.#s` in the place of `#s`.
    nested: 7,
    // A partition of DynamoDB takes 1,000 write and 3,000 read units a second; what the beats and
    // looks leave is for takes, evictions, Node consumers and whoever else uses the table.
    throughput: Throughput { written_kb: 400, read_kb: 4_000, most_bytes: 400 * 1_024 },
};

/// What one of the condition's 300 operators stands for.
const OPERATOR: u32 = 14;

const ENTRY: u32 = 13;

const CHECKPOINT: u32 = 42;

/// The condition on an entry has 18 bytes, that on the receiver 68; `entry` counts some of them.
const GIVE: u32 = 18 + 68 - ENTRY;

#[cfg(test)]
mod tests;
