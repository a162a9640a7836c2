//! Which messages have crashed or hung the scanner alone, by their SHA-256.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How often a message may do so before it is poison.
pub(crate) const POISON: u32 = 3;

/// How long it is held against it. A sender that tries again does so within
/// this time; a new version of libclamav may know better later.
const MEMORY: Duration = Duration::from_hours(24);

/// How many messages are remembered; a flood of different ones pushes out the
/// oldest.
const CAPACITY: usize = 4096;

/// The record of guilty messages.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    known: HashMap<[u8; 32], (u32, Instant)>,
}

impl Failures {
    /// How often this message has failed within memory.
    pub(crate) fn count(&self, sha256: &[u8; 32], now: Instant) -> u32 {
        match self.known.get(sha256) {
            Some((count, last)) if now.saturating_duration_since(*last) < MEMORY => *count,
            _ => 0,
        }
    }

    /// One more failure; returns how many there are now.
    pub(crate) fn add(&mut self, sha256: [u8; 32], now: Instant) -> u32 {
        let count = self.count(&sha256, now) + 1;
        self.known.insert(sha256, (count, now));
        if self.known.len() > CAPACITY {
            let oldest = self.known.iter().min_by_key(|(_, (_, last))| *last).map(|(sha256, _)| *sha256);
            oldest.and_then(|sha256| self.known.remove(&sha256));
        }
        count
    }

    /// The message was scanned after all.
    pub(crate) fn forgive(&mut self, sha256: &[u8; 32]) {
        self.known.remove(sha256);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_forgiven_and_forgotten() {
        let now = Instant::now();
        let mut failures = Failures::default();
        assert_eq!((failures.add([1; 32], now), failures.add([1; 32], now)), (1, 2));
        assert_eq!((failures.count(&[1; 32], now), failures.count(&[2; 32], now)), (2, 0));
        assert_eq!(failures.count(&[1; 32], now + MEMORY), 0);
        failures.forgive(&[1; 32]);
        assert_eq!(failures.count(&[1; 32], now), 0);
    }

    #[test]
    fn memory_is_bounded() {
        let start = Instant::now();
        let mut failures = Failures::default();
        for n in 0..=CAPACITY as u64 {
            let mut sha256 = [0; 32];
            sha256[..8].copy_from_slice(&n.to_le_bytes());
            failures.add(sha256, start + Duration::from_millis(n));
        }
        assert_eq!(failures.known.len(), CAPACITY);
        assert_eq!(failures.count(&[0; 32], start + MEMORY / 2), 0, "the oldest one made room");
    }
}
