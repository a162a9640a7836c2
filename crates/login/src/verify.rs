//! A login: from an address and a password to the proof, or to a refusal that
//! takes the same time whatever the reason.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use directory::{AccountKey, AppPassword, Credentials, Directory, DirectoryError, Replaced, StoredHash};
use mail::{Address, Class, Classified, Secret};
use thiserror::Error;
use tracing::{debug, info, warn};

use crate::app::door;
use crate::attempt::{Attempt, Domains, Verdict, Witness};
use crate::factor::{Factors, Given};
use crate::hash::{Cost, HashError, hash_password};
use crate::kin::hash_like;
use crate::pool::{Busy, Lane, Pool};
use crate::remember::{Known, Memory, Recalled};
use crate::scheme::{Match, Scheme, check, is_outdated};
use crate::tally::Tally;
use crate::throttle::{Limits, Network, Throttle};
use crate::turns::{Line, Turns};
use crate::{Clock, Opener};

/// How long a better hash may take to be stored before the login goes on.
const REHASH_PATIENCE: Duration = Duration::from_secs(3);

/// Proof that somebody gave the password of this account. Only
/// [`Logins::verify`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    account: AccountKey,
    address: Address,
    service: Service,
    proof: Proof,
    opener: Opener,
    /// What is told when it does not hold any more.
    memory: Shared,
}

/// The memory that a login may be in.
#[derive(Clone)]
struct Shared(Arc<Memory>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Shared {}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(…)")
    }
}

/// What the password was verified against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The stored hash, or the better one that took its place.
    Hash(StoredHash),
    /// What was remembered while the directory was away.
    Recalled(Recalled),
}

impl Login {
    /// The key of the account in the directory.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        self.account
    }

    /// The address of the account, in normal form.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The hash that the password was verified against, or the better one that
    /// took its place; [`Login::ground`] says whether it is still there. None
    /// for a login that was verified while the directory was away.
    #[must_use]
    pub fn hash(&self) -> Option<&StoredHash> {
        match &self.proof {
            Proof::Hash(hash) => Some(hash),
            Proof::Recalled(_) => None,
        }
    }

    /// What is known of the account, where the directory was away and its row
    /// could not be read.
    #[must_use]
    pub fn recalled(&self) -> Option<&Known> {
        match &self.proof {
            Proof::Hash(_) => None,
            Proof::Recalled(recalled) => Some(&recalled.known),
        }
    }

    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory.0
    }

    /// What was shown to get in.
    #[must_use]
    pub fn opener(&self) -> Opener {
        self.opener
    }

    /// What it was given for.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }
}

/// What somebody logs in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// IMAP.
    Imap,
    /// POP3.
    Pop3,
    /// Sending.
    Submission,
    /// The page.
    Web,
}

impl Service {
    /// Its name in the log and in figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Submission => "submission",
            Self::Web => "web",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why there is no login.
#[derive(Debug, Error)]
pub enum LoginError {
    /// Wrong address or wrong password, or the account is switched off: the
    /// peer must not hear which. (Class `Invalid`.)
    #[error("address or password is wrong")]
    Refused,
    /// The directory cannot be asked: not the user's fault.
    #[error("the directory cannot be asked: {0}")]
    Away(#[source] DirectoryError),
    /// More logins wait than there is room for.
    #[error("too many logins wait")]
    Busy,
}

impl Classified for LoginError {
    fn class(&self) -> Class {
        match self {
            Self::Refused => Class::Invalid,
            Self::Away(_) => Class::Directory,
            Self::Busy => Class::Internal,
        }
    }
}

/// How logins are verified.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a new hash costs.
    pub cost: Cost,
    /// The least time until a refusal.
    pub floor: Duration,
    /// Hashes at a time; each takes the memory of its cost.
    pub hashes_at_a_time: usize,
    /// Logins that may wait for a hash.
    pub queue: usize,
    /// Logins of one network at a time, the delays of the throttle included;
    /// some more wait for their turn. A proxy of [`Limits::proxies`] has no such
    /// bound.
    pub at_a_time_per_network: usize,
    /// The most logins that are remembered for the time when the directory is
    /// away; 0 for none.
    pub remember: usize,
    /// Whether hashes of other schemes and cheaper ones are replaced at login.
    pub rehash: bool,
    /// The throttle.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cost: Cost::default(),
            floor: Duration::from_millis(300),
            hashes_at_a_time: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            queue: 256,
            at_a_time_per_network: 4,
            remember: 10_000,
            rehash: true,
            limits: Limits::default(),
        }
    }
}

