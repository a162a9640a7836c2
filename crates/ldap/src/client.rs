//! Connections to the server: some that look things up with one identity, and
//! some on which people's passwords are verified. Both are bounded, each
//! question has its time, and a connection on which something went wrong is not
//! used again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::exop::PasswordModify;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Scope, SearchEntry, SearchOptions};
use mail::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{LdapError, Place};

/// Servers end connections that are idle; such a one would cost a question.
const IDLE: Duration = Duration::from_secs(45);
/// Entries of a list that come at a time; servers give no more than some
/// hundred at once.
const PAGE: i32 = 200;
/// The most entries of a list.
const MOST: usize = 100_000;

/// Result codes (RFC 4511 appendix A.1).
mod code {
    pub(super) const OPERATIONS_ERROR: u32 = 1;
    pub(super) const PROTOCOL_ERROR: u32 = 2;
    pub(super) const TIME_LIMIT: u32 = 3;
    pub(super) const SIZE_LIMIT: u32 = 4;
    pub(super) const METHOD_NOT_SUPPORTED: u32 = 7;
    pub(super) const STRONGER_AUTH_REQUIRED: u32 = 8;
    pub(super) const REFERRAL: u32 = 10;
    pub(super) const ADMIN_LIMIT: u32 = 11;
    pub(super) const CONFIDENTIALITY_REQUIRED: u32 = 13;
    pub(super) const SASL_IN_PROGRESS: u32 = 14;
    pub(super) const NO_SUCH_OBJECT: u32 = 32;
    pub(super) const BUSY: u32 = 51;
    pub(super) const UNAVAILABLE: u32 = 52;
    pub(super) const OTHER: u32 = 80;
}

/// Results of a bind that say nothing about the password: the server did not
/// look at it, or could not, or somebody else is to be asked. Every other one
/// is a "no": servers answer for accounts that are locked, switched off or
/// expired with 19, 48, 49, 50, 53 and others, and an answer of its own would
/// tell that there is such an account, and let passwords be guessed uncounted.
const NOT_ABOUT_THE_PASSWORD: [u32; 12] = [
    code::OPERATIONS_ERROR,
    code::PROTOCOL_ERROR,
    code::TIME_LIMIT,
    code::METHOD_NOT_SUPPORTED,
    code::STRONGER_AUTH_REQUIRED,
    code::REFERRAL,
    code::ADMIN_LIMIT,
    code::CONFIDENTIALITY_REQUIRED,
    code::SASL_IN_PROGRESS,
    code::BUSY,
    code::UNAVAILABLE,
    code::OTHER,
];

/// Which server, and as whom things are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it is.
    pub place: Place,
    /// The authorities that its certificate may be of, in PEM.
    pub ca: PathBuf,
    /// The name of the identity that looks things up. Without one it is whoever
    /// this process is on a socket (SASL EXTERNAL), and nobody elsewhere.
    pub bind_dn: Option<String>,
    /// The file with its password.
    pub bind_password: Option<PathBuf>,
    /// The most connections at a time of each kind.
    pub connections: usize,
    /// How long a connection, and each question, may take.
    pub patience: Duration,
}

/// An entry with the attributes that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub dn: String,
    attributes: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// The values of an attribute; names are the same in any case.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[String] {
        let found = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.map_or(&[], |(_, values)| values)
    }

    /// The first value that is not empty.
    #[must_use]
    pub fn value(&self, attribute: &str) -> Option<&str> {
        self.values(attribute).iter().map(String::as_str).find(|value| !value.trim().is_empty())
    }
}

/// The way to one server.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    tls: Option<Arc<ClientConfig>>,
    password: Secret,
    lookups: Lane,
    binds: Lane,
}

/// Connections of one kind.
#[derive(Debug)]
struct Lane {
    free: Semaphore,
    idle: Mutex<Vec<(Ldap, Instant)>>,
}

/// What a question makes of a connection.
type Asked<T> = Result<T, LdapError>;

