//! The names of the item's attributes, and the placeholders that stand for them in expressions.

/// An attribute of the item, or of an entry in one of its maps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attribute {
    /// Its name in the item.
    pub(super) name: &'static str,
    /// What stands for it in an expression: a lower-case letter, so that ids, which are counted in
    /// digits and capitals, never meet it.
    pub(super) short: &'static str,
}

/// Ours: what the name of the attribute begins with that holds a place. The rest is the place's
/// name. Each is an attribute of its own, since an update cannot make a map and write into it.
pub(super) const KF_PLACE: &str = "kfPlace:";

/// What stands for the place that a write is about.
pub(super) const PLACE: &str = "#r";

macro_rules! attributes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $short:literal;)*) => {
        $($(#[$doc])* pub(super) const $constant: Attribute =
            Attribute { name: $name, short: $short };)*

        #[cfg(test)]
        const ALL: &[Attribute] = &[$($constant),*];
    };
}

attributes! {
    // The key.
    CONSUMER_GROUP = "consumerGroup", "#g";
    STREAM_NAME = "streamName", "#n";

    // The item. `version` is also an attribute of shards and slots.
    STREAM_CREATED_ON = "streamCreatedOn", "#t";
    VERSION = "version", "#v";
    CONSUMERS = "consumers", "#c";
    ENHANCED_CONSUMERS = "enhancedConsumers", "#e";
    SHARDS = "shards", "#s";
    /// Ours: a map of [`FORMAT`] and [`STARTED_AT`].
    KF = "kf", "#w";
    FORMAT = "v", "#z";
    STARTED_AT = "startedAt", "#y";

    // Workers. `isStandalone` is also an attribute of slots.
    APP_NAME = "appName", "#_a";
    HEARTBEAT = "heartbeat", "#h";
    HOST = "host", "#_h";
    IS_ACTIVE = "isActive", "#_i";
    IS_STANDALONE = "isStandalone", "#_s";
    PID = "pid", "#_p";
    STARTED_ON = "startedOn", "#_t";
    /// Ours: the period in milliseconds. Marks a worker of ours.
    KF_BEAT = "kfBeat", "#b";
    /// Ours: it is there while the worker is leaving.
    KF_LEAVING = "kfLeaving", "#l";
    /// Ours: the name under which a standalone worker keeps its place.
    KF_NAME = "kfName", "#_n";

    // Slots.
    ARN = "arn", "#_r";
    IS_USED_BY = "isUsedBy", "#u";

    // Shards.
    PARENT = "parent", "#p";
    CHECKPOINT = "checkpoint", "#q";
    ARRIVAL = "approximateArrivalTimestamp", "#a";
    DEPLETED = "depleted", "#d";
    LEASE_OWNER = "leaseOwner", "#o";
    LEASE_EXPIRATION = "leaseExpiration", "#x";
    /// Ours: `{epoch}:{owner}` of the last tenure of one of ours.
    KF_LEASE = "kfLease", "#k";
    /// Ours: the second parent of a merge.
    KF_ADJ = "kfAdj", "#j";
    /// Ours: where to start while nothing is done, in milliseconds since 1970.
    KF_FROM = "kfFrom", "#m";
    /// Ours: `{sequence}:{sub}`, done inside the record after the checkpoint.
    KF_PART = "kfPart", "#i";
    /// Ours: the Node consumer that the shard was released for.
    KF_FOR = "kfFor", "#f";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn placeholders_are_short_and_distinct() {
        let shorts = ALL.iter().map(|attribute| attribute.short).chain([PLACE]);
        let shorts: HashSet<_> = shorts.collect();
        assert_eq!(shorts.len(), ALL.len() + 1);
        assert!(shorts.iter().all(|short| !short.contains(|c: char| c.is_ascii_uppercase())));
    }
}
