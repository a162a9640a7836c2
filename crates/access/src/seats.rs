//! How many sessions an account has, over all protocols: one person's programs,
//! or whoever knows one password, must not take the places of everybody else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::AccountKey;
use event_listener::Event;
use login::{Opener, Service};
use mail::Address;

use crate::sessions::{Entry, Session};

/// The sessions that are open, by account.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Mutex<HashMap<AccountKey, Row>>,
    most: usize,
}

/// The sessions of one account.
#[derive(Debug, Default)]
struct Row {
    sessions: Vec<Arc<Entry>>,
    /// By what was shown to get in, of the sessions that come now; those of
    /// before an end have another.
    endings: HashMap<Opener, Ending>,
}

/// Says when a session has to end, since its account has a new password, or its
/// app password was revoked.
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
    entry: Arc<Entry>,
    ending: Ending,
}

impl Seat {
    /// When the session has to end.
    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Where the session says what it does.
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Seats {
    /// At most so many for each account.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), most })
    }

    /// Takes one; `None` where the account has as many as it may have.
    pub(crate) fn take(self: &Arc<Self>, account: AccountKey, entry: Arc<Entry>) -> Option<Seat> {
        let mut taken = self.taken();
        let count = taken.get(&account).map_or(0, |row| row.sessions.len());
        if count >= self.most {
            return None;
        }
        let row = taken.entry(account).or_default();
        row.sessions.push(Arc::clone(&entry));
        let ending = row.endings.entry(entry.opener()).or_default().clone();
        drop(taken);
        Some(Seat { seats: Arc::clone(self), account, entry, ending })
    }

    /// Tells all sessions that the account has now by this opener to end; those
    /// that come later are not meant.
    pub(crate) fn end(&self, account: AccountKey, opener: Opener) {
        let ending = self.taken().get_mut(&account).and_then(|row| row.endings.remove(&opener));
        if let Some(ending) = ending {
            ending.come();
        }
    }

    /// The same for whoever has this address; how many sessions were told.
    pub(crate) fn end_of(&self, address: &Address) -> usize {
        let mut taken = self.taken();
        let rows = taken.values_mut().filter(|row| row.sessions.iter().any(|session| session.address() == address));
        let told: Vec<(usize, HashMap<Opener, Ending>)> =
            rows.map(|row| (row.sessions.len(), std::mem::take(&mut row.endings))).collect();
        drop(taken);
        told.iter().flat_map(|(_, endings)| endings.values()).for_each(Ending::come);
        told.iter().map(|(count, _)| count).sum()
    }

    /// All sessions, or those of one address.
    pub(crate) fn list(&self, of: Option<&Address>) -> Vec<Session> {
        let taken = self.taken();
        let all = taken.values().flat_map(|row| &row.sessions);
        let wanted: Vec<_> = all.filter(|entry| of.is_none_or(|of| entry.address() == of)).map(Arc::clone).collect();
        // What they do is copied when nobody waits for a seat any more.
        drop(taken);
        wanted.iter().map(|entry| entry.snapshot()).collect()
    }

    /// How many there are through this door.
    pub(crate) fn count(&self, service: Service) -> usize {
        let taken = self.taken();
        taken.values().flat_map(|row| &row.sessions).filter(|session| session.service() == service).count()
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<AccountKey, Row>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get_mut(&self.account) {
            Some(row) if row.sessions.len() > 1 => row.sessions.retain(|session| !Arc::ptr_eq(session, &self.entry)),
            _ => {
                taken.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::SystemTime;

    use super::*;
    use crate::sessions::State;

    fn entry(who: &str, service: Service) -> Arc<Entry> {
        entry_by(who, service, Opener::Password)
    }

    fn entry_by(who: &str, service: Service, opener: Opener) -> Arc<Entry> {
        let address = Address::parse(&format!("{who}@example.org")).unwrap();
        Entry::of(address, (service, opener), IpAddr::V4(Ipv4Addr::LOCALHOST), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn each_account_has_its_own() {
        let seats = Seats::new(2);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let first = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        let second = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        assert!(seats.take(alice, entry("alice", Service::Imap)).is_none());
        let other = seats.take(bob, entry("bob", Service::Imap)).unwrap();
        drop(first);
        let third = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        assert!(seats.take(alice, entry("alice", Service::Imap)).is_none());
        drop((second, third, other));
        assert!(seats.taken().is_empty(), "nothing is kept of who is gone");
    }

    #[tokio::test]
    async fn who_is_there_is_told_to_end_and_nobody_else() {
        let seats = Seats::new(9);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let (first, other) = (
            seats.take(alice, entry("alice", Service::Imap)).unwrap(),
            seats.take(bob, entry("bob", Service::Imap)).unwrap(),
        );
        let waiting = first.ending().clone();
        let waiting = tokio::spawn(async move { waiting.wait().await });
        let app = Opener::App(directory::AppPasswordKey::new(7));
        let by_app = seats.take(alice, entry_by("alice", Service::Imap, app)).unwrap();
        seats.end(alice, Opener::Password);
        seats.end(AccountKey::new(3), Opener::Password);
        waiting.await.unwrap();
        first.ending().wait().await;
        let later = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        assert!(!later.ending().has_come() && !other.ending().has_come());
        seats.end(alice, Opener::Password);
        assert!(later.ending().has_come() && !by_app.ending().has_come());
        seats.end(alice, app);
        assert!(by_app.ending().has_come());
    }

    #[test]
    fn what_they_do_is_listed() {
        let seats = Seats::new(9);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let first = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        let second = seats.take(alice, entry("alice", Service::Pop3)).unwrap();
        let _other = seats.take(bob, entry("bob", Service::Imap)).unwrap();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9);
        first.entry().begins("FETCH", later);
        first.entry().folder(Some(&"é".repeat(500)));
        let of_alice = Address::parse("ALICE@example.org").unwrap();
        let seen = |service| {
            let listed = seats.list(Some(&of_alice));
            listed.into_iter().find(|session| session.service == service)
        };
        let session = seen(Service::Imap).unwrap();
        assert_eq!((session.command, session.state, session.heard), ("FETCH", State::Busy, later));
        assert_eq!(session.folder.unwrap().chars().count(), 100);
        first.entry().waits(70);
        first.entry().waits(7);
        let session = seen(Service::Imap).unwrap();
        assert_eq!((session.command, session.state, session.sent), ("FETCH", State::Waiting, 77));
        assert_eq!((seats.list(None).len(), seats.count(Service::Imap), seats.count(Service::Pop3)), (3, 2, 1));
        drop(first);
        assert_eq!((seen(Service::Imap), seats.list(Some(&of_alice)).len()), (None, 1));
        drop(second);
        assert_eq!((seats.end_of(&of_alice), seats.list(None).len()), (0, 1));
    }

    #[tokio::test]
    async fn the_administrator_ends_those_of_one_address() {
        let seats = Seats::new(9);
        let (alice, bob) = (AccountKey::new(1), AccountKey::new(2));
        let first = seats.take(alice, entry("alice", Service::Imap)).unwrap();
        let other = seats.take(bob, entry("bob", Service::Imap)).unwrap();
        assert_eq!(seats.end_of(&Address::parse("alice@example.org").unwrap()), 1);
        first.ending().wait().await;
        assert!(!other.ending().has_come());
    }
}
