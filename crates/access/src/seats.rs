//! How many sessions an account has, over all protocols: one person's programs,
//! or whoever knows one password, must not take the places of everybody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::AccountKey;

/// The sessions that are open, by account.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Mutex<HashMap<AccountKey, usize>>,
    most: usize,
}

/// One session's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    account: AccountKey,
}

impl Seats {
    /// At most so many for each account.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), most })
    }

    /// Takes one; `None` where the account has as many as it may have.
    pub(crate) fn take(self: &Arc<Self>, account: AccountKey) -> Option<Seat> {
        let mut taken = self.taken();
        let count = taken.get(&account).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        taken.insert(account, count + 1);
        drop(taken);
        Some(Seat { seats: Arc::clone(self), account })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<AccountKey, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.account) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_own() {
        let seats = Seats::new(2);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let first = seats.take(alice).unwrap();
        let second = seats.take(alice).unwrap();
        assert!(seats.take(alice).is_none());
        let other = seats.take(bob).unwrap();
        drop(first);
        let third = seats.take(alice).unwrap();
        assert!(seats.take(alice).is_none());
        drop((second, third, other));
        assert!(seats.taken().is_empty(), "nothing is kept of who is gone");
    }
}
