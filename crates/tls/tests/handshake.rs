//! Clients that trust our authority meet the server: what is accepted, what
//! is not, and what a new certificate changes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use tempfile::TempDir;
use tls::{
    Authority, CertFiles, CertFolder, CertificateInfo, HostName, KeyChoice, Maker, Protocol, Scope, ServerTls,
    TlsError, others_can_read,
};

const DAY: Duration = Duration::from_secs(86_400);

struct Place {
    _dir: TempDir,
    folder: CertFolder,
    now: SystemTime,
}

fn host(text: &str) -> HostName {
    text.parse().unwrap()
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let folder = CertFolder::new(dir.path().join("certs"));
    fs::create_dir(folder.path()).unwrap();
    // Handshakes look at the real clock, so the tests start from it.
    Place { _dir: dir, folder, now: SystemTime::now() }
}

impl Place {
    fn with_authority(self) -> (Self, Authority) {
        let scope = Scope::new([host("example.org"), host("example.net")]);
        let ca = Authority::create(&self.folder, &host("mail.example.org"), &scope, self.now).unwrap();
        (self, ca)
    }

    fn files(&self) -> CertFiles {
        CertFiles { cert: self.folder.server_cert(), key: self.folder.server_key() }
    }

    fn issue(&self, ca: &Authority, hosts: &[&str], key: KeyChoice) -> Result<CertificateInfo, TlsError> {
        let hosts: Vec<_> = hosts.iter().map(|name| host(name)).collect();
        ca.issue(&self.folder, &hosts, (self.now, 397), key, None)
    }

    fn client(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.ca_cert()).unwrap()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

/// Runs a handshake in memory and gives the protocol agreed on.
fn shake(server: &Arc<ServerConfig>, client: &ClientConfig, name: &str) -> Result<Option<String>, String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client.clone()), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    for _ in 0..6 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| error.to_string())?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| error.to_string())?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(client.alpn_protocol().map(|name| String::from_utf8(name.to_vec()).unwrap()))
}

#[test]
fn clients_accept_what_we_issue() {
    let (place, ca) = place().with_authority();
    let info = place.issue(&ca, &["mail.example.org", "localhost", "127.0.0.1", "::1"], KeyChoice::Keep).unwrap();
    assert_eq!(info.maker, Maker::OwnAuthority);
    assert!(info.remaining(place.now) > DAY * 396 && info.remaining(place.now) <= DAY * 397);
    assert!(info.is_for(&host("localhost")) && !info.is_for(&host("example.org")));

    let tls = ServerTls::open(place.files()).unwrap();
    let smtp = tls.config(Protocol::Smtp).unwrap();
    for name in ["mail.example.org", "localhost", "127.0.0.1", "::1"] {
        assert_eq!(shake(&smtp, &place.client(), name), Ok(None), "{name}");
    }
    assert!(shake(&smtp, &place.client(), "other.example.org").is_err());
}

#[test]
fn protocols_do_not_mix() {
    let (place, ca) = place().with_authority();
    place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let tls = ServerTls::open(place.files()).unwrap();
    let cases: [(Protocol, &[&str], Result<Option<&str>, ()>); 7] = [
        (Protocol::Imap, &["imap"], Ok(Some("imap"))),
        (Protocol::Imap, &[], Ok(None)),
        (Protocol::Imap, &["http/1.1"], Err(())),
        (Protocol::Pop3, &["pop3"], Ok(Some("pop3"))),
        (Protocol::Pop3, &["imap"], Err(())),
        (Protocol::Https, &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (Protocol::Smtp, &["smtp"], Ok(None)),
    ];
    for (protocol, offered, expected) in cases {
        let mut client = place.client();
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let got = shake(&tls.config(protocol).unwrap(), &client, "localhost").map_err(|_| ());
        assert_eq!(got, expected.map(|name| name.map(str::to_owned)), "{protocol:?} {offered:?}");
    }
}

#[test]
fn both_versions_of_tls_are_spoken() {
    let (place, ca) = place().with_authority();
    place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let server = ServerTls::open(place.files()).unwrap().config(Protocol::Smtp).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates({
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(place.folder.ca_cert()).unwrap()).unwrap();
                roots
            })
            .with_no_client_auth();
        client.resumption = Resumption::in_memory_sessions(4);
        for _ in 0..2 {
            assert_eq!(shake(&server, &client, "localhost"), Ok(None), "{version:?}");
        }
    }
}

