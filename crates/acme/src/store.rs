//! What is kept of orders, in a folder of our own (0700, files 0600): the
//! account's key, a file with key and chain for each name, those of names that
//! nobody wants any more, and what happened to each name. Everything is written beside, fsynced and renamed.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use instant_acme::AccountCredentials;
use mail::Domain;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use tls::{CertFiles, CertificateInfo, HostName, ServerTls, private_folder, replace_private};

use crate::schedule::{self, Jitter};
use crate::{AcmeError, DirectoryUrl};

/// No file of ours comes near this.
const MAX_FILE: u64 = 256 << 10;
/// The most names that are listed.
const MAX_NAMES: usize = 20_000;

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Store(PathBuf);

/// Nobody else orders until this is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct OrderLock(#[expect(dead_code, reason = "it is held, not read")] File);

/// What happened to a name. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct History {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// When it was last tried.
    pub(crate) tried: Option<u64>,
    /// Why that failed.
    pub(crate) error: Option<String>,
    /// Whose certificate the one in use is.
    pub(crate) directory: Option<String>,
    /// Chosen for the certificate in use.
    pub(crate) jitter: Jitter,
    /// The window that the authority suggests for its renewal.
    pub(crate) window: Option<(u64, u64)>,
    /// When the authority is to be asked for it again.
    pub(crate) ask: Option<u64>,
}

/// A name, its certificate, and when it is ordered next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name.
    pub name: Domain,
    /// The file of key and chain; it is there once there is a certificate.
    pub file: PathBuf,
    /// The issuer's name, where there is a certificate.
    pub issuer: Option<String>,
    /// When the certificate ends.
    pub expires: Option<SystemTime>,
    /// From when on it is ordered or renewed.
    pub next: SystemTime,
    /// Failures in a row.
    pub failures: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
}

/// All names that are ordered, and those of which a certificate is left.
///
/// # Errors
///
/// [`AcmeError::File`] where the folder cannot be read.
pub fn list(
    folder: &Path,
    wanted: &[Domain],
    directory: &DirectoryUrl,
    now: SystemTime,
) -> Result<Vec<Listed>, AcmeError> {
    let store = Store(folder.to_owned());
    let mut names = wanted.to_vec();
    for name in store.held()? {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names.into_iter().map(|name| store.listed(name, directory, now)).collect())
}

impl Listed {
    /// A name that could not be looked up just now.
    pub(crate) fn unknown(name: Domain, now: SystemTime) -> Self {
        let (file, next) = (PathBuf::new(), now);
        Self { name, file, issuer: None, expires: None, next, failures: 0, last_error: None }
    }
}

impl Store {
    /// The folder, made where it is missing.
    pub(crate) fn open(folder: &Path) -> Result<Self, AcmeError> {
        for folder in [folder.to_owned(), folder.join("certs"), folder.join("names"), folder.join("past")] {
            private_folder(&folder)?;
        }
        Ok(Self(folder.to_owned()))
    }

    /// Where a name's key and chain are. A domain in normal form has no slash
    /// and no dot at its beginning.
    pub(crate) fn certificate(&self, name: &Domain) -> PathBuf {
        self.0.join("certs").join(format!("{name}.pem"))
    }

    fn history_file(&self, name: &Domain) -> PathBuf {
        self.0.join("names").join(format!("{name}.json"))
    }

    fn account_file(&self, directory: &DirectoryUrl) -> PathBuf {
        self.0.join(format!("account-{}.json", directory.file_name()))
    }

    /// Takes the right to order; none where another process has it.
    pub(crate) fn lock(&self) -> Result<Option<OrderLock>, AcmeError> {
        let path = self.0.join("order.lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| AcmeError::file(&path, error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(OrderLock(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(AcmeError::file(&path, error.into())),
        }
    }

    /// The account at this authority; none where there is none yet.
    pub(crate) fn account(&self, directory: &DirectoryUrl) -> Result<Option<AccountCredentials>, AcmeError> {
        let file = self.account_file(directory);
        let Some(text) = read(&file)? else { return Ok(None) };
        let bad = |error: serde_json::Error| AcmeError::file(&file, error.into());
        serde_json::from_str(&text).map(Some).map_err(bad)
    }

