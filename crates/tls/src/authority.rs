//! Our own certificate authority: made once for an installation, it signs the
//! server's certificates. Only `gatepost ca` uses it; the running server does
//! not.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::files::{self, Access};
use crate::inspect::{self, CertificateInfo};
use crate::{CertFolder, HostName, Owner, Scope, TlsError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Ten years and their leap days.
const CA_LIFE: Duration = Duration::from_secs(3653 * 24 * 60 * 60);
/// Clients' clocks may be somewhat behind ours.
const BACKDATED: Duration = DAY;
/// The longest common name that X.520 allows.
const MAX_COMMON_NAME: usize = 64;

/// A certificate authority with its private key in memory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    scope: Scope,
    info: CertificateInfo,
}

/// Which private key a new server certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChoice {
    /// The key that is there, if one is: the renewal is then one rename, and
    /// a published TLSA record of the key (RFC 6698) stays true.
    Keep,
    /// A new key.
    New,
}

impl Authority {
    /// Makes an authority and writes `ca.pem` (0644) and `ca/ca.key` (0600).
    ///
    /// ECDSA P-256, path length 0, critical name constraints, for servers
    /// only, ten years. The key is written first: a crash in between leaves
    /// no certificate that somebody could have come to trust without its key.
    ///
    /// # Errors
    ///
    /// [`TlsError::Exists`] where there is one already; [`TlsError::Write`].
    pub fn create(folder: &CertFolder, title: &HostName, scope: &Scope, now: SystemTime) -> Result<Self, TlsError> {
        for taken in [folder.ca_cert(), folder.ca_key()] {
            if taken.exists() {
                return Err(TlsError::Exists { file: taken });
            }
        }
        Self::write(folder, title, scope, now, files::create)
    }

    /// Makes a new authority in place of the one that is there. Clients that
    /// trusted the old one must be given the new certificate.
    ///
    /// # Errors
    ///
    /// As [`Authority::create`], without [`TlsError::Exists`].
    pub fn replace(folder: &CertFolder, title: &HostName, scope: &Scope, now: SystemTime) -> Result<Self, TlsError> {
        Self::write(folder, title, scope, now, files::replace)
    }

    fn write(
        folder: &CertFolder,
        title: &HostName,
        scope: &Scope,
        now: SystemTime,
        put: fn(&Path, &str, Access, Option<Owner>) -> Result<(), TlsError>,
    ) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = authority_params(title, scope, now)?.self_signed(&key)?;
        let key_file = folder.ca_key();
        if let Some(parent) = key_file.parent() {
            files::private_folder(parent)?;
        }
        put(&key_file, &key.serialize_pem(), Access::Private, None)?;
        put(&folder.ca_cert(), &certificate.pem(), Access::Public, None)?;
        Self::assemble(&folder.ca_cert(), certificate.der().clone(), key)
    }

    /// Reads the authority of a folder, with its key.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where a file is missing, damaged, or the two do not belong
    /// together.
    pub fn load(folder: &CertFolder) -> Result<Self, TlsError> {
        let (cert_file, key_file) = (folder.ca_cert(), folder.ca_key());
        let chain = inspect::read_chain(&cert_file)?;
        let der = inspect::first(&chain, &cert_file)?.clone();
        let key = read_key(&key_file)?;
        if inspect::parse(&cert_file, &der)?.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(TlsError::KeyMismatch { cert: cert_file, key: key_file });
        }
        Self::assemble(&cert_file, der, key)
    }

    fn assemble(file: &Path, der: CertificateDer<'static>, key: KeyPair) -> Result<Self, TlsError> {
        let info = CertificateInfo::of(file, &der, None)?;
        let scope = {
            let parsed = inspect::parse(file, &der)?;
            Scope::read(&parsed).filter(|_| parsed.is_ca())
        };
        let scope = scope.ok_or_else(|| TlsError::NotAnAuthority { file: file.to_owned() })?;
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { issuer, der, scope, info })
    }

    /// Signs a certificate for these hosts and writes `server.pem` (0644) and,
    /// where it is new, `server.key` (0600, given to `owner`). Valid for `days`
    /// from now, at most as long as the authority; clients refuse more than
    /// 397 days from public authorities, so that is the usual value.
    ///
    /// # Errors
    ///
    /// [`TlsError::OutsideScope`] for a host that the authority does not
    /// cover, [`TlsError::Expired`] once the authority itself is,
    /// [`TlsError::Write`], and those of reading a key that is kept.
    pub fn issue(
        &self,
        folder: &CertFolder,
        hosts: &[HostName],
        (now, days): (SystemTime, u16),
        key: KeyChoice,
        owner: Option<Owner>,
    ) -> Result<CertificateInfo, TlsError> {
        self.check(folder, hosts, now)?;
        let key_file = folder.server_key();
        let kept = key == KeyChoice::Keep && key_file.exists();
        let pair = if kept { read_key(&key_file)? } else { KeyPair::generate()? };
        let not_after = (now + DAY * u32::from(days)).min(self.info.not_after);
        let certificate = server_params(hosts, now, not_after)?.signed_by(&pair, &self.issuer)?;
        if !kept {
            files::replace(&key_file, &pair.serialize_pem(), Access::Private, owner)?;
        }
        let cert_file = folder.server_cert();
        files::replace(&cert_file, &certificate.pem(), Access::Public, owner)?;
        CertificateInfo::of(&cert_file, certificate.der(), Some(&self.der))
    }

    fn check(&self, folder: &CertFolder, hosts: &[HostName], now: SystemTime) -> Result<(), TlsError> {
        if hosts.is_empty() {
            return Err(TlsError::NoName);
        }
        if self.info.remaining(now).is_zero() {
            return Err(TlsError::Expired { file: folder.ca_cert() });
        }
        match hosts.iter().find(|host| !self.scope.covers(host)) {
            Some(host) => Err(TlsError::OutsideScope { name: host.to_string(), allowed: self.scope.to_string() }),
            None => Ok(()),
        }
    }

    /// What the authority may sign for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The authority's own certificate: name, dates, fingerprint.
    #[must_use]
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// Reads what an authority covers from its certificate alone, without its
    /// key.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where the file cannot be read or is no authority of ours.
    pub fn scope_of(file: &Path) -> Result<Scope, TlsError> {
        let chain = inspect::read_chain(file)?;
        let parsed = inspect::parse(file, inspect::first(&chain, file)?)?;
        Scope::read(&parsed)
            .filter(|_| parsed.is_ca())
            .ok_or_else(|| TlsError::NotAnAuthority { file: file.to_owned() })
    }
}

