//! What is remembered of messages by their SHA-256: for some time, and of so
//! many that a flood of different ones costs no more memory.

use std::collections::HashMap;
use std::time::Duration;

/// A bounded memory. Times are given from some fixed moment on.
#[derive(Debug, Clone)]
pub struct Ledger<V> {
    known: HashMap<[u8; 32], (V, Duration)>,
    keep: Duration,
    capacity: usize,
}

impl<V> Ledger<V> {
    /// Keeps what is put in for so long, and at most so many; beyond, the oldest
    /// makes room.
    #[must_use]
    pub fn new(keep: Duration, capacity: usize) -> Self {
        Self { known: HashMap::new(), keep, capacity }
    }

    /// What is remembered under this key.
    #[must_use]
    pub fn get(&self, key: &[u8; 32], now: Duration) -> Option<&V> {
        let (value, since) = self.known.get(key)?;
        (now.saturating_sub(*since) < self.keep).then_some(value)
    }

    /// Remembers this from now on, in place of what was there.
    pub fn put(&mut self, key: [u8; 32], value: V, now: Duration) {
        self.known.insert(key, (value, now));
        if self.known.len() > self.capacity {
            let oldest = self.known.iter().min_by_key(|(_, (_, since))| *since).map(|(key, _)| *key);
            oldest.and_then(|key| self.known.remove(&key));
        }
    }

    /// Forgets it.
    pub fn remove(&mut self, key: &[u8; 32]) {
        self.known.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn what_is_put_in_is_there_for_a_time() {
        let mut ledger = Ledger::new(DAY, 10);
        ledger.put([1; 32], "a", Duration::from_secs(5));
        assert_eq!(ledger.get(&[1; 32], Duration::from_secs(5)), Some(&"a"));
        assert_eq!(ledger.get(&[2; 32], Duration::from_secs(5)), None);
        assert_eq!(ledger.get(&[1; 32], DAY), Some(&"a"));
        assert_eq!(ledger.get(&[1; 32], DAY + Duration::from_secs(5)), None);
        ledger.put([1; 32], "b", DAY);
        assert_eq!(ledger.get(&[1; 32], DAY + Duration::from_secs(5)), Some(&"b"));
        ledger.remove(&[1; 32]);
        assert_eq!(ledger.get(&[1; 32], DAY), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut ledger = Ledger::new(DAY, 100);
        for n in 0..=100_u8 {
            ledger.put([n; 32], n, Duration::from_secs(n.into()));
        }
        assert_eq!(ledger.known.len(), 100);
        let now = Duration::from_secs(200);
        assert_eq!((ledger.get(&[0; 32], now), ledger.get(&[1; 32], now)), (None, Some(&1)), "the oldest made room");
    }
}
