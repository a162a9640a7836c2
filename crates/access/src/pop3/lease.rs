//! Who has a maildrop: one POP3 session at a time (RFC 1939 §4), but a
//! session that went silent does not keep the next one out for long.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A client that lost its connection comes back after this without help.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// The maildrops that are open in this process, by a key for each.
#[derive(Debug)]
pub(crate) struct Leases<K>(Mutex<Held<K>>);

#[derive(Debug)]
struct Held<K> {
    holders: HashMap<K, Holder>,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    ticket: u64,
    heard: SystemTime,
}

/// One session's hold on a maildrop; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease<K: Hash + Eq + Clone> {
    leases: Arc<Leases<K>>,
    key: K,
    ticket: u64,
}

impl<K: Hash + Eq + Clone> Leases<K> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Held { holders: HashMap::new(), next: 0 })))
    }

    /// Takes the maildrop, if nobody has it or who has it was silent for a
    /// minute. `None` where it is in use.
    pub(crate) fn take(self: &Arc<Self>, key: K, now: SystemTime) -> Option<Lease<K>> {
        let mut held = self.held();
        if held.holders.get(&key).is_some_and(|holder| !holder.silent(now)) {
            return None;
        }
        let ticket = held.next;
        held.next += 1;
        held.holders.insert(key.clone(), Holder { ticket, heard: now });
        drop(held);
        Some(Lease { leases: Arc::clone(self), key, ticket })
    }

    fn held(&self) -> MutexGuard<'_, Held<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// A clock that was set back counts as no silence, and does so for no
    /// longer than until the holder is heard again.
    fn silent(&self, now: SystemTime) -> bool {
        now.duration_since(self.heard).is_ok_and(|silence| silence >= SILENCE)
    }
}

impl<K: Hash + Eq + Clone> Lease<K> {
    /// The client was heard, or took what we sent. `false` where another
    /// session has the maildrop by now: this one must touch nothing more.
    #[must_use]
    pub(crate) fn renew(&self, now: SystemTime) -> bool {
        let mut held = self.leases.held();
        match held.holders.get_mut(&self.key) {
            Some(holder) if holder.ticket == self.ticket => {
                holder.heard = now;
                true
            }
            _ => false,
        }
    }
}

impl<K: Hash + Eq + Clone> Drop for Lease<K> {
    fn drop(&mut self) {
        let mut held = self.leases.held();
        if held.holders.get(&self.key).is_some_and(|holder| holder.ticket == self.ticket) {
            held.holders.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + seconds)
    }

    #[test]
    fn one_at_a_time() {
        let leases = Leases::new();
        let first = leases.take("inbox", at(0)).unwrap();
        assert!(leases.take("inbox", at(1)).is_none());
        assert!(leases.take("other", at(1)).is_some());
        drop(first);
        assert!(leases.take("inbox", at(2)).is_some());
        assert_eq!(leases.held().holders.len(), 0);
    }

    #[test]
    fn silence_gives_it_away() {
        let leases = Leases::new();
        let first = leases.take("inbox", at(0)).unwrap();
        assert!(first.renew(at(50)));
        assert!(leases.take("inbox", at(109)).is_none());
        let second = leases.take("inbox", at(110)).unwrap();
        assert!(!first.renew(at(111)), "the first has lost it");
        drop(first);
        assert!(leases.take("inbox", at(112)).is_none(), "and gives back nothing");
        assert!(second.renew(at(113)));
    }

    #[test]
    fn a_clock_set_back_takes_nothing_away() {
        let leases = Leases::new();
        let first = leases.take("inbox", at(500)).unwrap();
        assert!(leases.take("inbox", at(0)).is_none());
        assert!(first.renew(at(0)));
        assert!(leases.take("inbox", at(60)).is_some());
    }
}
