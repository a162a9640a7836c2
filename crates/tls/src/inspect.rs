//! What is in a certificate file: names, dates, fingerprint, who made it.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::{HostName, TlsError, files};

/// A chain has a handful of certificates; more is a mistake or an attack.
const MAX_CHAIN: usize = 16;

/// The first certificate of a file, as an administrator wants to see it.
#[derive(Debug, Clone)]
pub struct CertificateInfo {
    /// The subject's common name, or the whole subject where it has none.
    pub subject: String,
    /// The issuer's common name, or the whole issuer where it has none.
    pub issuer: String,
    /// The DNS names and addresses it is valid for. A name that is no plain
    /// host (a wildcard) stands in `other_names`.
    pub names: Vec<HostName>,
    /// Alternative names of other kinds, as text.
    pub other_names: Vec<String>,
    /// Valid from.
    pub not_before: SystemTime,
    /// Valid until.
    pub not_after: SystemTime,
    /// SHA-256 over the whole certificate.
    pub fingerprint: Fingerprint,
    /// Who made it.
    pub maker: Maker,
}

/// Who made a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Signed by its own key.
    ItselfOnly,
    /// Signed by the authority it was compared with.
    OwnAuthority,
    /// Signed by somebody else.
    Other,
}

/// A SHA-256 fingerprint, shown as `AB:CD:…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl CertificateInfo {
    /// Reads the first certificate of a PEM file. With the file of our own
    /// authority it also says whether that authority signed it.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where a file cannot be read or holds no certificate.
    pub fn read(file: &Path, authority: Option<&Path>) -> Result<Self, TlsError> {
        let chain = read_chain(file)?;
        let ours = authority.map(read_chain).transpose()?;
        let ours = ours.as_ref().and_then(|chain| chain.first());
        Self::of(file, first(&chain, file)?, ours)
    }

    pub(crate) fn of(
        file: &Path,
        der: &CertificateDer<'_>,
        authority: Option<&CertificateDer<'_>>,
    ) -> Result<Self, TlsError> {
        let certificate = parse(file, der)?;
        let (names, other_names) = alternative_names(&certificate);
        Ok(Self {
            subject: common_name(certificate.subject()),
            issuer: common_name(certificate.issuer()),
            names,
            other_names,
            not_before: instant(certificate.validity().not_before.timestamp()),
            not_after: instant(certificate.validity().not_after.timestamp()),
            fingerprint: Fingerprint(Sha256::digest(der).into()),
            maker: maker(&certificate, authority),
        })
    }

    /// How long it is still valid; zero once it has expired.
    #[must_use]
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }

    /// Whether it is valid for this host.
    #[must_use]
    pub fn is_for(&self, host: &HostName) -> bool {
        if self.names.contains(host) {
            return true;
        }
        let HostName::Dns(domain) = host else { return false };
        let Some((_, parent)) = domain.as_str().split_once('.') else { return false };
        // A wildcard stands for exactly one label (RFC 9525 §6.3).
        self.other_names
            .iter()
            .any(|name| name.strip_prefix("*.").is_some_and(|rest| rest.eq_ignore_ascii_case(parent)))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

pub(crate) fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = files::read(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).take(MAX_CHAIN + 1).collect();
    let chain = chain.map_err(|error| TlsError::BadCertificate { file: file.to_owned(), why: error.to_string() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned() });
    }
    if chain.len() > MAX_CHAIN {
        let why = format!("more than {MAX_CHAIN} certificates");
        return Err(TlsError::BadCertificate { file: file.to_owned(), why });
    }
    Ok(chain)
}

pub(crate) fn first<'a>(
    chain: &'a [CertificateDer<'static>],
    file: &Path,
) -> Result<&'a CertificateDer<'static>, TlsError> {
    chain.first().ok_or_else(|| TlsError::NoCertificate { file: file.to_owned() })
}

pub(crate) fn parse<'a>(file: &Path, der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, TlsError> {
    let bad = |why: String| TlsError::BadCertificate { file: file.to_owned(), why };
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| bad(error.to_string()))?;
    if !rest.is_empty() {
        return Err(bad("bytes follow the certificate".to_owned()));
    }
    Ok(certificate)
}

fn maker(certificate: &X509Certificate<'_>, authority: Option<&CertificateDer<'_>>) -> Maker {
    if certificate.subject() == certificate.issuer() && certificate.verify_signature(None).is_ok() {
        return Maker::ItselfOnly;
    }
    let signed = authority.and_then(|der| X509Certificate::from_der(der).ok()).is_some_and(|(_, ca)| {
        ca.subject() == certificate.issuer() && certificate.verify_signature(Some(ca.public_key())).is_ok()
    });
    if signed { Maker::OwnAuthority } else { Maker::Other }
}

fn common_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|value| value.as_str().ok());
    let text = common.map_or_else(|| name.to_string(), str::to_owned);
    mail::Text::sanitized(&text).to_string()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<HostName>, Vec<String>) {
    let (mut names, mut others) = (Vec::new(), Vec::new());
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return (names, others) };
    for name in &extension.value.general_names {
        match host(name) {
            Ok(host) => names.push(host),
            Err(other) => others.push(mail::Text::sanitized(&other).to_string()),
        }
    }
    (names, others)
}

fn host(name: &GeneralName<'_>) -> Result<HostName, String> {
    match name {
        GeneralName::DNSName(text) => match text.parse() {
            Ok(HostName::Dns(domain)) => Ok(HostName::Dns(domain)),
            _ => Err((*text).to_owned()),
        },
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let any = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            any.map(HostName::Ip).map_err(|_| "damaged address".to_owned())
        }
        other => Err(other.to_string()),
    }
}

fn instant(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moved = if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moved.unwrap_or(UNIX_EPOCH)
}
