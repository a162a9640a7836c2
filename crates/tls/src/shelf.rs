//! The certificates of an installation on disk: which there are, which of them
//! have changed, and which cannot be used. A pair that cannot be used leaves
//! the one that was read before in use.

use std::cmp::Reverse;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::sign::CertifiedKey;

use crate::choice::{Choice, Loaded};
use crate::inspect::{self, CertificateInfo};
use crate::{HostName, TlsError, files};

/// More certificates than anybody has domains on one server.
const MAX_PAIRS: usize = 20_000;
/// So much may our clock be behind that of who made a certificate.
const SKEW: Duration = Duration::from_secs(60);
/// What the files in a folder of its own may be called: as certbot calls them,
/// and as `gatepost ca issue` does.
const FILE_NAMES: [(&str, &str); 2] = [("fullchain.pem", "privkey.pem"), ("server.pem", "server.key")];

/// Two files that belong together; they may be one and the same file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// The certificate and its intermediates, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// Where an installation's certificates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// What is shown where nothing else fits. Must be there from the start.
    pub default: CertFiles,
    /// A folder with a folder for each further certificate: `fullchain.pem` and
    /// `privkey.pem`, or `server.pem` and `server.key`. It goes before the
    /// others where a name is in several certificates.
    pub folder: Option<PathBuf>,
    /// The folder of certificates that we ordered: `NAME.pem`, key and chain in
    /// one file, so that one rename replaces both. They go before the default.
    pub ordered: Option<PathBuf>,
    /// The server's name: the certificate for it is shown to clients that ask
    /// for no name, or for an unknown one.
    pub hostname: Option<HostName>,
}

impl From<CertFiles> for Sources {
    fn from(default: CertFiles) -> Self {
        Self { default, folder: None, ordered: None, hostname: None }
    }
}

impl Sources {
    /// All pairs that there are now, the default last. A folder that does not
    /// exist holds none.
    ///
    /// # Errors
    ///
    /// [`TlsError::Read`] where a folder cannot be listed.
    pub fn pairs(&self) -> Result<Vec<CertFiles>, TlsError> {
        let mut pairs = Vec::new();
        if let Some(folder) = &self.folder {
            pairs.extend(listed(folder)?.into_iter().filter(|path| path.is_dir()).map(|path| pair_in(&path)));
        }
        if let Some(folder) = &self.ordered {
            let files = listed(folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "pem"));
            pairs.extend(files.map(|file| CertFiles { cert: file.clone(), key: file }));
        }
        pairs.push(self.default.clone());
        Ok(pairs)
    }

    fn rank(&self, files: &CertFiles) -> u8 {
        let within = |folder: &Option<PathBuf>| folder.as_ref().is_some_and(|folder| files.cert.starts_with(folder));
        match () {
            () if *files == self.default => 2,
            () if within(&self.ordered) => 1,
            () => 0,
        }
    }
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, TlsError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| TlsError::read(folder, error))?,
    };
    let mut paths = Vec::new();
    for entry in entries.take(MAX_PAIRS) {
        let path = entry.map_err(|error| TlsError::read(folder, error))?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        paths.extend((!hidden).then_some(path));
    }
    paths.sort();
    Ok(paths)
}

fn pair_in(folder: &Path) -> CertFiles {
    let [usual, ours] = FILE_NAMES;
    let (cert, key) = if folder.join(ours.0).exists() && !folder.join(usual.0).exists() { ours } else { usual };
    CertFiles { cert: folder.join(cert), key: folder.join(key) }
}

/// Why the files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The server starts: what has expired is taken, since it is all there is.
    Start,
    /// The administrator says that they have changed.
    Asked,
    /// They are looked at now and then: what has changed is taken once it
    /// stands still, so that nobody is met between writing the two files.
    Watching,
}

/// What a look at the files has changed.
#[derive(Debug, Default)]
pub struct Report {
    /// Certificates that were read.
    pub taken: Vec<Arc<CertificateInfo>>,
    /// Pairs that cannot be used; the ones that were read before stay.
    pub broken: Vec<TlsError>,
}

/// One pair of files, and what came of it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The files.
    pub files: CertFiles,
    /// The certificate in use; none where the pair could never be read.
    pub info: Option<Arc<CertificateInfo>>,
    /// Why the files that are there now cannot be used.
    pub trouble: Option<String>,
}

/// All pairs of files with what was read from them.
#[derive(Debug)]
pub(crate) struct Shelf {
    sources: Sources,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    files: CertFiles,
    /// How the files were when they were last looked at, and last read.
    seen: Option<Stamp>,
    read: Option<Stamp>,
    loaded: Option<Loaded>,
    trouble: Option<String>,
}

/// Tells a file from the one that stood there before.
type FileStamp = Option<(u64, u64, i64, i64, i64, i64)>;
type Stamp = (FileStamp, FileStamp);

