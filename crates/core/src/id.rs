//! Names: groups, streams, shards, workers, fan-out slots, and the versions that conditional
//! writes compare.
//!
//! All are cheap to clone, ordered by their text, and opaque: nothing in Kinfolk reads meaning
//! out of an id.

mod stream;

use std::fmt;
use std::sync::Arc;

pub use stream::StreamRef;

use crate::backoff::mix;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name as it is.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id! {
    /// A consumer group: the workers that share one stream's shards.
    GroupName
}
id! {
    /// A stream, by name (never its ARN: the state table is keyed by the name). [`StreamRef`] is
    /// for those who may be given either.
    StreamName
}
id! {
    /// A shard of a stream, as Kinesis names it.
    ShardId
}
id! {
    /// A running consumer of a group. An id lives once (protocol rule P9): a worker that was
    /// evicted joins again under another.
    WorkerId
}
id! {
    /// A registered fan-out consumer that one worker can hold at a time.
    SlotName
}
id! {
    /// The name under which standalone workers keep their place. A label (protocol rule P9): no
    /// lease compares it.
    PlaceName
}
id! {
    /// What a conditional write compares. Every change of an entry gives it another one.
    Version
}

/// Makes ids and versions that no other process makes: 128 bits as 22 characters of flickr's
/// base 58, the form of the Node library's.
///
/// It is a counter hashed with a seed, so that the core needs no randomness of its own: two
/// sources differ when their seeds do. Seed it with 128 random bits in production.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdSource {
    seed: u128,
    drawn: u64,
}

impl IdSource {
    /// A source that draws the same ids for the same seed.
    pub fn new(seed: u128) -> Self {
        Self { seed, drawn: 0 }
    }

    /// An id for a worker's life.
    pub fn worker(&mut self) -> WorkerId {
        WorkerId::from(self.draw())
    }

    /// A version for the entries that one write touches.
    pub fn version(&mut self) -> Version {
        Version::from(self.draw())
    }

    fn draw(&mut self) -> String {
        self.drawn += 1;
        let high = mix((self.seed >> 64) as u64 ^ mix(self.drawn));
        let low = mix(self.seed as u64 ^ mix(high ^ self.drawn.rotate_left(32)));
        base58((u128::from(high) << 64) | u128::from(low))
    }
}

/// 22 characters hold any 128-bit number: 58²² > 2¹²⁸.
fn base58(mut number: u128) -> String {
    const ALPHABET: &[u8; 58] = b"123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";
    let mut digits = ['1'; 22];
    for digit in digits.iter_mut().rev() {
        let value = (number % 58) as usize;
        *digit = ALPHABET.get(value).map_or('1', |&byte| char::from(byte));
        number /= 58;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_have_the_node_librarys_form_and_do_not_repeat() {
        let mut seen = HashSet::new();
        for seed in 0..50u128 {
            let mut source = IdSource::new(seed << 64 | seed);
            for _ in 0..50 {
                let id = source.worker();
                assert_eq!(id.as_str().len(), 22);
                assert!(!id.as_str().contains(['0', 'O', 'I', 'l']));
                assert!(seen.insert(id));
            }
        }
    }

    #[test]
    fn base58_writes_the_largest_number_in_22_characters() {
        assert_eq!(base58(0), "1".repeat(22));
        assert_eq!(base58(57), format!("{}Z", "1".repeat(21)));
        assert_eq!(base58(u128::MAX).len(), 22);
        assert_ne!(base58(u128::MAX), base58(u128::MAX - 1));
    }
}