impl Client {
    /// Reads the files that the settings name; blocks for a moment. Connects to
    /// nobody yet.
    ///
    /// # Errors
    ///
    /// [`LdapError::Setting`] where a file cannot be used.
    pub fn open(settings: Settings) -> Result<Self, LdapError> {
        let tls = if settings.place.is_socket() { None } else { Some(Arc::new(tls(&settings.ca)?)) };
        let password = match &settings.bind_password {
            Some(path) => {
                let mut bytes =
                    std::fs::read(path).map_err(|error| LdapError::Setting(format!("{}: {error}", path.display())))?;
                while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    bytes.pop();
                }
                Secret::new(bytes)
            }
            None => Secret::from(""),
        };
        if settings.bind_dn.is_some() && password.is_empty() {
            // An empty password is no login, and servers say yes (RFC 4513 §5.1.2).
            return Err(LdapError::Setting("bind_dn has no password".to_owned()));
        }
        let lane = || Lane { free: Semaphore::new(settings.connections.max(1)), idle: Mutex::default() };
        Ok(Self { tls, password, lookups: lane(), binds: lane(), settings })
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.settings.place
    }

    /// Whether the server answers, and lets us look things up.
    ///
    /// # Errors
    ///
    /// [`LdapError`].
    pub async fn ping(&self) -> Result<(), LdapError> {
        self.look_up("", Scope::Base, "(objectClass=*)", &["1.1"]).await.map(drop)
    }

    /// The one entry that a filter finds.
    ///
    /// # Errors
    ///
    /// [`LdapError::Several`] where there are two.
    pub async fn one(&self, base: &str, filter: &str, attributes: &[&str]) -> Result<Option<Entry>, LdapError> {
        let mut found = self.look_up(base, Scope::Subtree, filter, attributes).await?;
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => Err(LdapError::Several { filter: filter.to_owned() }),
        }
    }

    /// All entries that a filter finds, in pages (RFC 2696).
    ///
    /// # Errors
    ///
    /// [`LdapError`].
    pub async fn all(&self, base: &str, filter: &str, attributes: &[&str]) -> Result<Vec<Entry>, LdapError> {
        let attributes: Vec<String> = attributes.iter().map(|&name| name.to_owned()).collect();
        let (_permit, mut ldap) = self.connection(&self.lookups).await?;
        let work = async {
            let adapters: Vec<Box<dyn Adapter<'_, String, Vec<String>>>> =
                vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(PAGE))];
            let mut stream = ldap
                .streaming_search_with(adapters, base, Scope::Subtree, filter, attributes.clone())
                .await
                .map_err(|error| of(&error))?;
            let mut found = Vec::new();
            while let Some(entry) = stream.next().await.map_err(|error| of(&error))? {
                if found.len() == MOST {
                    return Err(LdapError::Refused {
                        code: code::SIZE_LIMIT,
                        text: format!("more than {MOST} entries"),
                    });
                }
                found.push(read(SearchEntry::construct(entry)));
            }
            judged(&stream.finish().await, base)?;
            Ok(found)
        };
        // A list may take longer than one question, though not for ever.
        let done = tokio::time::timeout(self.settings.patience * 10, work).await;
        let done = done.unwrap_or_else(|_| Err(self.silent()));
        self.lookups.give_back(ldap, done)
    }

    /// Whether this is the password of this entry, by a bind as it. An empty one
    /// is nobody's, and is not sent: servers take that for an anonymous bind and
    /// say yes (RFC 4513 §5.1.2).
    ///
    /// # Errors
    ///
    /// [`LdapError`] where the server could not say.
    pub async fn verify(&self, dn: &str, password: &Secret) -> Result<bool, LdapError> {
        let Some(password) = usable(password).filter(|_| !dn.is_empty()) else { return Ok(false) };
        let (_permit, mut ldap) = self.connection(&self.binds).await?;
        let bound = ldap.with_timeout(self.settings.patience).simple_bind(dn, password).await;
        let done = bound.map_err(|error| of(&error)).and_then(|result| let_in(&result));
        self.binds.give_back(ldap, done)
    }

    /// Sets a new password with the old one (RFC 3062), as the entry itself. Says
    /// whether the old one was right.
    ///
    /// # Errors
    ///
    /// [`LdapError::Refused`] where the server does not take the new one.
    pub async fn change_password(&self, dn: &str, (old, new): (&Secret, &Secret)) -> Result<bool, LdapError> {
        let (Some(old), Some(new)) = (usable(old).filter(|_| !dn.is_empty()), usable(new)) else { return Ok(false) };
        let (_permit, mut ldap) = self.connection(&self.binds).await?;
        let patience = self.settings.patience;
        let work = async {
            let bound = ldap.with_timeout(patience).simple_bind(dn, old).await.map_err(|error| of(&error))?;
            if !let_in(&bound)? {
                return Ok(false);
            }
            let change = PasswordModify { user_id: Some(dn), old_pass: Some(old), new_pass: Some(new) };
            let changed = ldap.with_timeout(patience).extended(change).await.map_err(|error| of(&error))?;
            judged(&changed.1, dn).map(|()| true)
        };
        let done = work.await;
        self.binds.give_back(ldap, done)
    }

    /// The first two entries that a filter finds. A server may have ended the
    /// connection since its last question; then it is asked once more.
    async fn look_up(&self, base: &str, scope: Scope, filter: &str, names: &[&str]) -> Result<Vec<Entry>, LdapError> {
        let (_permit, mut ldap) = self.connection(&self.lookups).await?;
        let mut done = self.search(&mut ldap, (base, scope), filter, names).await;
        if matches!(done, Err(LdapError::Away(_))) {
            ldap = self.connect(&self.lookups).await?;
            done = self.search(&mut ldap, (base, scope), filter, names).await;
        }
        self.lookups.give_back(ldap, done)
    }

    async fn search(
        &self,
        ldap: &mut Ldap,
        (base, scope): (&str, Scope),
        filter: &str,
        names: &[&str],
    ) -> Result<Vec<Entry>, LdapError> {
        let options = SearchOptions::new().sizelimit(2);
        let asked = ldap.with_search_options(options).with_timeout(self.settings.patience);
        let answer = asked.search(base, scope, filter, names).await.map_err(|error| of(&error))?;
        // Two of them are all that was asked for; more are as many too many.
        if answer.1.rc != code::SIZE_LIMIT {
            judged(&answer.1, base)?;
        }
        let entries = answer.0.into_iter().filter(|entry| !entry.is_ref() && !entry.is_intermediate());
        Ok(entries.map(|entry| read(SearchEntry::construct(entry))).collect())
    }

    /// A connection of this kind, and the right to have it.
    async fn connection<'l>(&self, lane: &'l Lane) -> Result<(SemaphorePermit<'l>, Ldap), LdapError> {
        let waiting = tokio::time::timeout(self.settings.patience, lane.free.acquire()).await;
        let permit = waiting.map_err(|_| LdapError::Busy)?.map_err(|_| LdapError::Busy)?;
        let ldap = match lane.take() {
            Some(ldap) => ldap,
            None => self.connect(lane).await?,
        };
        Ok((permit, ldap))
    }

    async fn connect(&self, lane: &Lane) -> Result<Ldap, LdapError> {
        let work = async {
            let settings = LdapConnSettings::new().set_starttls(self.settings.place.starttls());
            let settings = match &self.tls {
                Some(tls) => settings.set_config(Arc::clone(tls)),
                None => settings,
            };
            let opened = LdapConnAsync::with_settings(settings, self.settings.place.url()).await;
            let (connection, mut ldap) = opened.map_err(|error| LdapError::Away(error.to_string()))?;
            tokio::spawn(async move {
                // Whoever asks hears that it ended.
                let _ = connection.drive().await;
            });
            if std::ptr::eq(lane, &raw const self.lookups) {
                self.introduce(&mut ldap).await?;
            }
            Ok(ldap)
        };
        tokio::time::timeout(self.settings.patience, work).await.unwrap_or_else(|_| Err(self.silent()))
    }

    /// Says who looks things up.
    async fn introduce(&self, ldap: &mut Ldap) -> Result<(), LdapError> {
        let bound = match &self.settings.bind_dn {
            Some(dn) => {
                let password = usable(&self.password).ok_or_else(|| LdapError::NotLetIn(dn.clone()))?;
                ldap.simple_bind(dn, password).await
            }
            None if self.settings.place.is_socket() => ldap.sasl_external_bind().await,
            None => return Ok(()),
        };
        let name = || self.settings.bind_dn.clone().unwrap_or_else(|| "this process".to_owned());
        match let_in(&bound.map_err(|error| of(&error))?)? {
            true => Ok(()),
            false => Err(LdapError::NotLetIn(name())),
        }
    }

    fn silent(&self) -> LdapError {
        LdapError::Away(format!("no answer within {} s", self.settings.patience.as_secs()))
    }
}