/// The service that verifies logins; one for the whole process.
#[derive(Debug)]
pub struct Logins {
    directory: Arc<Directory>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    throttle: Mutex<Throttle>,
    turns: Turns,
    pool: Pool,
    /// Verified in the place of a hash that is not there.
    dummy: StoredHash,
    tally: Tally,
    memory: Arc<Memory>,
    seen: Domains,
    witness: Option<Witness>,
}

/// Why it is refused: for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    NoAddress,
    EmptyPassword,
    UnknownAccount,
    Inactive,
    NoPasswordSet,
    MalformedHash,
    WrongPassword,
    /// An app password that is not for this service.
    OutOfScope,
    /// The right password, but with two-step login on it opens the page alone.
    NeedsAppPassword,
    CodeMissing,
    WrongCode,
    CodeUsedBefore,
    /// The right password, with many wrong codes on this day.
    TooManyCodes,
}

/// Who got in, and by what.
pub(crate) struct Proven {
    pub(crate) credentials: Credentials,
    pub(crate) proof: Proof,
    pub(crate) app: Option<AppPassword>,
    /// [`Given::turn`]
    pub(crate) turn: u64,
}

pub(crate) enum Outcome {
    Good(Box<Proven>),
    /// Why, and whose account it is where there is one.
    Bad(Reason, Option<(AccountKey, Address)>),
    /// The directory is away, and nothing that is remembered fits.
    Unasked(DirectoryError),
}

impl Logins {
    /// Sets the service up; computes one hash to compare with.
    ///
    /// # Errors
    ///
    /// [`HashError::BadCost`] where argon2 does not take the cost.
    pub fn new(directory: Arc<Directory>, settings: Settings, clock: Arc<dyn Clock>) -> Result<Self, HashError> {
        let dummy = hash_password(&Secret::from("nobody has this password"), settings.cost)?;
        let pool = Pool::new(settings.hashes_at_a_time, settings.queue);
        let throttle = Mutex::new(Throttle::new(settings.limits.clone()));
        let turns = Turns::new(settings.at_a_time_per_network, &settings.limits.proxies);
        let memory = Arc::new(Memory::new(settings.remember, settings.cost)?);
        let (tally, seen) = (Tally::default(), Domains::default());
        Ok(Self { directory, settings, clock, throttle, turns, pool, dummy, tally, memory, seen, witness: None })
    }