#[test]
fn the_scope_is_refused_by_us_and_by_clients() {
    let (place, ca) = place().with_authority();
    for bad in ["bank.example.com", "192.0.2.1", "example.or", "badexample.org"] {
        let refused = place.issue(&ca, &["mail.example.org", bad], KeyChoice::Keep);
        assert!(matches!(refused, Err(TlsError::OutsideScope { .. })), "{bad}");
    }
    assert!(matches!(place.issue(&ca, &[], KeyChoice::Keep), Err(TlsError::NoName)));
    assert!(!place.folder.server_cert().exists() && !place.folder.server_key().exists());

    // Somebody who stole the key signs for a name outside all the same.
    let key = rcgen::KeyPair::from_pem(&fs::read_to_string(place.folder.ca_key()).unwrap()).unwrap();
    let pem = fs::read_to_string(place.folder.ca_cert()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&pem, key).unwrap();
    for (name, accepted) in [("mail.example.net", true), ("bank.example.com", false), ("192.0.2.1", false)] {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap().signed_by(&pair, &issuer).unwrap();
        fs::write(place.folder.server_cert(), certificate.pem()).unwrap();
        fs::write(place.folder.server_key(), pair.serialize_pem()).unwrap();
        let server = ServerTls::open(place.files()).unwrap().config(Protocol::Smtp).unwrap();
        assert_eq!(shake(&server, &place.client(), name).is_ok(), accepted, "{name}");
    }
}

#[test]
fn the_authority_says_what_it_is_for() {
    let (place, ca) = place().with_authority();
    place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let ca_der = CertificateDer::from_pem_file(place.folder.ca_cert()).unwrap();
    let (_, own) = x509_parser::parse_x509_certificate(&ca_der).unwrap();
    let basic = own.basic_constraints().unwrap().unwrap();
    assert!(basic.critical && basic.value.ca && basic.value.path_len_constraint == Some(0));
    assert!(own.name_constraints().unwrap().unwrap().critical);
    let usage = own.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.server_auth && !usage.value.any && !usage.value.code_signing && !usage.value.email_protection);

    let der = CertificateDer::from_pem_file(place.folder.server_cert()).unwrap();
    let (_, leaf) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert!(!leaf.is_ca() && leaf.key_usage().unwrap().unwrap().value.digital_signature());
    place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let der = CertificateDer::from_pem_file(place.folder.server_cert()).unwrap();
    let (_, renewed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert_ne!(leaf.raw_serial(), renewed.raw_serial(), "NSS refuses two certificates with one serial");
    assert_eq!(leaf.public_key().raw, renewed.public_key().raw);
}

#[test]
fn a_new_certificate_is_taken_in_and_a_broken_one_is_not() {
    let (place, ca) = place().with_authority();
    let first = place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let tls = ServerTls::open(place.files()).unwrap();
    let server = tls.config(Protocol::Imap).unwrap();
    assert_eq!(tls.info().fingerprint, first.fingerprint);
    assert!(shake(&server, &place.client(), "mail.example.org").is_err());

    let second = place.issue(&ca, &["localhost", "mail.example.org"], KeyChoice::New).unwrap();
    assert_eq!(tls.reload(place.now).taken[0].fingerprint, second.fingerprint);
    assert_eq!(shake(&server, &place.client(), "mail.example.org"), Ok(None));

    let good_cert = fs::read(place.folder.server_cert()).unwrap();
    let good_key = fs::read(place.folder.server_key()).unwrap();
    let other_key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases: [(&[u8], &[u8], fn(&TlsError) -> bool); 7] = [
        (b"", &good_key, |error| matches!(error, TlsError::NoCertificate { .. })),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &good_key, |error| {
            matches!(error, TlsError::BadCertificate { .. })
        }),
        (b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n", &good_key, |error| {
            matches!(error, TlsError::BadCertificate { .. })
        }),
        (&good_cert, b"nothing", |error| matches!(error, TlsError::NoKey { .. })),
        (&good_cert, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", |error| {
            matches!(error, TlsError::BadKey { .. })
        }),
        (&good_cert, encrypted.as_bytes(), |error| matches!(error, TlsError::EncryptedKey { .. })),
        (&good_cert, other_key.as_bytes(), |error| matches!(error, TlsError::KeyMismatch { .. })),
    ];
    for (cert, key, expected) in cases {
        fs::write(place.folder.server_cert(), cert).unwrap();
        fs::write(place.folder.server_key(), key).unwrap();
        let error = broken(&tls, place.now).unwrap();
        assert!(expected(&error), "{error}");
        assert!(!error.hint().is_empty() && error.to_string().contains("server."));
        assert_eq!(tls.info().fingerprint, second.fingerprint);
        assert_eq!(shake(&server, &place.client(), "mail.example.org"), Ok(None));
    }

    fs::write(place.folder.server_cert(), good_cert).unwrap();
    fs::write(place.folder.server_key(), good_key).unwrap();
    assert!(matches!(broken(&tls, place.now + DAY * 400), Some(TlsError::Expired { .. })));
    assert!(matches!(broken(&tls, place.now - DAY * 2), Some(TlsError::NotYetValid { .. })));
    assert!(broken(&tls, place.now).is_none());
}