    pub(crate) fn keep_account(&self, directory: &DirectoryUrl, it: &AccountCredentials) -> Result<(), AcmeError> {
        let file = self.account_file(directory);
        let text = serde_json::to_string(it).map_err(|error| AcmeError::file(&file, error.into()))?;
        Ok(replace_private(&file, &text)?)
    }

    /// Forgets an account that the authority does not know any more. Its key
    /// is kept beside, since certificates may have to be revoked with it.
    pub(crate) fn forget_account(&self, directory: &DirectoryUrl) -> Result<(), AcmeError> {
        let file = self.account_file(directory);
        fs::rename(&file, file.with_extension("old")).map_err(|error| AcmeError::file(&file, error))
    }

    /// What happened to a name. What cannot be read never happened, but is not
    /// taken for an invitation to order at once either.
    pub(crate) fn history(&self, name: &Domain) -> History {
        let file = self.history_file(name);
        match read(&file).map(|text| text.map(|text| serde_json::from_str(&text))) {
            Ok(None) => History::default(),
            Ok(Some(Ok(history))) => history,
            Ok(Some(Err(_))) | Err(_) => {
                let at = fs::metadata(&file).and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH);
                let error = Some(format!("{}: cannot be read", file.display()));
                History { failures: 1, tried: Some(seconds(at)), error, ..History::default() }
            }
        }
    }

    pub(crate) fn keep_history(&self, name: &Domain, history: &History) -> Result<(), AcmeError> {
        let file = self.history_file(name);
        let text = serde_json::to_string(history).map_err(|error| AcmeError::file(&file, error.into()))?;
        Ok(replace_private(&file, &text)?)
    }

    /// Looks whether key and chain belong together, are for this name and are
    /// valid now, and puts them in the place of the ones before.
    pub(crate) fn keep_certificate(
        &self,
        name: &Domain,
        text: &str,
        now: SystemTime,
    ) -> Result<CertificateInfo, AcmeError> {
        // Hidden: the listeners read what is not.
        let candidate = self.0.join("certs").join(format!(".{name}.candidate"));
        replace_private(&candidate, text)?;
        let checked = ServerTls::open(CertFiles { cert: candidate.clone(), key: candidate.clone() });
        let _ = fs::remove_file(&candidate);
        let info = checked?.info();
        if !info.is_for(&HostName::Dns(name.clone())) || info.not_after <= now {
            return Err(AcmeError::Foreign(name.clone()));
        }
        replace_private(&self.certificate(name), text)?;
        Ok((*info).clone())
    }

    /// Moves those aside that have expired and that nobody wants any more: they
    /// would be complained about for ever. Until then clients that still come
    /// by the old name are shown them.
    pub(crate) fn put_aside(&self, wanted: &[Domain], now: SystemTime) -> Result<Vec<Domain>, AcmeError> {
        let wanted: HashSet<&Domain> = wanted.iter().collect();
        let mut put = Vec::new();
        for name in self.held()?.into_iter().filter(|name| !wanted.contains(name)) {
            let file = self.certificate(&name);
            if CertificateInfo::read(&file, None).is_ok_and(|info| info.not_after <= now) {
                let past = self.0.join("past").join(format!("{name}.pem"));
                fs::rename(&file, past).map_err(|error| AcmeError::file(&file, error))?;
                put.push(name);
            }
        }
        Ok(put)
    }

    /// The names of which there is a certificate.
    fn held(&self) -> Result<Vec<Domain>, AcmeError> {
        let folder = self.0.join("certs");
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| AcmeError::file(&folder, error))?,
        };
        let mut names: Vec<Domain> = entries
            .take(MAX_NAMES)
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".pem").map(str::to_owned))
            .filter_map(|name| Domain::parse(&name).ok())
            .collect();
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        Ok(names)
    }

    /// How a name stands.
    pub(crate) fn listed(&self, name: Domain, directory: &DirectoryUrl, now: SystemTime) -> Listed {
        let (file, history) = (self.certificate(&name), self.history(&name));
        let info = CertificateInfo::read(&file, None).ok();
        // One of another authority, such as one for trying out, is replaced.
        let info_counts = info.as_ref().filter(|_| history.directory.as_deref() == Some(directory.as_str()));
        let window = history.window.map(|(start, end)| (instant(start), instant(end)));
        let due = info_counts
            .map(|info| schedule::renewal((info.not_before, info.not_after), window, history.jitter))
            .unwrap_or(UNIX_EPOCH);
        let pause = match (history.failures, info_counts) {
            // An authority that suggests to renew each certificate at once is not followed.
            (0, Some(_)) => schedule::LEAST,
            (0, None) => Duration::ZERO,
            (failures, _) => schedule::pause(failures, history.jitter),
        };
        // A clock that was ahead once must not keep us waiting for years.
        let next = history.tried.map_or(due, |tried| due.max(instant(tried).min(now) + pause));
        Listed {
            name,
            file,
            issuer: info.as_ref().map(|info| info.issuer.clone()),
            expires: info.map(|info| info.not_after),
            next,
            failures: history.failures,
            last_error: history.error,
        }
    }
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A year that no certificate has caps what a damaged file says.
pub(crate) fn instant(seconds: u64) -> SystemTime {
    const YEAR_9999: u64 = 253_402_300_799;
    UNIX_EPOCH + Duration::from_secs(seconds.min(YEAR_9999))
}

