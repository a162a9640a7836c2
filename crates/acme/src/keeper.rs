//! Keeps certificates for a list of names: orders what is missing, renews what
//! is due, and remembers what failed, so that a restart does not try again at
//! once.

use std::time::{Duration, SystemTime};

use instant_acme::{Account, CertificateIdentifier, NewAccount};
use mail::Domain;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tls::CertificateInfo;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::client::Client;
use crate::error::said;
use crate::order::order;
use crate::reach::points_here;
use crate::schedule;
use crate::store::{History, Listed, Store, instant, seconds};
use crate::{AcmeError, Answers, SelfCheck, Settings};

/// The longest that one order may take, everything together.
const ORDER: Duration = Duration::from_secs(5 * 60);
/// How often an order is begun anew for what the authority will take next time.
const AGAIN: usize = 3;
/// How many certificates an authority is asked about in one round.
const ASKED: usize = 8;
/// How many names that do not point here are looked at in one round, and after
/// which time no further one is.
const LOOKED_AT: (usize, Duration) = (32, Duration::from_secs(60));
/// How long is looked whether one name points here, over all its addresses.
const LOOK: Duration = Duration::from_secs(60);

/// What time it is. Rounds and orders take their time, so that the one of their
/// beginning is not enough.
pub type Clock<'a> = &'a (dyn Fn() -> SystemTime + Send + Sync);

/// Orders and renews.
pub struct Keeper {
    settings: Settings,
    store: Store,
    client: Client,
    answers: Answers,
    resolver: dns::Resolver,
    /// One order at a time; whoever asks for another one waits.
    turn: Semaphore,
}

/// Why a name is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Its time has come. It may have been ordered while it waited for its turn:
    /// then it is left alone, since authorities count duplicates.
    Due,
    /// Somebody asked for it.
    Asked,
}

/// What came of one name.
#[derive(Debug)]
pub struct Outcome {
    /// The certificate, which is in its place now, or why there is none.
    pub result: Result<CertificateInfo, AcmeError>,
    /// How the name stands now: what is still in use, and when it is tried again.
    pub listed: Listed,
}

impl Keeper {
    /// Opens the folder (not on an async worker, but within a runtime).
    ///
    /// # Errors
    ///
    /// [`AcmeError`] where the folder cannot be made, `ca_file` cannot be used
    /// or there is no name server.
    pub fn open(settings: Settings, answers: Answers) -> Result<Self, AcmeError> {
        let store = Store::open(&settings.folder)?;
        let client = Client::new(settings.ca_file.as_deref())?;
        let resolver = dns::Resolver::new(&settings.servers)?;
        Ok(Self { settings, store, client, answers, resolver, turn: Semaphore::new(1) })
    }

    /// What the listeners are to answer while an order waits.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// One round: names that are due and do not point here are passed over
    /// until one order was made, or a minute has passed. Rounds come once a
    /// minute, which is as often as an authority lets new certificates be ordered.
    pub async fn round(&self, names: &[Domain], clock: Clock<'_>) -> Vec<Outcome> {
        self.ask_for_windows(names, clock()).await;
        let begun = clock();
        let due = self.due(names, begun).await;
        let mut outcomes = Vec::new();
        for name in due.iter().take(LOOKED_AT.0) {
            // A clock that is put back ends nothing; the number of names does.
            if clock().duration_since(begun).is_ok_and(|passed| passed >= LOOKED_AT.1) {
                break;
            }
            let Some(outcome) = self.tried(name, When::Due, clock).await else { continue };
            let ordered = outcome.result.as_ref().map_or_else(AcmeError::was_ordered, |_| true);
            outcomes.push(outcome);
            if ordered {
                break;
            }
        }
        outcomes
    }

    /// Orders a certificate for this name now, whether it is due or not. The
    /// one before stays where it is unless a usable one came.
    pub async fn order(&self, name: &Domain, clock: Clock<'_>) -> Outcome {
        match self.tried(name, When::Asked, clock).await {
            Some(outcome) => outcome,
            None => Outcome { result: Err(AcmeError::Busy), listed: Listed::unknown(name.clone(), clock()) },
        }
    }