fn authority_params(title: &HostName, scope: &Scope, now: SystemTime) -> Result<CertificateParams, TlsError> {
    let mut params = dated(now, now + CA_LIFE)?;
    // The day keeps the names of two authorities of one host apart.
    let day = OffsetDateTime::from(now).date();
    params.distinguished_name = named(&format!("Mail CA {day} of {title}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(scope.constraints());
    Ok(params)
}

fn server_params(hosts: &[HostName], now: SystemTime, until: SystemTime) -> Result<CertificateParams, TlsError> {
    let mut params = dated(now, until)?;
    params.distinguished_name = match hosts.first() {
        Some(HostName::Dns(title)) => named(title.as_str()),
        // A bare address would be taken for a DNS name by OpenSSL, which then
        // holds it against the constraints on those.
        Some(HostName::Ip(title)) => named(&format!("server at {title}")),
        None => DistinguishedName::new(),
    };
    for host in hosts {
        params.subject_alt_names.push(match host {
            HostName::Dns(domain) => SanType::DnsName(domain.as_str().try_into()?),
            HostName::Ip(ip) => SanType::IpAddress(*ip),
        });
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn dated(now: SystemTime, until: SystemTime) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::from(now - BACKDATED);
    params.not_after = OffsetDateTime::from(until);
    params.serial_number = Some(serial()?);
    Ok(params)
}

/// The library would derive the number from the key, so that a renewal with
/// the same key had the same number, which RFC 5280 §4.1.2.2 forbids.
fn serial() -> Result<SerialNumber, TlsError> {
    let mut bytes = [0; 16];
    let filled = default_provider().secure_random.fill(&mut bytes);
    filled.map_err(|_| TlsError::Library("the system gives no randomness".to_owned()))?;
    // Positive, and never of fewer octets.
    bytes[0] = bytes[0] & 0x7F | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn named(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    let short: String = common.chars().take(MAX_COMMON_NAME).collect();
    name.push(DnType::CommonName, short);
    name
}

fn read_key(file: &Path) -> Result<KeyPair, TlsError> {
    let text = String::from_utf8(files::read(file)?).map_err(|_| TlsError::NoKey { file: file.to_owned() })?;
    KeyPair::from_pem(&text).map_err(|_| TlsError::BadKey { file: file.to_owned() })
}
