//! Base names that no other message has.

use std::sync::atomic::{AtomicU64, Ordering};

use uidlist::{BaseName, NewName, NodeName, Sizes};

/// Makes base names for one process on one machine. Two names differ in time,
/// machine or process, and within a process always in the number.
#[derive(Debug)]
pub struct NameSource {
    node: NodeName,
    pid: u32,
    seq: AtomicU64,
}

impl NameSource {
    /// A source for this machine and process.
    #[must_use]
    pub fn new(node: NodeName, pid: u32) -> Self {
        Self { node, pid, seq: AtomicU64::new(1) }
    }

    /// The next name, given the time in microseconds since 1970 and the sizes of
    /// the finished file.
    pub fn next(&self, now_usecs: u64, sizes: Sizes) -> BaseName {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let usec = u32::try_from(now_usecs % 1_000_000).unwrap_or(0);
        NewName { secs: now_usecs / 1_000_000, usec, pid: self.pid, seq, node: &self.node, sizes }.render()
    }

    /// The machine, to tell our own names from others.
    #[must_use]
    pub fn node(&self) -> &NodeName {
        &self.node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_equal_at_the_same_time() {
        let source = NameSource::new(NodeName::new("mx1").unwrap(), 9);
        let sizes = Sizes { disk: 1, wire: 2 };
        let names: std::collections::BTreeSet<_> = (0..100).map(|_| source.next(1_000_042, sizes)).collect();
        assert_eq!(names.len(), 100);
        assert!(names.iter().all(|name| name.is_of(source.node())));
        assert_eq!(source.next(1_000_042, sizes).to_string(), "1.M42P9Q101.mx1,S=1,W=2");
    }
}