    /// Moves certificates aside that have expired and are none of these: the
    /// names that are to have one, all of them. Tells which.
    ///
    /// # Errors
    ///
    /// [`AcmeError::File`] where the folder cannot be read or written.
    pub async fn put_aside(&self, wanted: &[Domain], now: SystemTime) -> Result<Vec<Domain>, AcmeError> {
        let _turn = self.turn.acquire().await.map_err(|_| AcmeError::Busy)?;
        let wanted = wanted.to_vec();
        let put = self.with_store(move |store| match store.lock()? {
            Some(_lock) => store.put_aside(&wanted, now),
            None => Ok(Vec::new()),
        });
        put.await
    }

    async fn tried(&self, name: &Domain, when: When, clock: Clock<'_>) -> Option<Outcome> {
        let result = self.attempt(name, when, clock).await.transpose()?;
        Some(Outcome { result, listed: self.listed(name, clock()).await })
    }

    async fn listed(&self, name: &Domain, now: SystemTime) -> Listed {
        let (store, directory, of) = (self.store.clone(), self.settings.directory.clone(), name.clone());
        let listed = tokio::task::spawn_blocking(move || store.listed(of, &directory, now)).await;
        listed.unwrap_or_else(|_| Listed::unknown(name.clone(), now))
    }

    /// Names that are due now, those that are due for the longest time first.
    async fn due(&self, names: &[Domain], now: SystemTime) -> Vec<Domain> {
        let (store, directory, names) = (self.store.clone(), self.settings.directory.clone(), names.to_vec());
        let listed = tokio::task::spawn_blocking(move || {
            names.into_iter().map(|name| store.listed(name, &directory, now)).collect::<Vec<_>>()
        });
        let mut due: Vec<Listed> = listed.await.unwrap_or_default().into_iter().filter(|it| it.next <= now).collect();
        // What is about to expire goes before what has never been there.
        due.sort_by_key(|it| (it.expires.is_none(), it.expires, it.next));
        due.into_iter().map(|it| it.name).collect()
    }

    /// None where there is nothing to do any more.
    async fn attempt(&self, name: &Domain, when: When, clock: Clock<'_>) -> Result<Option<CertificateInfo>, AcmeError> {
        let _turn = self.turn.acquire().await.map_err(|_| AcmeError::Busy)?;
        let lock = self.with_store(|store| store.lock()).await?.ok_or(AcmeError::Busy)?;
        let begun = clock();
        if when == When::Due && self.listed(name, begun).await.next > begun {
            return Ok(None);
        }
        let (before, of) = (self.history(name).await, name.clone());
        // Noted before anything is done: a process that dies in between has
        // failed too, and does not begin again at once.
        let mut noted = History {
            failures: before.failures.saturating_add(1),
            tried: Some(seconds(begun)),
            error: Some("it was interrupted".to_owned()),
            ..before.clone()
        };
        let interrupted = noted.clone();
        self.with_store(move |store| store.keep_history(&of, &interrupted)).await?;
        let obtained = timeout(ORDER, self.obtain(name, &before)).await.unwrap_or(Err(AcmeError::TooSlow));
        // The pause after a failure begins with its end.
        let ended = clock();
        noted.tried = Some(seconds(ended));
        let kept = match obtained {
            Ok(text) => {
                let of = name.clone();
                self.with_store(move |store| store.keep_certificate(&of, &text, ended)).await
            }
            Err(error) => Err(error),
        };
        match &kept {
            Ok(_) => {
                let directory = Some(self.settings.directory.as_str().to_owned());
                noted = History { tried: noted.tried, directory, jitter: rand::random(), ..History::default() };
            }
            Err(error) => noted.error = Some(said(&error.to_string())),
        }
        let of = name.clone();
        self.with_store(move |store| store.keep_history(&of, &noted)).await?;
        drop(lock);
        kept.map(Some)
    }

