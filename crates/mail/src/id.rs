//! Ids that we make ourselves: 63 bits of time, node and sequence.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::{BASE32_NOPAD, Specification};
use thiserror::Error;

/// Milliseconds from 1970 to 2026-01-01, where our ids begin.
const EPOCH_MS: u64 = 1_767_225_600_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;

/// Makes the ids of one node: 41 bits of milliseconds, 10 of node, 12 of
/// sequence. Ids of one source only grow, also when the clock goes back.
#[derive(Debug)]
pub struct IdSource {
    node: u16,
    /// What the sequence of a millisecond begins with.
    start: u64,
    last: AtomicU64,
}

impl IdSource {
    /// A source for a node numbered 0 to 1023.
    #[must_use]
    pub fn new(node: u16) -> Self {
        Self::starting(node, 0)
    }

    /// A source beside others on the same node, in other processes: a server
    /// and the commands that work on the same data. Each has a start of its own
    /// (of which the low 12 bits count), such as a random number, so that two
    /// of them make different ids in the same millisecond.
    #[must_use]
    pub fn starting(node: u16, start: u32) -> Self {
        let start = u64::from(start) & ((1 << SEQUENCE_BITS) - 1);
        Self { node: node & 0x3FF, start, last: AtomicU64::new(0) }
    }

    /// The next id, given the time in milliseconds since 1970. Always positive
    /// as an `i64`, as SQL wants it.
    pub fn next(&self, now_ms: u64) -> i64 {
        let wanted = (now_ms.saturating_sub(EPOCH_MS) << SEQUENCE_BITS) | self.start;
        let previous = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(wanted.max(last + 1)));
        let ticks = wanted.max(previous.unwrap_or_default() + 1);
        let (ms, sequence) = (ticks >> SEQUENCE_BITS, ticks & ((1 << SEQUENCE_BITS) - 1));
        let id = (ms << (NODE_BITS + SEQUENCE_BITS)) | (u64::from(self.node) << SEQUENCE_BITS) | sequence;
        i64::try_from(id & (u64::MAX >> 1)).unwrap_or(i64::MAX)
    }
}

/// Some text is no id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an id: 13 characters of a-z and 2-7 are expected")]
pub struct IdError;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i64);

        impl $name {
            /// From a number of an [`IdSource`].
            #[must_use]
            pub fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number, as SQL keeps it.
            #[must_use]
            pub fn number(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&BASE32_NOPAD.encode(&self.0.to_be_bytes()).to_ascii_lowercase())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                decode(text).map(Self)
            }
        }
    };
}

text_id!(
    /// One connection: stands in every log line of it. Shown as 13 characters
    /// of base32.
    SessionId
);
text_id!(
    /// One message on its way through the spool: stands in its `Received` and
    /// `X-Gatepost-Verdict` headers, its spool files and its log lines.
    SpoolId
);

fn decode(text: &str) -> Result<i64, IdError> {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    let bytes = spec.encoding().map_err(|_| IdError)?.decode(text.as_bytes()).map_err(|_| IdError)?;
    Ok(i64::from_be_bytes(bytes.try_into().map_err(|_| IdError)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_node_differ_by_their_start() {
        let ids = |start| {
            let source = IdSource::starting(7, start);
            [EPOCH_MS + 5, EPOCH_MS + 5, EPOCH_MS + 6].map(|now| source.next(now))
        };
        let (one, other) = (ids(0), ids(0xFFFF_F123));
        assert!(one.iter().all(|id| !other.contains(id)), "{one:?} {other:?}");
        assert!(other.is_sorted() && (IdSource::starting(7, 0xFFF).next(EPOCH_MS + 5) >> SEQUENCE_BITS) & 0x3FF == 7);
        assert_eq!(ids(0xFFFF_F000), one, "the low bits alone count");
    }

    #[test]
    fn ids_grow_even_when_the_clock_does_not() {
        let source = IdSource::new(7);
        let mut last = 0;
        for now in [EPOCH_MS + 5, EPOCH_MS + 5, EPOCH_MS, EPOCH_MS + 9] {
            for _ in 0..5000 {
                let id = source.next(now);
                assert!(id > last);
                last = id;
            }
        }
    }

    #[test]
    fn text_reads_back() {
        let id = SpoolId::new(IdSource::new(1).next(EPOCH_MS + 123_456));
        assert_eq!(id.to_string().len(), 13);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "AAAA", "../../../etcc", "aaaaaaaaaaaaaaaa"] {
            assert_eq!(bad.parse::<SpoolId>(), Err(IdError));
        }
    }
}