impl Lane {
    fn take(&self) -> Option<Ldap> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((mut ldap, since)) = idle.pop() {
            if since.elapsed() < IDLE && !ldap.is_closed() {
                return Some(ldap);
            }
        }
        None
    }

    /// One on which a question was not answered is closed: a late answer would
    /// be taken for that of the next.
    fn give_back<T>(&self, ldap: Ldap, done: Asked<T>) -> Asked<T> {
        if !matches!(done, Err(LdapError::Away(_))) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((ldap, Instant::now()));
        }
        done
    }
}

/// LDAP's passwords are UTF-8 (RFC 4513 §5.1.3).
fn usable(password: &Secret) -> Option<&str> {
    std::str::from_utf8(password.expose()).ok().filter(|text| !text.is_empty())
}

/// Whether a bind let somebody in.
fn let_in(result: &LdapResult) -> Result<bool, LdapError> {
    match result.rc {
        0 => Ok(true),
        code if NOT_ABOUT_THE_PASSWORD.contains(&code) => Err(refused(result)),
        _ => Ok(false),
    }
}

/// A result that is no success is no answer, a referral (10) neither: nobody
/// else is asked in the server's place.
fn judged(result: &LdapResult, base: &str) -> Result<(), LdapError> {
    match result.rc {
        0 => Ok(()),
        // A wrong setting must not make every address unknown.
        code::NO_SUCH_OBJECT => Err(LdapError::Refused { code: result.rc, text: format!("there is no {base}") }),
        _ => Err(refused(result)),
    }
}

