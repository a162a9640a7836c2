//! What TLS listeners use: one certificate for all ports, replaced while
//! connections go on.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::inspect::{self, CertificateInfo};
use crate::{TlsError, files};

/// The two files of `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFiles {
    /// The certificate and its intermediates, PEM.
    pub cert: PathBuf,
    /// The private key, PEM.
    pub key: PathBuf,
}

/// What is spoken inside TLS on a port.
///
/// A client that offers protocols by ALPN (RFC 7301) and none of ours is
/// refused, so that a browser cannot be made to talk to the wrong port; one
/// that offers none is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP: `imap`.
    Imap,
    /// POP3: `pop3`.
    Pop3,
    /// Web: `http/1.1`.
    Https,
    /// SMTP behind STARTTLS or submission: no ALPN is registered for it.
    Smtp,
}

impl Protocol {
    fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&str] = match self {
            Self::Imap => &["imap"],
            Self::Pop3 => &["pop3"],
            Self::Https => &["http/1.1"],
            Self::Smtp => &[],
        };
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}

/// The certificate in use, and the way to take in a new one.
#[derive(Debug)]
pub struct ServerTls {
    files: CertFiles,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
}

/// What a handshake asks for the certificate. The lock is held only to copy
/// or to put the pointer.
struct Current(RwLock<Loaded>);

#[derive(Clone)]
struct Loaded {
    key: Arc<CertifiedKey>,
    info: Arc<CertificateInfo>,
}

impl ServerTls {
    /// Reads the files at start (not on an async worker). An expired certificate is taken, since mail
    /// servers then still deliver over it; look at [`ServerTls::info`].
    ///
    /// # Errors
    ///
    /// [`TlsError`] where a file cannot be read or the pair cannot be used.
    pub fn open(files: CertFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(default_provider());
        let loaded = load(&files, &provider)?;
        Ok(Self { files, provider, current: Arc::new(Current(RwLock::new(loaded))) })
    }

    /// Reads the files again (not on an async worker). Connections that come later see the new
    /// certificate; those that are open are not touched.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where the new pair cannot be used or is not valid at
    /// `now`; the old one then stays in use.
    pub fn reload(&self, now: SystemTime) -> Result<Arc<CertificateInfo>, TlsError> {
        let loaded = load(&self.files, &self.provider)?;
        if loaded.info.not_after < now {
            return Err(TlsError::Expired { file: self.files.cert.clone() });
        }
        if loaded.info.not_before > now {
            return Err(TlsError::NotYetValid { file: self.files.cert.clone() });
        }
        let info = Arc::clone(&loaded.info);
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(info)
    }

    /// The certificate in use.
    #[must_use]
    pub fn info(&self) -> Arc<CertificateInfo> {
        self.current.get().info
    }

    /// The settings for listeners of one protocol: TLS 1.2 and 1.3, session
    /// tickets with keys that change every six hours, no early data. Make it
    /// once for each protocol; it follows [`ServerTls::reload`].
    ///
    /// # Errors
    ///
    /// [`TlsError::Library`] where the system gives no randomness.
    pub fn config(&self, protocol: Protocol) -> Result<Arc<ServerConfig>, TlsError> {
        let failed = |error: rustls::Error| TlsError::Library(error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocol.alpn();
        config.ticketer = Ticketer::new().map_err(failed)?;
        Ok(Arc::new(config))
    }
}

impl Current {
    fn get(&self) -> Loaded {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Current {
    /// One certificate whatever the client calls us: a mail client that used
    /// another name gets a clear complaint about the name, not a dead line.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().key)
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.get().info.fingerprint).finish()
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
