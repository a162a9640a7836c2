//! Logins that the directory has verified, remembered for the time when it
//! cannot be asked: known users go on reading.
//!
//! Nothing here can be used where the directory is there: each of its answers
//! that says something else about an account removes what is remembered of it.
//! A password is kept as argon2id with a key of this process, at the cost of any
//! other hash, so that neither a dump of the memory without the key nor guessing
//! while the directory is away is cheaper than with the directory's own hashes;
//! the stored hash is kept as a seal alone, by which it is known again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::password_hash::try_generate_salt;
use argon2::{Algorithm, Argon2, Version};
use directory::{AccountKey, Credentials, DirectoryError, StoredHash};
use hmac::{Hmac, Mac};
use ldap::LdapError;
use mail::{Address, Secret};
use sha2::Sha256;
use tracing::{debug, info};

use crate::app::{Letters, door};
use crate::blocks;
use crate::factor::{Factors, Given};
use crate::hash::{Cost, HashError, usable};
use crate::pool::{Busy, Lane};
use crate::verify::{Outcome, Proof, Proven};
use crate::{Login, LoginError, Logins, Opener, Service};

/// How long after the directory verified it a login is remembered.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// The most passwords of one account: its own, and app passwords.
const MOST_OF_ONE: usize = 4;
/// How long what is known of an account's row is good.
const ROW: Duration = Duration::from_secs(60 * 60);

/// What tells a stored hash from another, and nothing else of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal([u8; 32]);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// The keys of this process; never written anywhere.
pub(crate) struct Keys {
    key: Secret,
    cost: Cost,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

type Salt = [u8; 16];
type Verifier = [u8; 32];

impl Keys {
    fn new(cost: Cost) -> Result<Self, HashError> {
        let random = || try_generate_salt().map_err(|_| HashError::Failed);
        Ok(Self { key: Secret::new([random()?, random()?].concat()), cost })
    }

    pub(crate) fn seal(&self, stored: &StoredHash) -> Option<Seal> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).ok()?;
        mac.update(stored.expose().as_bytes());
        Some(Seal(mac.finalize().into_bytes().into()))
    }

    /// Blocks for as long as any other hash.
    fn verifier(&self, password: &Secret, salt: &Salt) -> Result<Verifier, HashError> {
        let bytes = usable(password)?;
        let params = self.cost.params()?;
        let argon2 = Argon2::new_with_secret(self.key.expose(), Algorithm::Argon2id, Version::V0x13, params)
            .map_err(|_| HashError::Failed)?;
        let mut made = [0; 32];
        blocks::fill(&argon2, bytes, salt, &mut made).map_err(|_| HashError::Failed)?;
        Ok(made)
    }
}

/// Says what is the same in the same time as what is not.
fn are_equal(one: &Verifier, other: &Verifier) -> bool {
    one.iter().zip(other).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// What is known of an account whose row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// [`directory::Account::identity`]
    pub identity: String,
    /// The most bytes of mail; `None`: no limit.
    pub quota: Option<u64>,
}

/// What a login from memory rests on.
#[derive(Debug, Clone)]
pub(crate) struct Recalled {
    pub(crate) opener: Opener,
    seal: Seal,
    keys: Arc<Keys>,
    /// The hash of the app password that was typed.
    pub(crate) app: Option<StoredHash>,
    pub(crate) known: Known,
}

impl PartialEq for Recalled {
    fn eq(&self, other: &Self) -> bool {
        (self.opener, self.seal) == (other.opener, other.seal)
    }
}

impl Eq for Recalled {}

impl Recalled {
    /// Whether this is the hash that the password was verified against.
    pub(crate) fn rests_on(&self, stored: &StoredHash) -> bool {
        self.keys.seal(stored) == Some(self.seal)
    }
}

/// One password of one account.
#[derive(Debug, Clone)]
struct Entry {
    account: AccountKey,
    opener: Opener,
    /// What it was verified for, one bit each.
    services: u8,
    seal: Seal,
    salt: Salt,
    verifier: Verifier,
    /// When the directory verified it last.
    proven: Duration,
    known: Known,
    /// When the row was read.
    row: Duration,
    /// The turn of the login that it was made by.
    turn: u64,
}

