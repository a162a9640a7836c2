//! How many sessions an account has, over all protocols: one person's programs,
//! or whoever knows one password, must not take the places of everybody else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::AccountKey;
use event_listener::Event;

/// The sessions that are open, by account.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Mutex<HashMap<AccountKey, Row>>,
    most: usize,
}

/// The sessions of one account.
#[derive(Debug, Default)]
struct Row {
    count: usize,
    /// Of the sessions that come now; those of before an end have another.
    ending: Ending,
}

/// Says when a session has to end, since its account has a new password.
#[derive(Debug, Clone, Default)]
pub struct Ending(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    has_come: AtomicBool,
    event: Event,
}

impl Ending {
    /// Waits until the session has to end; mostly for ever.
    pub async fn wait(&self) {
        while !self.has_come() {
            // Listening first: what comes in between is not missed.
            let listener = self.0.event.listen();
            if !self.has_come() {
                listener.await;
            }
        }
    }

    pub(crate) fn has_come(&self) -> bool {
        self.0.has_come.load(Ordering::Acquire)
    }

    fn come(&self) {
        self.0.has_come.store(true, Ordering::Release);
        self.0.event.notify(usize::MAX);
    }
}

/// One session's place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    account: AccountKey,
    ending: Ending,
}

impl Seat {
    /// When the session has to end.
    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }
}

impl Seats {
    /// At most so many for each account.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), most })
    }

    /// Takes one; `None` where the account has as many as it may have.
    pub(crate) fn take(self: &Arc<Self>, account: AccountKey) -> Option<Seat> {
        let mut taken = self.taken();
        let count = taken.get(&account).map_or(0, |row| row.count);
        if count >= self.most {
            return None;
        }
        let row = taken.entry(account).or_default();
        row.count += 1;
        let ending = row.ending.clone();
        drop(taken);
        Some(Seat { seats: Arc::clone(self), account, ending })
    }

    /// Tells all sessions that the account has now to end; those that come later
    /// are not meant.
    pub(crate) fn end(&self, account: AccountKey) {
        let ending = self.taken().get_mut(&account).map(|row| std::mem::take(&mut row.ending));
        if let Some(ending) = ending {
            ending.come();
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<AccountKey, Row>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.account) {
            Some(row) if row.count > 1 => row.count -= 1,
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

    #[tokio::test]
    async fn who_is_there_is_told_to_end_and_nobody_else() {
        let seats = Seats::new(9);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let (first, other) = (seats.take(alice).unwrap(), seats.take(bob).unwrap());
        let waiting = first.ending().clone();
        let waiting = tokio::spawn(async move { waiting.wait().await });
        seats.end(alice);
        seats.end(AccountKey::new(3));
        waiting.await.unwrap();
        first.ending().wait().await;
        let later = seats.take(alice).unwrap();
        assert!(!later.ending().has_come() && !other.ending().has_come());
        seats.end(alice);
        assert!(later.ending().has_come());
    }
}