    /// Tells of each attempt, before it is answered: what is done there must not
    /// take time.
    #[must_use]
    pub fn telling(mut self, witness: impl Fn(&Attempt<'_>) + Send + Sync + 'static) -> Self {
        self.witness = Some(Witness(Box::new(witness)));
        self
    }

    fn tell(&self, attempt: &Attempt<'_>) {
        if let Some((_, address)) = attempt.account {
            self.seen.note(address.domain());
        }
        if let Some(Witness(witness)) = &self.witness {
            witness(attempt);
        }
    }

    /// Verifies a password for the account `who`, an address.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], after the floor and the delay that the throttle
    /// imposes; [`LoginError::Away`], after the same and counted as one where the
    /// directory cannot be reached; [`LoginError::Busy`] (the hashes or this
    /// network have more to do than there is room for), which counts for nothing.
    pub async fn verify(
        &self,
        who: &str,
        password: Secret,
        from: IpAddr,
        service: Service,
    ) -> Result<Login, LoginError> {
        self.enter(who, password, "", (from, service)).await
    }

    /// How many logins there were since the start, by service and result (`ok`,
    /// `refused`, `away`).
    #[must_use]
    pub fn counts(&self) -> Vec<(Service, &'static str, u64)> {
        self.tally.read()
    }

    /// After what time an attempt would not have to wait, by what failed
    /// before: to be told to whoever was refused. Says nothing about whether
    /// there is such an account.
    #[must_use]
    pub fn free_after(&self, who: &str, from: IpAddr) -> Duration {
        let name = Address::parse(who).map(|address| address.normal()).unwrap_or_default();
        self.throttle().free_after(&name, Network::of(from), self.clock.now())
    }

    /// Verifies and counts, also the outcome.
    pub(crate) async fn enter(
        &self,
        who: &str,
        password: Secret,
        code: &str,
        at: (IpAddr, Service),
    ) -> Result<Login, LoginError> {
        let outcome = self.attempt(who, password, code, at).await;
        self.tally.count(at.1, &outcome);
        outcome
    }

    async fn attempt(
        &self,
        who: &str,
        password: Secret,
        code: &str,
        at: (IpAddr, Service),
    ) -> Result<Login, LoginError> {
        let Proven { credentials, proof, app, turn } = self.prove(who, Given::new(&password, code), at).await?;
        let (proof, opener) = match (proof, app) {
            (Proof::Recalled(recalled), _) => {
                let opener = recalled.opener;
                (Proof::Recalled(recalled), opener)
            }
            (proof, Some(app)) => {
                self.note_use(&app).await;
                (proof, Opener::App(app.key))
            }
            (Proof::Hash(hash), None) => {
                (Proof::Hash(self.improve(&credentials, password.clone(), hash).await), Opener::Password)
            }
        };
        let Credentials { key: account, address, .. } = credentials;
        let memory = Shared(Arc::clone(&self.memory));
        let login = Login { account, address, service: at.1, proof, opener, memory };
        self.remember(&login, &password, turn).await;
        Ok(login)
    }

    /// Verifies and counts; says whose password it is, and against which hash.
    pub(crate) async fn prove(
        &self,
        who: &str,
        given: Given<'_>,
        (from, service): (IpAddr, Service),
    ) -> Result<Proven, LoginError> {
        let network = Network::of(from);
        let address = Address::parse(who).ok();
        // Everything that is no address shares one count.
        let name = address.as_ref().map(Address::normal).unwrap_or_default();
        let known = self.throttle().is_known(&name, network).then(|| name.as_str().into());
        let Ok(_turn) = self.turns.take(Line { network, known }, &*self.clock).await else {
            warn!(%from, %service, "too many logins of this network are under way");
            return Err(LoginError::Busy);
        };
        let begun = self.throttle().begin(&name, network, self.clock.now());
        let delay = begun.wait;
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
        let lane = if self.throttle().is_known(&name, network) { Lane::Known } else { Lane::Strangers };
        let started = self.clock.now();
        match self.answer(address.as_ref(), Given { lane, turn: self.memory.begin(), ..given }, service).await {
            Ok(Outcome::Good(proven)) => {
                let Credentials { key, address, .. } = &proven.credentials;
                let took = self.clock.now().saturating_sub(started);
                self.tell(&Attempt { account: Some((*key, address)), service, from, verdict: Verdict::Right, took });
                self.throttle().succeeded(&name, network, begun, self.clock.now());
                let app_password = proven.app.as_ref().map(|app| app.key.as_i64());
                info!(address = %proven.credentials.address, %from, %service, app_password, "login");
                Ok(*proven)
            }
            Ok(Outcome::Bad(reason, whose)) => {
                self.throttle().failed(&name, network, begun, self.clock.now());
                let took = self.clock.now().saturating_sub(started);
                let account = whose.as_ref().map(|(key, address)| (*key, address));
                self.tell(&Attempt { account, service, from, verdict: Verdict::Refused, took });
                self.clock.sleep(self.settings.floor.saturating_sub(took)).await;
                let address = self.seen.shown(account.map(|(_, address)| address), address.as_ref());
                warn!(address, %from, %service, ?reason, delay_ms = delay.as_millis(), "login refused");
                Err(LoginError::Refused)
            }
            // As for a wrong password, whoever is remembered or not: nobody is to
            // learn who that is, nor to guess the faster for it.
            Ok(Outcome::Unasked(error)) => {
                self.throttle().unasked(&name, network, begun, self.clock.now());
                let took = self.clock.now().saturating_sub(started);
                self.clock.sleep(self.settings.floor.saturating_sub(took)).await;
                warn!(%from, %service, %error, "login cannot be verified");
                Err(LoginError::Away(error))
            }
            Err(error) => {
                self.throttle().undo(&name, network, begun, self.clock.now());
                warn!(%from, %service, %error, "login cannot be verified");
                Err(error)
            }
        }
    }

    /// Each way to "no" but the empty password costs one hash, so that under
    /// load, when the floor hides nothing, the queue hides it.
    pub(crate) async fn outcome(
        &self,
        address: Option<&Address>,
        given: Given<'_>,
        service: Service,
    ) -> Result<Outcome, LoginError> {
        let password = given.password;
        if password.is_empty() {
            return Ok(Outcome::Bad(Reason::EmptyPassword, None));
        }
        let (found, factors) = match address {
            Some(address) => {
                let found = self.directory.credentials(address).await.map_err(LoginError::Away)?;
                self.memory.told(address, found.as_ref(), given.turn);
                let factors = self.factors(address, password, service).await?;
                self.memory.told_factors(address, &factors, password, given.turn);
                (found, factors)
            }
            None => (None, Factors::default()),
        };
        let whose = found.as_ref().map(|found| (found.key, found.address.clone()));
        let usable = match found {
            None if address.is_none() => Err(Reason::NoAddress),
            None => Err(Reason::UnknownAccount),
            Some(found) if !found.active => Err(Reason::Inactive),
            Some(found) => found.hash.clone().map(|hash| (found, hash)).ok_or(Reason::NoPasswordSet),
        };
        let (credentials, hash) = match usable {
            Ok(usable) => usable,
            Err(reason) => {
                self.directory.verify_nobody(password).await.map_err(LoginError::Away)?;
                self.check(given, None).await?;
                return Ok(Outcome::Bad(reason, whose));
            }
        };
        if let Some((app, hash)) = factors.app {
            if door(service).is_some_and(|door| app.scope.opens(door)) {
                let proof = Proof::Hash(hash);
                return Ok(Outcome::Good(Box::new(Proven { credentials, proof, app: Some(app), turn: given.turn })));
            }
            self.check(given, None).await?;
            return Ok(Outcome::Bad(Reason::OutOfScope, whose));
        }
        let refused = match (self.matches(given, &credentials, &hash).await?, &factors.two_step) {
            (Match::Yes, Some(two_step)) => self.second_step(&credentials, two_step, given.code, service).await?,
            (Match::Yes, None) => None,
            (Match::No, _) => Some(Reason::WrongPassword),
            (Match::Malformed, _) => Some(Reason::MalformedHash),
        };
        Ok(match refused {
            None => {
                let proof = Proof::Hash(hash);
                Outcome::Good(Box::new(Proven { credentials, proof, app: None, turn: given.turn }))
            }
            Some(reason) => Outcome::Bad(reason, whose),
        })
    }

    /// Against the stored hash; and against the dummy where there is none, or
    /// where a cheap one said no.
    pub(crate) async fn check(&self, given: Given<'_>, stored: Option<StoredHash>) -> Result<Match, LoginError> {
        let (password, dummy) = (given.password.clone(), self.dummy.clone());
        let work = move || {
            let (answer, is_slow) = match &stored {
                Some(stored) => (check(&password, stored), is_slow(stored)),
                None => (Match::No, false),
            };
            if answer == Match::Malformed || (answer == Match::No && !is_slow) {
                let _ = check(&password, &dummy);
            }
            answer
        };
        self.pool.run(given.lane, work).await.map_err(|Busy| LoginError::Busy)
    }

    /// Replaces a hash of an older scheme. Whatever goes wrong is for the log.
    /// Says which hash stands for the password from now on.
    async fn improve(&self, credentials: &Credentials, password: Secret, old: StoredHash) -> StoredHash {
        let may = self.settings.rehash && self.directory.has_own_tables();
        if !may || !is_outdated(&old, self.settings.cost) {
            return old;
        }
        let Ok(Ok(new)) = self.hash(password.clone()).await else { return old };
        let replace = self.directory.store_hash(credentials, &new);
        match tokio::time::timeout(REHASH_PATIENCE, replace).await {
            Ok(Ok(Replaced::Yes)) => {
                info!(address = %credentials.address, "password hash replaced by argon2id");
                return new;
            }
            // By another login of the same program, mostly: they come at once.
            Ok(Ok(Replaced::ChangedMeanwhile)) => {
                debug!(address = %credentials.address, "password hash changed meanwhile");
                return self.present(credentials, &password).await.unwrap_or(old);
            }
            Ok(Err(error)) => warn!(address = %credentials.address, %error, "password hash could not be replaced"),
            Err(_) => warn!(address = %credentials.address, "password hash could not be replaced in time"),
        }
        old
    }

    /// The hash that the account has now, where this password fits it too.
    async fn present(&self, credentials: &Credentials, password: &Secret) -> Option<StoredHash> {
        let now = self.directory.credentials(&credentials.address).await.ok()??;
        let hash = now.hash.filter(|_| now.active && now.key == credentials.key)?;
        let fits =
            self.check(Given { lane: Lane::Known, ..Given::new(password, "") }, Some(hash.clone())).await.ok()?
                == Match::Yes;
        fits.then_some(hash)
    }

    /// Hashes a new password.
    async fn hash(&self, password: Secret) -> Result<Result<StoredHash, HashError>, Busy> {
        let cost = self.settings.cost;
        self.pool.run(Lane::Known, move || hash_password(&password, cost)).await
    }

    /// Hashes a new password for the tables that the old hash is in.
    pub(crate) async fn hash_for(
        &self,
        password: Secret,
        old: Option<StoredHash>,
    ) -> Result<Result<StoredHash, HashError>, Busy> {
        match old.filter(|_| !self.directory.has_own_tables()) {
            Some(old) => {
                let cost = self.settings.cost;
                self.pool.run(Lane::Known, move || hash_like(&password, &old, cost)).await
            }
            None => self.hash(password).await,
        }
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        // A panic elsewhere leaves counts behind, and they are as good as any.
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_slow(stored: &StoredHash) -> bool {
    matches!(Scheme::of(stored), Some(Scheme::Argon2 | Scheme::Bcrypt))
}