impl Shelf {
    pub(crate) fn new(sources: Sources) -> Self {
        Self { sources, entries: Vec::new() }
    }

    /// Looks at the files and reads what is to be read.
    pub(crate) fn look(&mut self, provider: &CryptoProvider, (why, now): (Why, SystemTime)) -> Report {
        let mut report = Report::default();
        let pairs = match self.sources.pairs() {
            Ok(pairs) => pairs,
            // Without the list nobody can tell which are gone.
            Err(error) => {
                if why != Why::Watching {
                    report.broken.push(error);
                }
                let mut known: Vec<_> = self.entries.iter().map(|entry| entry.files.clone()).collect();
                if known.is_empty() {
                    known.push(self.sources.default.clone());
                }
                known
            }
        };
        self.entries.retain(|entry| pairs.contains(&entry.files));
        for files in pairs {
            if !self.entries.iter().any(|entry| entry.files == files) {
                self.entries.push(Entry { files, seen: None, read: None, loaded: None, trouble: None });
            }
        }
        for entry in &mut self.entries {
            entry.look(provider, (why, now), &mut report);
        }
        report
    }

    /// The certificates in use by their names; `None` without a default. Those
    /// that have expired come last.
    pub(crate) fn choice(&self, now: SystemTime) -> Option<Choice> {
        let is_default = |entry: &&Entry| entry.files == self.sources.default;
        let fallback = self.entries.iter().find(is_default)?.loaded.clone()?;
        let ranked =
            self.entries.iter().filter_map(|entry| Some((self.sources.rank(&entry.files), entry.loaded.as_ref()?)));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by_key(|(rank, loaded)| {
            (loaded.info.remaining(now).is_zero(), *rank, Reverse(loaded.info.not_after))
        });
        let all = ranked.into_iter().map(|(_, loaded)| loaded);
        Some(Choice::new(all, fallback, self.sources.hostname.as_ref()))
    }

    pub(crate) fn shown(&self) -> Vec<Shown> {
        let shown = |entry: &Entry| Shown {
            files: entry.files.clone(),
            info: entry.loaded.as_ref().map(|loaded| Arc::clone(&loaded.info)),
            trouble: entry.trouble.clone(),
        };
        self.entries.iter().map(shown).collect()
    }
}

impl Entry {
    fn look(&mut self, provider: &CryptoProvider, (why, now): (Why, SystemTime), report: &mut Report) {
        let stamp = Some((stamp(&self.files.cert), stamp(&self.files.key)));
        let still = self.seen == stamp;
        self.seen = stamp;
        if why == Why::Watching && (!still || self.read == stamp) {
            return;
        }
        self.read = stamp;
        match load(&self.files, provider).and_then(|loaded| in_time(loaded, &self.files.cert, (why, now))) {
            Ok(loaded) => {
                report.taken.push(Arc::clone(&loaded.info));
                (self.loaded, self.trouble) = (Some(loaded), None);
            }
            Err(error) => {
                // Its time comes without any change of the files.
                if matches!(error, TlsError::NotYetValid { .. }) {
                    self.read = None;
                }
                let trouble = Some(error.to_string());
                if why != Why::Watching || self.trouble != trouble {
                    report.broken.push(error);
                }
                self.trouble = trouble;
            }
        }
    }
}

fn stamp(file: &Path) -> FileStamp {
    let of =
        |meta: Metadata| (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    fs::metadata(file).ok().map(of)
}

fn in_time(loaded: Loaded, cert: &Path, (why, now): (Why, SystemTime)) -> Result<Loaded, TlsError> {
    match () {
        () if why == Why::Start => Ok(loaded),
        () if loaded.info.not_after < now => Err(TlsError::Expired { file: cert.to_owned() }),
        () if loaded.info.not_before > now + SKEW => Err(TlsError::NotYetValid { file: cert.to_owned() }),
        () => Ok(loaded),
    }
}

fn load(files: &CertFiles, provider: &CryptoProvider) -> Result<Loaded, TlsError> {
    let chain = inspect::read_chain(&files.cert)?;
    let info = CertificateInfo::of(&files.cert, inspect::first(&chain, &files.cert)?, None)?;
    let key = provider
        .key_provider
        .load_private_key(private_key(files)?)
        .map_err(|_| TlsError::BadKey { file: files.key.clone() })?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::KeyMismatch { cert: files.cert.clone(), key: files.key.clone() }
        }
        other => TlsError::BadCertificate { file: files.cert.clone(), why: other.to_string() },
    })?;
    Ok(Loaded { key: Arc::new(certified), info: Arc::new(info) })
}

fn private_key(files: &CertFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file = || files.key.clone();
    let bytes = files::read(&files.key)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        match error {
            PemError::NoItemsFound if encrypted => TlsError::EncryptedKey { file: file() },
            PemError::NoItemsFound => TlsError::NoKey { file: file() },
            _ => TlsError::BadKey { file: file() },
        }
    })
}
