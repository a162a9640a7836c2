//! Several certificates on one port: which of them a client is shown, and what
//! becomes of those that change or break.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::Acceptor;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme};
use tempfile::TempDir;
use tls::{
    ACME_TLS, CertFiles, Challenges, HostName, Protocol, ServerTls, Sources, TlsError, private_folder, replace_private,
};

const DAY: Duration = Duration::from_secs(86_400);

fn domain(name: &str) -> mail::Domain {
    mail::Domain::parse(name).unwrap()
}

/// A certificate for these names that is valid for so many days, and its key.
fn pair(names: &[&str], days: u32, now: SystemTime) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params =
        rcgen::CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct Place {
    dir: TempDir,
    now: SystemTime,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), now: SystemTime::now() };
        place.put("server.pem", "server.key", &["mx.example.org", "localhost", "old.example.net"], 90);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, cert: &str, key: &str, names: &[&str], days: u32) {
        let (certificate, private) = pair(names, days, self.now);
        fs::create_dir_all(self.path(cert).parent().unwrap()).unwrap();
        if cert == key {
            fs::write(self.path(cert), private + &certificate).unwrap();
        } else {
            fs::write(self.path(cert), certificate).unwrap();
            fs::write(self.path(key), private).unwrap();
        }
    }

    fn sources(&self) -> Sources {
        Sources {
            default: CertFiles { cert: self.path("server.pem"), key: self.path("server.key") },
            folder: Some(self.path("names")),
            ordered: Some(self.path("acme")),
            hostname: Some("mx.example.org".parse().unwrap()),
        }
    }
}

/// Takes any certificate: which one comes is what the tests are about.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn client(sni: &str, alpn: &[&[u8]]) -> ClientConnection {
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything))
        .with_no_client_auth();
    config.enable_sni = !sni.is_empty();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let name = if sni.is_empty() { "nobody.example" } else { sni };
    ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap()
}

/// The certificate that a client is shown who asks for this name; empty for
/// one that names nobody.
fn shown(server: &Arc<ServerConfig>, sni: &str) -> Vec<u8> {
    let mut client = client(sni, &[]);
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    for _ in 0..4 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    client.peer_certificates().unwrap()[0].to_vec()
}

