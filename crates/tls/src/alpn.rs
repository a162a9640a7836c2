//! Answers to an authority that asks over TLS whether a name is ours
//! (TLS-ALPN-01, RFC 8737): a certificate that is shown to nobody else, and
//! only while an order waits for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mail::Domain;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::ClientHello;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::TlsError;

/// The protocol that such a client offers, and no other beside it
/// (RFC 8737 §3).
pub const ACME_TLS: &[u8] = b"acme-tls/1";

/// The answers that wait to be fetched; clones share them.
#[derive(Clone, Default)]
pub struct Challenges(Arc<Mutex<HashMap<Domain, Answer>>>);

#[derive(Clone)]
struct Answer {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

/// One answer, which is given as long as this lives.
#[must_use]
#[derive(Debug)]
pub struct Armed {
    challenges: Challenges,
    name: Domain,
    certificate: CertificateDer<'static>,
}

impl Challenges {
    /// From now on whoever asks for this name by [`ACME_TLS`] is shown the
    /// certificate with this SHA-256 of the key authorization
    /// (RFC 8555 §8.1).
    ///
    /// # Errors
    ///
    /// [`TlsError::Library`] where it cannot be made.
    pub fn arm(&self, name: &Domain, digest: [u8; 32]) -> Result<Armed, TlsError> {
        let answer = answer(name, &digest)?;
        let certificate = answer.certificate.clone();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), answer);
        Ok(Armed { challenges: self.clone(), name: name.clone(), certificate })
    }

    /// How this client is answered, where it is one that asks for a challenge:
    /// it offers that protocol alone. `Some(None)` where nothing waits for the
    /// name: the connection is then to be ended.
    #[must_use]
    pub fn answer(&self, hello: &ClientHello<'_>) -> Option<Option<Arc<ServerConfig>>> {
        let mut offered = hello.alpn()?;
        if offered.next() != Some(ACME_TLS) || offered.next().is_some() {
            return None;
        }
        let name = hello.server_name().and_then(|name| Domain::parse(name).ok());
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Some(name.and_then(|name| waiting.get(&name).map(|answer| Arc::clone(&answer.config))))
    }
}

impl Armed {
    /// The certificate that is shown, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        let mut waiting = self.challenges.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A later answer for the same name is not ours to take away.
        if waiting.get(&self.name).is_some_and(|answer| answer.certificate == self.certificate) {
            waiting.remove(&self.name);
        }
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(waiting.keys()).finish()
    }
}

/// A certificate of its own key for this one name, with the digest in a
/// critical extension (RFC 8737 §3).
fn answer(name: &Domain, digest: &[u8; 32]) -> Result<Answer, TlsError> {
    let failed = |error: rustls::Error| TlsError::Library(error.to_string());
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([name.as_str().to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let certificate = params.self_signed(&key)?.der().clone();
    let provider = Arc::new(default_provider());
    let signing = provider.key_provider.load_private_key(PrivatePkcs8KeyDer::from(key.serialize_der()).into());
    // Not compared with each other, as they usually are: that reads the
    // certificate, and the critical extension is unknown there.
    let pair = CertifiedKey::new(vec![certificate.clone()], signing.map_err(failed)?);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(Answer { config: Arc::new(config), certificate })
}