    async fn obtain(&self, name: &Domain, before: &History) -> Result<String, AcmeError> {
        if let SelfCheck::Port(port) = self.settings.self_check {
            let looked = points_here(name, (self.settings.challenge, port), &self.resolver, &self.answers);
            let late = |_| AcmeError::NotHere { name: name.clone(), why: "no answer in time".to_owned() };
            timeout(LOOK, looked).await.map_err(late)??;
        }
        let replaces = self.replaced(name, before).await;
        let mut done = self.place(name, replaces.clone()).await;
        for _ in 0..AGAIN {
            match done {
                // Authorities forget accounts, those for tests at each start.
                Err(AcmeError::UnknownAccount) => {
                    let directory = self.settings.directory.clone();
                    self.with_store(move |store| store.forget_account(&directory)).await?;
                }
                // Each request was repeated already, with nonces that were used up meanwhile
                // (RFC 8555 §6.5).
                Err(AcmeError::BadNonce) => {}
                done => return done,
            }
            done = self.place(name, replaces.clone()).await;
        }
        done
    }

    async fn place(
        &self,
        name: &Domain,
        replaces: Option<CertificateIdentifier<'static>>,
    ) -> Result<String, AcmeError> {
        let account = match self.known_account().await? {
            Some(account) => account,
            None => self.new_account().await?,
        };
        order(&account, name, replaces, (self.settings.challenge, &self.answers)).await
    }

    async fn known_account(&self) -> Result<Option<Account>, AcmeError> {
        let directory = self.settings.directory.clone();
        let Some(known) = self.with_store(move |store| store.account(&directory)).await? else { return Ok(None) };
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        Ok(Some(builder.from_credentials(known).await?))
    }

    async fn new_account(&self) -> Result<Account, AcmeError> {
        let contact: Vec<String> = self.settings.contact.iter().map(|address| format!("mailto:{address}")).collect();
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = self.settings.directory.clone();
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let (account, credentials) = builder.create(&new, directory.as_str().to_owned(), None).await?;
        self.with_store(move |store| store.keep_account(&directory, &credentials)).await?;
        Ok(account)
    }

    /// The certificate that an order replaces (RFC 9773 §5), where the authority
    /// has spoken of its renewal. After a failure it is left out, which may have
    /// been the reason.
    async fn replaced(&self, name: &Domain, before: &History) -> Option<CertificateIdentifier<'static>> {
        let ours = before.directory.as_deref() == Some(self.settings.directory.as_str());
        (ours && before.window.is_some() && before.failures == 0).then_some(())?;
        self.identifier(name).await
    }

    async fn identifier(&self, name: &Domain) -> Option<CertificateIdentifier<'static>> {
        let file = self.store.certificate(name);
        let read = tokio::task::spawn_blocking(move || {
            let der = CertificateDer::from_pem_file(&file).ok()?;
            CertificateIdentifier::try_from(&der).ok().map(CertificateIdentifier::into_owned)
        });
        read.await.ok().flatten()
    }

    /// Asks when the authority wants certificates renewed (RFC 9773 §4). An
    /// authority that does not say, or is away, changes nothing.
    async fn ask_for_windows(&self, names: &[Domain], now: SystemTime) {
        let mut account = None;
        let mut asked = 0;
        for name in names {
            let history = self.history(name).await;
            let ours = history.directory.as_deref() == Some(self.settings.directory.as_str());
            if !ours || history.ask.is_some_and(|ask| instant(ask) > now) {
                continue;
            }
            asked += 1;
            if asked > ASKED {
                return;
            }
            if account.is_none() {
                account = self.known_account().await.ok().flatten();
            }
            let said = match (&account, self.identifier(name).await) {
                (Some(account), Some(identifier)) => account.renewal_info(&identifier).await.ok(),
                _ => None,
            };
            let again = now + schedule::ask_again(said.as_ref().map(|(_, again)| *again));
            let window = said.map(|(info, _)| info.suggested_window);
            let window = window.map(|window| (unix(window.start.unix_timestamp()), unix(window.end.unix_timestamp())));
            self.note_window(name, history, (window, seconds(again))).await;
        }
    }

    /// Notes what the authority said of the certificate that was in use when it
    /// was asked. It took its time; where the name was ordered meanwhile, or by
    /// another process just now, what came of that stands, and the authority is
    /// asked again.
    async fn note_window(&self, name: &Domain, before: History, (window, ask): (Option<(u64, u64)>, u64)) {
        let Ok(_turn) = self.turn.acquire().await else { return };
        let of = name.clone();
        let noted = self.with_store(move |store| {
            let Some(_lock) = store.lock()? else { return Ok(()) };
            if store.history(&of) != before {
                return Ok(());
            }
            store.keep_history(&of, &History { ask: Some(ask), window: window.or(before.window), ..before })
        });
        // What could not be noted is asked for again in the next round.
        let _ = noted.await;
    }

    async fn history(&self, name: &Domain) -> History {
        let (store, of) = (self.store.clone(), name.clone());
        tokio::task::spawn_blocking(move || store.history(&of)).await.unwrap_or_default()
    }

    /// Work on files, on a thread that may block.
    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, AcmeError> + Send + 'static,
    ) -> Result<T, AcmeError> {
        let store = self.store.clone();
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.unwrap_or_else(|error| Err(AcmeError::Internal(error.to_string())))
    }
}

