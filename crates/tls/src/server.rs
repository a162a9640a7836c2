//! What TLS listeners use: the certificates for all ports, chosen by the name
//! that a client asks for, and replaced while connections go on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{Ticketer, default_provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::choice::Choice;
use crate::inspect::CertificateInfo;
use crate::shelf::{Report, Shelf, Shown, Sources, Why};
use crate::{HostName, TlsError};

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

/// The certificates in use, and the way to take in new ones.
#[derive(Debug)]
pub struct ServerTls {
    provider: Arc<CryptoProvider>,
    shelf: Mutex<Shelf>,
    current: Arc<Current>,
}

/// What a handshake asks for the certificate. The lock is held only to copy
/// or to put the pointer.
struct Current(RwLock<Arc<Choice>>);

impl ServerTls {
    /// Reads the files at start (not on an async worker). An expired certificate is taken, since mail
    /// servers then still deliver over it; look at [`ServerTls::info`]. What
    /// is broken beside the default is in [`ServerTls::shown`].
    ///
    /// # Errors
    ///
    /// [`TlsError`] where a file of the default cannot be read or the pair
    /// cannot be used.
    pub fn open(sources: impl Into<Sources>) -> Result<Self, TlsError> {
        let (provider, mut shelf) = (Arc::new(default_provider()), Shelf::new(sources.into()));
        // At a start no date is compared with the time.
        let mut report = shelf.look(&provider, (Why::Start, SystemTime::UNIX_EPOCH));
        match shelf.choice(SystemTime::UNIX_EPOCH) {
            Some(choice) => {
                let current = Arc::new(Current(RwLock::new(Arc::new(choice))));
                Ok(Self { provider, shelf: Mutex::new(shelf), current })
            }
            // The default comes last.
            None => Err(report.broken.pop().unwrap_or(TlsError::NoName)),
        }
    }

    /// Reads all files again (not on an async worker). Connections that come later see the new
    /// certificates; those that are open are not touched. A pair that cannot
    /// be used, or is not valid at `now`, leaves the old one in use.
    pub fn reload(&self, now: SystemTime) -> Report {
        self.look(Why::Asked, now)
    }

    /// Reads those files that have changed, and have stood still since the
    /// last look (not on an async worker). What is wrong with a pair is told
    /// once.
    pub fn watch(&self, now: SystemTime) -> Report {
        self.look(Why::Watching, now)
    }

    fn look(&self, why: Why, now: SystemTime) -> Report {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let report = shelf.look(&self.provider, (why, now));
        if let Some(choice) = shelf.choice(now) {
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(choice);
        }
        report
    }

    /// The certificate for clients that ask for no name.
    #[must_use]
    pub fn info(&self) -> Arc<CertificateInfo> {
        Arc::clone(&self.current.get().pick(None).info)
    }

    /// The certificate that a client is shown who asks for this name; none
    /// where no certificate is for it.
    #[must_use]
    pub fn info_for(&self, host: &HostName) -> Option<Arc<CertificateInfo>> {
        let HostName::Dns(domain) = host else { return None };
        self.current.get().named(domain.as_str()).map(|loaded| Arc::clone(&loaded.info))
    }

    /// All pairs of files, with the certificates in use.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner).shown()
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
    fn get(&self) -> Arc<Choice> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().pick(hello.server_name()).key))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.get().pick(None).info.fingerprint).finish()
    }
}