fn names(der: &[u8]) -> String {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    names
        .value
        .general_names
        .iter()
        .map(|name| name.to_string().replace("DNSName(", "").replace(')', ""))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_name_decides() {
    let place = Place::new();
    place.put("names/a/fullchain.pem", "names/a/privkey.pem", &["mail.example.net", "both.example.net"], 60);
    place.put("names/b/server.pem", "names/b/server.key", &["*.example.com"], 60);
    place.put("names/c/fullchain.pem", "names/c/privkey.pem", &["special.example.com"], 60);
    place.put("acme/both.example.net.pem", "acme/both.example.net.pem", &["both.example.net"], 60);
    place.put("acme/old.example.net.pem", "acme/old.example.net.pem", &["old.example.net"], 60);
    fs::write(place.path("names/README"), "no certificate").unwrap();
    fs::write(place.path("acme/.half.pem.new"), "no certificate").unwrap();
    let tls = ServerTls::open(place.sources()).unwrap();
    assert!(tls.shown().iter().all(|pair| pair.trouble.is_none()), "{:?}", tls.shown());
    let server = tls.config(Protocol::Imap).unwrap();
    let default = "mx.example.org localhost old.example.net";
    let cases = [
        ("mail.example.net", "mail.example.net both.example.net"),
        ("MAIL.example.NET", "mail.example.net both.example.net"),
        ("both.example.net", "mail.example.net both.example.net"),
        ("old.example.net", "old.example.net"),
        ("any.example.com", "*.example.com"),
        ("special.example.com", "special.example.com"),
        ("a.b.example.com", default),
        ("example.com", default),
        ("mx.example.org", default),
        ("unknown.example", default),
        ("", default),
    ];
    for (sni, expected) in cases {
        assert_eq!(names(&shown(&server, sni)), expected, "{sni:?}");
    }
    let known = |name: &str| tls.info_for(&name.parse::<HostName>().unwrap()).is_some();
    assert!(known("any.example.com") && known("localhost") && !known("unknown.example") && !known("127.0.0.1"));

    // An ordered certificate for the server's own name is also for those who
    // name nobody.
    place.put("acme/mx.example.org.pem", "acme/mx.example.org.pem", &["mx.example.org"], 60);
    assert!(tls.reload(place.now).broken.is_empty());
    for sni in ["", "mx.example.org", "unknown.example"] {
        assert_eq!(names(&shown(&server, sni)), "mx.example.org", "{sni:?}");
    }
    assert_eq!(names(&shown(&server, "localhost")), default);

    // Once it has expired, and nothing new came, the other one is better.
    assert_eq!(tls.reload(place.now + DAY * 70).broken.len(), 6);
    assert_eq!(names(&shown(&server, "mx.example.org")), default);
}

#[test]
fn each_pair_stands_alone() {
    let place = Place::new();
    place.put("names/a/fullchain.pem", "names/a/privkey.pem", &["a.example.net"], 60);
    place.put("names/b/fullchain.pem", "names/b/privkey.pem", &["b.example.net"], 60);
    fs::create_dir(place.path("names/empty")).unwrap();
    let tls = ServerTls::open(place.sources()).unwrap();
    let trouble = || tls.shown().into_iter().filter_map(|pair| pair.trouble).collect::<Vec<_>>();
    assert!(trouble().len() == 1 && trouble()[0].contains("names/empty"), "{:?}", trouble());
    fs::remove_dir(place.path("names/empty")).unwrap();
    let server = tls.config(Protocol::Pop3).unwrap();
    let (a, b) = (shown(&server, "a.example.net"), shown(&server, "b.example.net"));

    // A new pair for one, and a broken one for the other.
    place.put("names/a/fullchain.pem", "names/a/privkey.pem", &["a.example.net"], 61);
    fs::write(place.path("names/b/privkey.pem"), pair(&["b.example.net"], 60, place.now).1).unwrap();
    let report = tls.reload(place.now);
    assert!(matches!(report.broken.as_slice(), [TlsError::KeyMismatch { .. }]), "{report:?}");
    assert_eq!(report.taken.len(), 2);
    assert_ne!(shown(&server, "a.example.net"), a);
    assert_eq!(shown(&server, "b.example.net"), b);
    assert_eq!(trouble().len(), 1);

    // What is taken away is no longer shown; a folder that cannot be listed
    // takes nothing away.
    fs::remove_dir_all(place.path("names/a")).unwrap();
    assert_eq!(tls.reload(place.now).broken.len(), 1);
    assert_eq!(names(&shown(&server, "a.example.net")), "mx.example.org localhost old.example.net");
    fs::rename(place.path("names"), place.path("elsewhere")).unwrap();
    fs::write(place.path("names"), "a file").unwrap();
    assert!(!tls.reload(place.now).broken.is_empty());
    assert_eq!(shown(&server, "b.example.net"), b);
}

#[test]
fn what_changes_is_taken_once_it_stands_still() {
    let place = Place::new();
    let tls = ServerTls::open(place.sources()).unwrap();
    let server = tls.config(Protocol::Smtp).unwrap();
    let look = || {
        let report = tls.watch(place.now);
        (report.taken.len(), report.broken.len())
    };
    assert_eq!(look(), (0, 0), "nothing has changed");
    place.put("names/a/fullchain.pem", "names/a/privkey.pem", &["a.example.net"], 60);
    assert_eq!(look(), (0, 0), "it may still be written");
    // The key comes later than the certificate.
    let (certificate, key) = pair(&["a.example.net"], 50, place.now);
    fs::write(place.path("names/a/fullchain.pem"), &certificate).unwrap();
    assert_eq!(look(), (0, 0));
    fs::write(place.path("names/a/privkey.pem"), key).unwrap();
    assert_eq!(look(), (0, 0));
    assert_eq!(look(), (1, 0));
    assert_eq!(names(&shown(&server, "a.example.net")), "a.example.net");
    assert_eq!(look(), (0, 0));
    fs::write(place.path("names/a/privkey.pem"), "broken").unwrap();
    assert_eq!([look(), look(), look()], [(0, 0), (0, 1), (0, 0)], "it is told once");
    assert_eq!(names(&shown(&server, "a.example.net")), "a.example.net");
}

#[test]
fn a_certificate_whose_time_has_not_come_waits_for_it() {
    let place = Place::new();
    let tls = ServerTls::open(place.sources()).unwrap();
    let look = |at: SystemTime| {
        let report = tls.watch(at);
        (report.taken.len(), report.broken.len())
    };
    let early = place.now - DAY * 2;
    place.put("names/a/fullchain.pem", "names/a/privkey.pem", &["a.example.net"], 60);
    assert_eq!([look(early), look(early), look(early)], [(0, 0), (0, 1), (0, 0)], "it is told once");
    // A clock that is somewhat behind is no reason.
    assert_eq!(look(place.now - DAY - Duration::from_secs(30)), (1, 0));
}

#[test]
fn without_a_default_there_is_no_start() {
    let place = Place::new();
    fs::remove_file(place.path("server.key")).unwrap();
    place.put("acme/mx.example.org.pem", "acme/mx.example.org.pem", &["mx.example.org"], 60);
    match ServerTls::open(place.sources()) {
        Err(TlsError::Read { file, .. }) => assert_eq!(file, place.path("server.key")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_challenge_is_answered_only_while_it_waits() {
    let challenges = Challenges::default();
    let ask = |sni: &str, alpn: &[&[u8]]| {
        let mut wire = Vec::new();
        client(sni, alpn).write_tls(&mut wire).unwrap();
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut wire.as_slice()).unwrap();
        let accepted = acceptor.accept().map_err(|(error, _)| error).unwrap().unwrap();
        challenges.answer(&accepted.client_hello())
    };
    let armed = challenges.arm(&domain("mail.example.org"), [7; 32]).unwrap();
    let cases: [(&str, &[&[u8]], Option<bool>); 6] = [
        ("mail.example.org", &[ACME_TLS], Some(true)),
        ("Mail.Example.org", &[ACME_TLS], Some(true)),
        ("other.example.org", &[ACME_TLS], Some(false)),
        ("", &[ACME_TLS], Some(false)),
        ("mail.example.org", &[ACME_TLS, b"http/1.1"], None),
        ("mail.example.org", &[], None),
    ];
    for (sni, alpn, expected) in cases {
        assert_eq!(ask(sni, alpn).map(|config| config.is_some()), expected, "{sni:?} {alpn:?}");
    }
    let (_, certificate) = x509_parser::parse_x509_certificate(armed.certificate()).unwrap();
    let oid = x509_parser::der_parser::oid!(1.3.6.1.5.5.7.1.31);
    let extension = certificate.get_extension_unique(&oid).unwrap().unwrap();
    // An OCTET STRING of the digest (RFC 8737 §3).
    assert!(extension.critical && extension.value == [&[4, 32][..], &[7; 32]].concat());
    assert_eq!(names(armed.certificate()), "mail.example.org");

    let again = challenges.arm(&domain("mail.example.org"), [8; 32]).unwrap();
    drop(armed);
    assert!(ask("mail.example.org", &[ACME_TLS]).unwrap().is_some(), "the later one is still there");
    drop(again);
    assert!(ask("mail.example.org", &[ACME_TLS]).unwrap().is_none());
}

#[test]
fn private_files_are_private() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let folder = dir.path().join("acme");
    private_folder(&folder).unwrap();
    replace_private(&folder.join("key"), "secret").unwrap();
    assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));
}