fn unix(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Challenge, DirectoryUrl};

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    /// With nobody to ask.
    fn keeper(folder: &std::path::Path) -> Keeper {
        let settings = Settings {
            directory: DirectoryUrl::lets_encrypt(),
            contact: Vec::new(),
            ca_file: None,
            challenge: Challenge::Http01,
            self_check: SelfCheck::Off,
            servers: dns::Servers::These(vec![(std::net::Ipv4Addr::LOCALHOST, 9).into()]),
            folder: folder.to_owned(),
        };
        Keeper::open(settings, Answers::default()).unwrap()
    }

    #[tokio::test]
    async fn what_an_authority_suggests_forgets_no_order() {
        let (dir, name) = (tempfile::tempdir().unwrap(), domain("mail.example.org"));
        let keeper = keeper(dir.path());
        let directory = Some(DirectoryUrl::lets_encrypt().as_str().to_owned());
        let before = History { directory, tried: Some(10), window: Some((1, 2)), ..History::default() };
        let with = |ask, window| History { ask, window, ..before.clone() };
        let noted = || keeper.store.history(&name);
        keeper.store.keep_history(&name, &before).unwrap();
        keeper.note_window(&name, before.clone(), (None, 50)).await;
        assert_eq!(noted(), with(Some(50), Some((1, 2))), "an authority that says nothing changes nothing");
        keeper.note_window(&name, noted(), (Some((3, 4)), 60)).await;
        assert_eq!(noted(), with(Some(60), Some((3, 4))));

        // Meanwhile an order fails, or brings another certificate.
        let failed = History { failures: 1, tried: Some(20), ..before.clone() };
        let ordered = History { tried: Some(30), window: None, ..before.clone() };
        for other in [failed, ordered] {
            let (asked, turn) = (noted(), keeper.turn.acquire().await.unwrap());
            let order = async {
                keeper.store.keep_history(&name, &other).unwrap();
                drop(turn);
            };
            tokio::join!(keeper.note_window(&name, asked, (Some((5, 6)), 70)), order);
            assert_eq!(noted(), other);
        }
        // Another process is at it.
        let (asked, lock) = (noted(), keeper.store.lock().unwrap());
        keeper.note_window(&name, asked.clone(), (Some((5, 6)), 70)).await;
        assert_eq!(noted(), asked);
        drop(lock);
    }
}
