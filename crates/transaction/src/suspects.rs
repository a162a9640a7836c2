//! Messages that made us panic. A panic ends one connection, and its sender
//! comes again with the same message; the third time is the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mail::Ledger;

/// So often a message may do so before it is refused.
const POISON: u32 = 3;
/// How long it is held against it. A sender that tries again does so within
/// this time; a later version of ours may know better.
const MEMORY: Duration = Duration::from_hours(24);
/// How many messages are remembered.
const CAPACITY: usize = 4096;

/// The record of such messages, by their SHA-256. Cheap to clone; clones share
/// it.
#[derive(Debug, Clone)]
pub struct Suspects {
    known: Arc<Mutex<Ledger<u32>>>,
    begin: Instant,
}

/// Whoever handles a message holds one of these.
#[derive(Debug)]
pub(crate) struct Watch {
    suspects: Suspects,
    sha256: [u8; 32],
}

/// What is known of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repute {
    /// It may be looked at.
    Fair,
    /// It is to be refused, and a copy to be kept.
    Poison,
    /// Keeping the copy made us panic too.
    Hopeless,
}

impl Default for Suspects {
    fn default() -> Self {
        Self { known: Arc::new(Mutex::new(Ledger::new(MEMORY, CAPACITY))), begin: Instant::now() }
    }
}

impl Suspects {
    /// A panic while this is held counts against the message.
    pub(crate) fn watch(&self, sha256: [u8; 32]) -> Watch {
        Watch { suspects: self.clone(), sha256 }
    }

    pub(crate) fn repute(&self, sha256: &[u8; 32]) -> Repute {
        match self.known().get(sha256, self.begin.elapsed()).copied().unwrap_or_default() {
            0..POISON => Repute::Fair,
            POISON => Repute::Poison,
            _ => Repute::Hopeless,
        }
    }

    fn known(&self) -> MutexGuard<'_, Ledger<u32>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let now = self.suspects.begin.elapsed();
        let mut known = self.suspects.known();
        let count = known.get(&self.sha256, now).copied().unwrap_or_default() + 1;
        known.put(self.sha256, count, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_panics_count() {
        let suspects = Suspects::default();
        let mut found = Vec::new();
        for _ in 0..5 {
            drop(suspects.watch([1; 32]));
            let watched = suspects.clone();
            let panicked = std::thread::spawn(move || {
                let _watch = watched.watch([1; 32]);
                panic!("of this test");
            });
            assert!(panicked.join().is_err());
            found.push(suspects.repute(&[1; 32]));
        }
        assert_eq!(found, [Repute::Fair, Repute::Fair, Repute::Poison, Repute::Hopeless, Repute::Hopeless]);
        assert_eq!(suspects.repute(&[2; 32]), Repute::Fair);
    }
}