/// What is wrong with the only pair there is.
fn broken(tls: &ServerTls, now: SystemTime) -> Option<TlsError> {
    tls.reload(now).broken.pop()
}

#[test]
fn keys_are_private_and_kept_on_renewal() {
    let (place, ca) = place().with_authority();
    let first = place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    let key = fs::read(place.folder.server_key()).unwrap();
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&fs::metadata(path).unwrap()) & 0o777;
    assert_eq!(mode(&place.folder.server_key()), 0o600);
    assert_eq!(mode(&place.folder.ca_key()), 0o600);
    assert_eq!(mode(place.folder.ca_key().parent().unwrap()), 0o700);
    assert_eq!(mode(&place.folder.server_cert()), 0o644);
    assert!(!others_can_read(&place.folder.server_key()).unwrap());

    let second = place.issue(&ca, &["localhost"], KeyChoice::Keep).unwrap();
    assert_eq!(fs::read(place.folder.server_key()).unwrap(), key);
    assert_ne!(first.fingerprint, second.fingerprint);
    place.issue(&ca, &["localhost"], KeyChoice::New).unwrap();
    assert_ne!(fs::read(place.folder.server_key()).unwrap(), key);
}

#[test]
fn an_authority_is_made_once_and_read_back() {
    let (place, ca) = place().with_authority();
    let scope = Scope::new([host("example.com")]);
    let again = Authority::create(&place.folder, &host("mail.example.org"), &scope, place.now);
    assert!(matches!(again, Err(TlsError::Exists { .. })));

    let read = Authority::load(&place.folder).unwrap();
    assert_eq!(read.scope(), ca.scope());
    assert_eq!(read.scope(), &Authority::scope_of(&place.folder.ca_cert()).unwrap());
    assert_eq!(read.info().fingerprint, ca.info().fingerprint);
    assert_eq!(read.info().maker, Maker::ItselfOnly);
    assert!(read.info().remaining(place.now) > DAY * 3650);
    place.issue(&read, &["mail.example.net"], KeyChoice::Keep).unwrap();

    let not_ours = Authority::scope_of(&place.folder.server_cert());
    assert!(matches!(not_ours, Err(TlsError::NotAnAuthority { .. })));
    fs::write(place.folder.ca_key(), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(Authority::load(&place.folder), Err(TlsError::KeyMismatch { .. })));

    let new = Authority::replace(&place.folder, &host("mail.example.com"), &scope, place.now).unwrap();
    assert!(new.scope().covers(&host("mail.example.com")) && !new.scope().covers(&host("example.org")));
    let old = CertificateInfo::read(&place.folder.server_cert(), Some(&place.folder.ca_cert())).unwrap();
    assert_eq!(old.maker, Maker::Other);
}

#[test]
fn certificates_end_with_the_authority() {
    let (place, ca) = place().with_authority();
    let late = place.now + DAY * 3600;
    let info = ca.issue(&place.folder, &[host("localhost")], (late, 397), KeyChoice::Keep, None).unwrap();
    assert_eq!(info.not_after, ca.info().not_after);
    let over = ca.issue(&place.folder, &[host("localhost")], (late + DAY * 60, 397), KeyChoice::Keep, None);
    assert!(matches!(over, Err(TlsError::Expired { .. })));
}