/// Everything that is remembered.
#[derive(Debug)]
pub(crate) struct Memory {
    keys: Arc<Keys>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Address, Vec<Entry>>,
    count: usize,
    /// Logins that have begun, and what was forgotten: each has a number.
    turns: u64,
    /// What a login has learned that began before this turn is not remembered
    /// any more: something was changed meanwhile.
    forgotten: u64,
}

impl State {
    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }
}

impl Memory {
    /// For so many passwords; nothing is remembered with none.
    pub(crate) fn new(most: usize, cost: Cost) -> Result<Self, HashError> {
        Ok(Self { keys: Arc::new(Keys::new(cost)?), most, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic leaves behind is as good as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A login begins to ask the directory: its turn, by which is known later
    /// whose answer is the newer one.
    pub(crate) fn begin(&self) -> u64 {
        self.state().next_turn()
    }

    /// The directory answered: what differs from that is forgotten. A wrong
    /// password says nothing about the right one, or strangers could make it
    /// forget everybody.
    pub(crate) fn told(&self, whose: &Address, found: Option<&Credentials>, turn: u64) {
        let found = found.filter(|found| found.active);
        let stored = found.and_then(|found| Some((found.key, self.keys.seal(found.hash.as_ref()?)?)));
        self.state().correct(whose, turn, |entry| match (stored, entry.opener) {
            (Some((key, seal)), Opener::Password) => key == entry.account && seal == entry.seal,
            (Some((key, _)), Opener::App(_)) => key == entry.account,
            (None, _) => false,
        });
    }

    /// It answered about the other factors too.
    pub(crate) fn told_factors(&self, whose: &Address, factors: &Factors, typed: &Secret, turn: u64) {
        let app = Letters::read_app_password(typed.expose()).and_then(|letters| self.keys.seal(&letters.hash()));
        self.state().correct(whose, turn, |entry| match entry.opener {
            Opener::Password => factors.two_step.is_none(),
            Opener::App(opener) => {
                let there = factors.app.as_ref().filter(|(app, _)| app.key == opener && app.active);
                if let Some((app, _)) = there {
                    let opens = |service: &Service| door(*service).is_some_and(|door| app.scope.opens(door));
                    entry.services &= ALL.iter().filter(|service| opens(service)).fold(0, |all, s| all | bit(*s));
                }
                // This one was asked about, and is not there.
                let is_gone = app == Some(entry.seal) && there.is_none();
                !is_gone && entry.services != 0
            }
        });
    }

    /// Something that opens it was changed: all of this account goes, whatever
    /// its address was, and what is under way is not remembered either.
    pub(crate) fn forget(&self, account: AccountKey) {
        let mut state = self.state();
        state.forgotten = state.next_turn();
        let of_it = |known: &[Entry]| known.iter().any(|entry| entry.account == account);
        let addresses: Vec<Address> =
            state.entries.iter().filter(|(_, known)| of_it(known)).map(|(whose, _)| whose.clone()).collect();
        for whose in addresses {
            state.retain(&whose, |entry| entry.account != account);
        }
    }

    fn put(&self, whose: &Address, entry: Entry) {
        let mut state = self.state();
        let is_it = |known: &Entry| (known.opener, known.account) == (entry.opener, entry.account);
        let has_newer = |known: &Vec<Entry>| known.iter().any(|known| is_it(known) && known.turn > entry.turn);
        if entry.turn < state.forgotten || state.entries.get(whose).is_some_and(has_newer) {
            return;
        }
        state.retain(whose, |known| (known.opener, known.account) != (entry.opener, entry.account));
        let of_one = state.entries.get(whose).map_or(0, Vec::len);
        if of_one >= MOST_OF_ONE {
            let oldest = state.entries.get(whose).and_then(|known| known.iter().map(|known| known.proven).min());
            state.retain(whose, |known| Some(known.proven) != oldest);
        }
        while state.count >= self.most && state.drop_oldest() {}
        if state.count < self.most {
            state.entries.entry(whose.clone()).or_default().push(entry);
            state.count += 1;
        }
    }

    /// What is remembered of this account for this service at this time.
    fn of(&self, whose: &Address, service: Service, now: Duration) -> Vec<Entry> {
        let mut state = self.state();
        state.retain(whose, |entry| now.saturating_sub(entry.proven) < KEEP);
        let known = state.entries.get(whose).into_iter().flatten();
        known.filter(|entry| entry.services & bit(service) != 0).cloned().collect()
    }
}

impl State {
    /// What an answer says that was asked for in this turn; what was learned
    /// after it knows better.
    fn correct(&mut self, whose: &Address, turn: u64, mut holds: impl FnMut(&mut Entry) -> bool) {
        let before = self.count;
        self.retain(whose, |entry| entry.turn > turn || holds(entry));
        if self.count != before {
            self.forgotten = self.forgotten.max(turn);
        }
    }

    fn retain(&mut self, whose: &Address, keep: impl FnMut(&mut Entry) -> bool) {
        let Some(known) = self.entries.get_mut(whose) else { return };
        let before = known.len();
        known.retain_mut(keep);
        self.count -= before - known.len();
        if known.is_empty() {
            self.entries.remove(whose);
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let newest = |known: &Vec<Entry>| known.iter().map(|entry| entry.proven).max();
        let oldest = self.entries.iter().min_by_key(|(_, known)| newest(known)).map(|(whose, _)| whose.clone());
        oldest.is_some_and(|whose| {
            self.retain(&whose, |_| false);
            true
        })
    }
}

/// The services that are remembered: the page needs the directory anyway.
const ALL: [Service; 3] = [Service::Imap, Service::Pop3, Service::Submission];

fn bit(service: Service) -> u8 {
    match service {
        Service::Imap => 1,
        Service::Pop3 => 2,
        Service::Submission => 4,
        Service::Web => 0,
    }
}

impl Logins {
    /// Whether a login of this account is remembered, whatever it was for.
    #[must_use]
    pub fn remembers(&self, who: &str) -> bool {
        Address::parse(who).is_ok_and(|address| self.memory().state().entries.contains_key(&address))
    }

    /// The directory's answer, or what is remembered where it did not answer this
    /// very question: that it was away for somebody else a moment ago opens
    /// nothing.
    pub(crate) async fn answer(
        &self,
        address: Option<&Address>,
        given: Given<'_>,
        service: Service,
    ) -> Result<Outcome, LoginError> {
        // In a box: what a directory does is deep, and each login would carry it.
        match Box::pin(self.outcome(address, given, service)).await {
            Err(LoginError::Away(error)) if is_away(&error) => {
                let recalled = self.recall(address, given, service).await?;
                Ok(recalled.map_or(Outcome::Unasked(error), |proven| Outcome::Good(Box::new(proven))))
            }
            done => done,
        }
    }

    /// Verifies against what is remembered; nothing where it does not fit. It is
    /// one hash whoever is asked about, so that nobody learns who is remembered.
    async fn recall(
        &self,
        address: Option<&Address>,
        given: Given<'_>,
        service: Service,
    ) -> Result<Option<Proven>, LoginError> {
        let password = given.password;
        let app = Letters::read_app_password(password.expose()).map(|letters| letters.hash());
        let seal = app.as_ref().and_then(|hash| self.memory().keys.seal(hash));
        let known = address.map(|address| self.memory().of(address, service, self.clock().now())).unwrap_or_default();
        let entry = candidate(known, seal);
        let (keys, typed) = (Arc::clone(&self.memory().keys), password.clone());
        let fitting = self.pool().run(given.lane, move || fitting(&keys, entry, &typed)).await;
        let (Some(address), Some(entry)) = (address, fitting.map_err(|Busy| LoginError::Busy)?) else {
            return Ok(None);
        };
        info!(%address, %service, "the directory is away; the login is one that it verified before");
        let keys = Arc::clone(&self.memory().keys);
        let Entry { account, opener, seal, known, .. } = entry;
        let credentials = Credentials { key: account, address: address.clone(), hash: None, active: true };
        let proof = Proof::Recalled(Recalled { opener, seal, keys, app, known });
        Ok(Some(Proven { credentials, proof, app: None, turn: given.turn }))
    }

    /// Remembers a login that the directory verified just now. Whatever goes
    /// wrong only means that it is not remembered.
    pub(crate) async fn remember(&self, login: &Login, password: &Secret, turn: u64) {
        let (memory, now) = (self.memory(), self.clock().now());
        let Some(hash) = login.hash().filter(|_| memory.most > 0 && bit(login.service()) != 0) else { return };
        let Some(seal) = memory.keys.seal(hash) else { return };
        let refreshed = {
            let mut state = memory.state();
            let known = state.entries.get_mut(login.address()).into_iter().flatten();
            let is_it = |entry: &&mut Entry| {
                (entry.account, entry.opener, entry.seal) == (login.account(), login.opener(), seal)
            };
            known.into_iter().find(is_it).map(|entry| {
                entry.proven = now;
                entry.services |= bit(login.service());
                entry.turn = entry.turn.max(turn);
                (entry.verifier, entry.salt, entry.services, now.saturating_sub(entry.row) < ROW)
            })
        };
        if matches!(refreshed, Some((.., true))) {
            return;
        }
        let made = match refreshed {
            Some((verifier, salt, services, _)) => Some((verifier, salt, services)),
            None => self.verifier(password).await.map(|(verifier, salt)| (verifier, salt, bit(login.service()))),
        };
        let (Some((verifier, salt, services)), Ok(row)) = (made, self.directory().account(login.address()).await)
        else {
            debug!(address = %login.address(), "a login is not remembered");
            return;
        };
        let known = Known { identity: row.identity(), quota: row.quota };
        let (account, opener) = (login.account(), login.opener());
        if row.key == account {
            let entry = Entry { account, opener, services, seal, salt, verifier, proven: now, known, row: now, turn };
            memory.put(login.address(), entry);
        }
    }

    async fn verifier(&self, password: &Secret) -> Option<(Verifier, Salt)> {
        let (keys, password) = (Arc::clone(&self.memory().keys), password.clone());
        let work = move || {
            let salt: Salt = try_generate_salt().ok()?;
            Some((keys.verifier(&password, &salt).ok()?, salt))
        };
        self.pool().run(Lane::Known, work).await.ok()?
    }
}

/// Whether the directory cannot be reached; one that has too much to do is there.
fn is_away(error: &DirectoryError) -> bool {
    error.is_away() && !matches!(error, DirectoryError::Ldap(LdapError::Busy))
}

/// The one entry that what was typed can fit: the app password with this seal,
/// or else the account's own password.
fn candidate(entries: Vec<Entry>, app: Option<Seal>) -> Option<Entry> {
    let mut own = None;
    for entry in entries {
        match entry.opener {
            Opener::App(_) if app == Some(entry.seal) => return Some(entry),
            Opener::App(_) => {}
            Opener::Password => own = Some(entry),
        }
    }
    own
}

/// The entry, if this password fits it.
fn fitting(keys: &Keys, entry: Option<Entry>, password: &Secret) -> Option<Entry> {
    let salt = entry.as_ref().map_or([0; 16], |entry| entry.salt);
    let verifier = keys.verifier(password, &salt).ok()?;
    entry.filter(|entry| are_equal(&verifier, &entry.verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn entry(memory: &Memory, opener: Opener, stored: &str, proven: u64) -> Entry {
        let salt = [7; 16];
        Entry {
            account: AccountKey::new(1),
            opener,
            services: 1,
            seal: memory.keys.seal(&StoredHash::new(stored)).unwrap(),
            verifier: memory.keys.verifier(&Secret::from("secret"), &salt).unwrap(),
            salt,
            proven: Duration::from_secs(proven),
            known: Known { identity: String::new(), quota: None },
            row: Duration::ZERO,
            turn: 1,
        }
    }

    fn told(memory: &Memory, hash: Option<&str>, active: bool) {
        let whose = address("a@example.org");
        let hash = hash.map(StoredHash::new);
        let found = Credentials { key: AccountKey::new(1), address: whose.clone(), hash, active };
        memory.told(&whose, Some(&found), 1);
    }

    #[test]
    fn an_answer_that_differs_removes_what_is_remembered() {
        let whose = address("a@example.org");
        let cases: [(Option<&str>, bool, usize); 5] = [
            (Some("one"), true, 1),
            (Some("two"), true, 0),
            (None, true, 0),
            (Some("one"), false, 0),
            (None, false, 0),
        ];
        for (hash, active, left) in cases {
            let memory = Memory::new(9, Cost::CHEAP).unwrap();
            memory.put(&whose, entry(&memory, Opener::Password, "one", 0));
            told(&memory, hash, active);
            assert_eq!(memory.of(&whose, Service::Imap, Duration::ZERO).len(), left, "{hash:?} {active}");
            assert_eq!(memory.state().count, left);
        }
        let memory = Memory::new(9, Cost::CHEAP).unwrap();
        memory.put(&whose, entry(&memory, Opener::Password, "one", 0));
        memory.told(&whose, None, 1);
        assert_eq!(memory.state().count, 0, "nobody is there any more");
    }

    #[test]
    fn an_app_password_that_was_revoked_is_forgotten_when_it_is_shown() {
        let whose = address("a@example.org");
        let memory = Memory::new(9, Cost::CHEAP).unwrap();
        let letters = Letters::app_password([5; 16]);
        let key = directory::AppPasswordKey::new(3);
        memory.put(&whose, entry(&memory, Opener::App(key), letters.hash().expose(), 0));
        memory.told_factors(&whose, &Factors::default(), &Secret::from("something else"), 1);
        assert_eq!(memory.state().count, 1, "it was not asked about");
        memory.told_factors(&whose, &Factors::default(), &Secret::from(letters.shown().as_str()), 1);
        assert_eq!(memory.state().count, 0);
    }

    #[test]
    fn what_was_learned_before_a_change_is_not_remembered() {
        let whose = address("a@example.org");
        let learned = |memory: &Memory, stored: &str, turn: u64| {
            memory.put(&whose, Entry { turn, ..entry(memory, Opener::Password, stored, 0) });
        };
        let credentials = |hash: &str| Credentials {
            key: AccountKey::new(1),
            address: whose.clone(),
            hash: Some(StoredHash::new(hash)),
            active: true,
        };
        let sealed = |memory: &Memory| memory.of(&whose, Service::Imap, Duration::ZERO).first().map(|known| known.seal);
        let memory = Memory::new(9, Cost::CHEAP).unwrap();
        let slow = memory.begin();
        memory.forget(AccountKey::new(1));
        learned(&memory, "old", slow);
        assert_eq!(memory.state().count, 0, "it was forgotten meanwhile");
        let (slow, quick) = (memory.begin(), memory.begin());
        memory.told(&whose, Some(&credentials("new")), quick);
        learned(&memory, "new", quick);
        learned(&memory, "old", slow);
        memory.told(&whose, Some(&credentials("old")), slow);
        assert!(sealed(&memory) == memory.keys.seal(&StoredHash::new("new")), "the newer answer counts");
        // An answer that has removed something is the newest there is.
        let (slow, quick) = (memory.begin(), memory.begin());
        memory.told(&whose, Some(&credentials("third")), quick);
        learned(&memory, "new", slow);
        assert_eq!(memory.state().count, 0);
        learned(&memory, "third", quick);
        assert_eq!(memory.state().count, 1);
        // The address was another one then.
        memory.put(&address("b@example.org"), Entry { turn: quick, ..entry(&memory, Opener::Password, "third", 0) });
        memory.forget(AccountKey::new(2));
        assert_eq!(memory.state().count, 2);
        memory.forget(AccountKey::new(1));
        assert_eq!(memory.state().count, 0);
    }

    #[test]
    fn the_number_and_the_time_are_bounded() {
        let memory = Memory::new(3, Cost::CHEAP).unwrap();
        for n in 0..5_u64 {
            memory.put(&address(&format!("u{n}@example.org")), entry(&memory, Opener::Password, "one", n));
        }
        let known = |n: u64, at: u64| {
            memory.of(&address(&format!("u{n}@example.org")), Service::Imap, Duration::from_secs(at)).len()
        };
        assert_eq!([known(0, 9), known(1, 9), known(2, 9), known(3, 9), known(4, 9)], [0, 0, 1, 1, 1]);
        let day = KEEP.as_secs();
        assert_eq!((known(2, day + 1), known(2, day + 2), known(3, day + 2), known(3, day + 3)), (1, 0, 1, 0));
        assert!(memory.of(&address("u4@example.org"), Service::Pop3, Duration::ZERO).is_empty());
        for n in 0..9_u64 {
            let opener = Opener::App(directory::AppPasswordKey::new(i64::try_from(n).unwrap()));
            memory.put(&address("u4@example.org"), entry(&memory, opener, "one", n));
        }
        assert!(known(4, 9) <= MOST_OF_ONE && memory.state().count <= 3);
        let none = Memory::new(0, Cost::CHEAP).unwrap();
        none.put(&address("a@example.org"), entry(&none, Opener::Password, "one", 0));
        assert_eq!(none.state().count, 0);
    }

    #[test]
    fn one_entry_is_looked_at() {
        let memory = Memory::new(9, Cost::CHEAP).unwrap();
        let letters = [Letters::app_password([5; 16]), Letters::app_password([6; 16])];
        let app = |n: usize| {
            let opener = Opener::App(directory::AppPasswordKey::new(i64::try_from(n).unwrap()));
            entry(&memory, opener, letters[n].hash().expose(), 0)
        };
        let all = || vec![app(0), entry(&memory, Opener::Password, "own", 0), app(1)];
        let of = |entries: Vec<Entry>, n: Option<usize>| {
            let seal = n.and_then(|n| memory.keys.seal(&letters[n].hash()));
            candidate(entries, seal).map(|entry| entry.opener)
        };
        assert_eq!(of(all(), None), Some(Opener::Password));
        assert_eq!(of(all(), Some(1)), Some(app(1).opener));
        assert_eq!(of(vec![app(0)], Some(1)), None);
        assert_eq!(of(vec![entry(&memory, Opener::Password, "own", 0)], Some(1)), Some(Opener::Password));
        let fits = |entry, typed: &str| fitting(&memory.keys, entry, &Secret::from(typed)).is_some();
        assert!(fits(Some(app(0)), "secret") && !fits(Some(app(0)), "other") && !fits(None, "secret"));
    }

    #[test]
    fn a_directory_that_is_busy_is_not_away() {
        assert!(!is_away(&DirectoryError::Ldap(LdapError::Busy)));
        assert!(is_away(&DirectoryError::Ldap(LdapError::Away(String::new()))));
        assert!(!is_away(&DirectoryError::NoActiveDomain));
    }

    #[test]
    fn another_process_can_do_nothing_with_it() {
        let (one, other) = (Keys::new(Cost::CHEAP).unwrap(), Keys::new(Cost::CHEAP).unwrap());
        let (password, stored) = (Secret::from("secret"), StoredHash::new("{PLAIN}secret"));
        assert_eq!(one.verifier(&password, &[1; 16]), one.verifier(&password, &[1; 16]));
        assert_ne!(one.verifier(&password, &[1; 16]), other.verifier(&password, &[1; 16]));
        assert_ne!(one.verifier(&password, &[1; 16]), one.verifier(&password, &[2; 16]));
        assert!(one.seal(&stored) != other.seal(&stored) && one.seal(&stored) == one.seal(&stored));
        assert!(!format!("{one:?}{:?}", one.seal(&stored)).contains("secret"));
    }
}