fn refused(result: &LdapResult) -> LdapError {
    let text = if result.text.is_empty() { "it does not say why".to_owned() } else { result.text.clone() };
    match result.rc {
        code::BUSY | code::UNAVAILABLE => LdapError::Away(text),
        code => LdapError::Refused { code, text },
    }
}

fn of(error: &ldap3::LdapError) -> LdapError {
    match error {
        ldap3::LdapError::LdapResult { result } => refused(result),
        ldap3::LdapError::FilterParsing => LdapError::Setting("a filter cannot be read".to_owned()),
        other => LdapError::Away(other.to_string()),
    }
}

/// Values that are no UTF-8 are left out: nothing that is asked for is binary.
fn read(entry: SearchEntry) -> Entry {
    Entry { dn: entry.dn, attributes: entry.attrs.into_iter().collect() }
}

fn tls(ca: &std::path::Path) -> Result<ClientConfig, LdapError> {
    let wrong = |reason: String| LdapError::Setting(format!("{}: {reason}", ca.display()));
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|error| wrong(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    roots.add_parsable_certificates(certificates.map_err(|error| wrong(error.to_string()))?);
    if roots.is_empty() {
        return Err(wrong("no certificate of an authority is in it".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| LdapError::Setting(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What servers say to a wrong password and to locked accounts is a "no";
    /// what says nothing about a password is none.
    #[test]
    fn results_of_a_bind() {
        let cases: [(&[u32], Option<bool>); 3] = [
            (&[0], Some(true)),
            (&[12, 16, 19, 32, 34, 48, 49, 50, 53, 65, 4711], Some(false)),
            (&[1, 2, 3, 7, 8, 10, 11, 13, 14, 51, 52, 80], None),
        ];
        for (codes, expected) in cases {
            for &rc in codes {
                let (matched, text) = (String::new(), String::new());
                let said = let_in(&LdapResult { rc, matched, text, refs: Vec::new(), ctrls: Vec::new() });
                assert_eq!(said.ok(), expected, "{rc}");
            }
        }
    }
}