fn read(file: &Path) -> Result<Option<String>, AcmeError> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| AcmeError::file(file, error))?,
    };
    let mut text = String::new();
    opened.take(MAX_FILE).read_to_string(&mut text).map_err(|error| AcmeError::file(file, error))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const DAY: u64 = 86_400;

    fn domain(name: &str) -> Domain {
        Domain::parse(name).unwrap()
    }

    /// Key and chain for a name, valid for so many days from 2026-09-21 on.
    fn pair(name: &str, days: u64) -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = start().into();
        params.not_after = (start() + Duration::from_secs(days * DAY)).into();
        key.serialize_pem() + &params.self_signed(&key).unwrap().pem()
    }

    fn start() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn after(days: u64) -> SystemTime {
        start() + Duration::from_secs(days * DAY)
    }

    #[test]
    fn only_what_is_usable_takes_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("acme")).unwrap();
        let name = domain("mail.example.org");
        let good = pair("mail.example.org", 90);
        store.keep_certificate(&name, &good, after(1)).unwrap();
        let key = |text: &str| text.split("-----BEGIN CERT").next().unwrap().to_owned();
        let mixed = key(&pair("mail.example.org", 90)) + good.trim_start_matches(&key(&good));
        for (text, expected) in [
            (pair("other.example.org", 90), "is not for mail.example.org"),
            (pair("mail.example.org", 1), "is not for mail.example.org"),
            (mixed, "does not belong"),
            (key(&good), "no certificate"),
            (String::new(), "no certificate"),
        ] {
            let error = store.keep_certificate(&name, &text, after(2)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(fs::read_to_string(store.certificate(&name)).unwrap(), good);
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&store.certificate(&name)), 0o600);
        assert_eq!(mode(&dir.path().join("acme/certs")), 0o700);
        assert_eq!(fs::read_dir(dir.path().join("acme/certs")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn one_orders_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let held = store.lock().unwrap();
        assert!(held.is_some() && store.lock().unwrap().is_none());
        drop(held);
        assert!(store.lock().unwrap().is_some());
    }

    #[test]
    fn what_happened_decides_what_is_next() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (name, directory) = (domain("mail.example.org"), DirectoryUrl::lets_encrypt());
        let next = || store.listed(name.clone(), &directory, after(100)).next;
        assert_eq!(next(), UNIX_EPOCH, "at once");
        let failed = |failures| History { failures, tried: Some(seconds(after(1))), ..History::default() };
        store.keep_history(&name, &failed(2)).unwrap();
        assert_eq!(next(), after(1) + Duration::from_secs(1800), "also after a restart");

        store.keep_certificate(&name, &pair("mail.example.org", 90), after(1)).unwrap();
        let ordered = History { directory: Some(directory.as_str().to_owned()), ..History::default() };
        store.keep_history(&name, &ordered).unwrap();
        assert_eq!(next(), after(60));
        let window = Some((seconds(after(30)), seconds(after(32))));
        store.keep_history(&name, &History { window, jitter: 32_768, ..ordered.clone() }).unwrap();
        assert_eq!(next(), after(31), "as the authority suggests");
        let tried = Some(seconds(after(60)));
        store.keep_history(&name, &History { failures: 40, tried, ..ordered.clone() }).unwrap();
        assert_eq!(next(), after(61));
        // A clock that was wrong, and an authority that cannot get enough.
        let ahead = Some(seconds(after(9000)));
        store.keep_history(&name, &History { failures: 1, tried: ahead, ..ordered.clone() }).unwrap();
        assert_eq!(next(), after(100) + Duration::from_secs(900));
        let (window, tried) = (Some((0, 1)), Some(seconds(after(70))));
        store.keep_history(&name, &History { window, tried, ..ordered.clone() }).unwrap();
        assert_eq!(next(), after(70) + schedule::LEAST);
        let elsewhere: DirectoryUrl = "https://acme.example/dir".parse().unwrap();
        store.keep_history(&name, &ordered).unwrap();
        assert_eq!(store.listed(name.clone(), &elsewhere, after(100)).next, UNIX_EPOCH, "it is another authority's");

        // What is damaged waits a little, and is shown.
        fs::write(store.history_file(&name), "{").unwrap();
        let listed = store.listed(name.clone(), &directory, after(100));
        assert!(listed.failures == 1 && listed.last_error.is_some() && listed.next > start(), "{listed:?}");
    }

    #[test]
    fn all_names_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let directory = DirectoryUrl::lets_encrypt();
        assert_eq!(list(&dir.path().join("none"), &[], &directory, after(0)).unwrap(), []);
        let store = Store::open(dir.path()).unwrap();
        store.keep_certificate(&domain("old.example.org"), &pair("old.example.org", 90), after(1)).unwrap();
        let listed = list(dir.path(), &[domain("mail.example.org")], &directory, after(0)).unwrap();
        let names: Vec<_> = listed.iter().map(|it| (it.name.as_str(), it.expires)).collect();
        assert_eq!(names, [("mail.example.org", None), ("old.example.org", Some(after(90)))]);
    }

    #[test]
    fn what_nobody_wants_is_put_aside_once_it_has_expired() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let [kept, gone, later] = ["kept.example.org", "gone.example.org", "later.example.org"].map(domain);
        for (name, days) in [(&kept, 30), (&gone, 30), (&later, 90)] {
            store.keep_certificate(name, &pair(name.as_str(), days), after(1)).unwrap();
        }
        // What cannot be read is for the administrator to look at.
        fs::write(store.certificate(&domain("odd.example.org")), "odd").unwrap();
        let text = fs::read_to_string(store.certificate(&gone)).unwrap();
        let wanted = [kept];
        assert_eq!(store.put_aside(&wanted, after(29)).unwrap(), []);
        assert_eq!(store.put_aside(&wanted, after(31)).unwrap(), std::slice::from_ref(&gone));
        assert_eq!(fs::read_to_string(dir.path().join("past/gone.example.org.pem")).unwrap(), text);
        let held: Vec<_> = store.held().unwrap().iter().map(Domain::to_string).collect();
        assert_eq!(held, ["kept.example.org", "later.example.org", "odd.example.org"]);
        // Also where another one of that name lies there already.
        store.keep_certificate(&gone, &pair(gone.as_str(), 40), after(32)).unwrap();
        assert_eq!(store.put_aside(&wanted, after(41)).unwrap(), [gone]);
        assert_eq!(store.put_aside(&wanted, after(91)).unwrap(), [later]);
    }
}
