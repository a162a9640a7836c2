//! Certificates by the name that a client asks for, and those that are ordered
//! from an authority: Debian's `pebble`, which is made for that.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::command;
use testkit::dns::Zone;
use testkit::port;
use testkit::server::{Server, Setup, have, signal};

use crate::house::{eventually, prepared};

/// The names that the tests order. At the last one's address nobody listens.
const ZONE: &str = "mail.example.org A 127.0.0.1\nfar.example.org A 127.0.0.2";

/// A running authority; it ends when this is dropped.
struct Pebble {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Pebble {
    /// Asks for challenges at these ports of the names' addresses.
    fn start(server: &Server, zone: &Zone, (http, tls): (SocketAddr, SocketAddr)) -> Self {
        let (address, management) = (port::free(), port::free());
        let log = server.path(&format!("pebble-{}.log", address.port()));
        let config = serde_json::json!({ "pebble": {
            "listenAddress": address.to_string(),
            "managementListenAddress": management.to_string(),
            // Our own authority's, which the server is told to trust.
            "certificate": server.path("certs/server.pem"),
            "privateKey": server.path("certs/server.key"),
            "httpPort": http.port(),
            "tlsPort": tls.port(),
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "certificateValidityPeriod": 7_776_000,
        }});
        let file = server.path("pebble.json");
        fs::write(&file, config.to_string()).unwrap();
        let output = File::create(&log).unwrap();
        let child = Command::new("pebble")
            .args(["-config", &file.display().to_string(), "-dnsserver", &zone.address().to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let pebble = Self { child, address, log };
        eventually("the authority answers", || TcpStream::connect(pebble.address).is_ok());
        pebble
    }

    fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the authority's log ---\n{}", self.log());
        }
        self.end();
    }
}

/// Writes the configuration of a server that orders from this authority.
fn configure(server: &Server, http: SocketAddr, (directory, zone): (&str, &Zone), (challenge, port): (&str, u16)) {
    server.configure(&format!(
        "[acme]\nagree_to_terms = true\ndirectory = \"{directory}\"\nca_file = \"{ca}\"\nchallenge = \"{challenge}\"\n\
         contact = \"postmaster@example.org\"\nnames = [\"mail.example.org\", \"far.example.org\"]\n\
         outside_port = {port}\nname_servers = [\"{zone}\"]\n",
        ca = server.ca().display(),
        zone = zone.address(),
    ));
    let text = fs::read_to_string(server.config()).unwrap();
    fs::write(server.config(), text.replace("[listen]\n", &format!("[listen]\nhttp = \"{http}\"\n"))).unwrap();
}

/// Issuer and fingerprint of the certificate that a client is shown who asks
/// for this name; for none where it is empty.
fn shown(at: SocketAddr, sni: &str, more: &[&str]) -> (String, String) {
    let at = at.to_string();
    let mut args = vec!["s_client", "-connect", at.as_str()];
    match sni {
        "" => args.push("-noservername"),
        name => args.extend(["-servername", name]),
    }
    args.extend(more);
    let said = command::run("openssl", &args, b"").text;
    let Some(start) = said.find("-----BEGIN") else { return Default::default() };
    let args = ["x509", "-noout", "-issuer", "-fingerprint", "-sha256"];
    let said = command::run("openssl", &args, &said.as_bytes()[start..]).ok();
    let mut lines = said.lines().map(str::to_owned);
    (lines.next().unwrap_or_default(), lines.next().unwrap_or_default())
}

fn by_pebble(at: SocketAddr, sni: &str) -> bool {
    shown(at, sni, &[]).0.contains("Pebble")
}

/// How a name stands, as programs are told.
fn listed(server: &Server, name: &str) -> Value {
    let list: Value = serde_json::from_str(&server.ok(&["--json", "certificate", "list"], "")).unwrap();
    let mut rows = list.as_array().unwrap().iter().filter(|row| row["ordered"] == true && row["names"][0] == name);
    rows.next().unwrap_or_else(|| panic!("{name} in {list}")).clone()
}

/// Orders until that fails for this reason: on a machine that stands still for a
/// while, another one may come first.
fn fails(server: &Server, name: &str, reason: &str) {
    eventually(reason, || {
        let output = server.gatepost(&["certificate", "renew", name], "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
        eprintln!("{said}");
        said.contains(reason)
    });
}

/// Orders until that succeeds.
fn renewed(server: &Server) {
    eventually("it is received", || {
        server.gatepost(&["certificate", "renew", "mail.example.org"], "").status.success()
    });
}

/// Waits for what the server orders by itself; where that failed, which is
/// tried again only after a quarter of an hour, somebody asks for it.
fn received(server: &Server) {
    eventually("the certificate is there", || {
        if !listed(server, "mail.example.org")["last_error"].is_null() {
            let _ = server.gatepost(&["certificate", "renew", "mail.example.org"], "");
        }
        by_pebble(server.imaps, "mail.example.org")
    });
}

/// What `gatepost check` says about orders.
fn checked(server: &Server) -> Value {
    let checks: Value = serde_json::from_slice(&server.gatepost(&["--json", "check"], "").stdout).unwrap();
    let found = checks.as_array().unwrap().iter().find(|check| check["name"] == "orders");
    found.unwrap_or_else(|| panic!("{checks}")).clone()
}

#[test]
fn a_certificate_is_ordered_renewed_and_kept() {
    if !have("pebble") || !have("openssl") {
        return;
    }
    let mut server = prepared(Setup::default());
    let (http, zone) = (port::free(), Zone::serve(ZONE));
    let mut pebble = Pebble::start(&server, &zone, (http, server.https));
    configure(&server, http, (&pebble.directory(), &zone), ("http-01", http.port()));
    server.run();
    received(&server);
    for sni in ["localhost", ""] {
        assert!(!by_pebble(server.imaps, sni), "others are shown the usual one");
    }
    let first = shown(server.imaps, "mail.example.org", &[]);
    let row = listed(&server, "mail.example.org");
    assert!(row["issuer"].as_str().unwrap().contains("Pebble") && row["last_error"].is_null(), "{row}");
    assert!(row["next_order"].as_str().unwrap() < row["expires"].as_str().unwrap(), "{row}");

    // What does not point here is never ordered.
    fails(&server, "far.example.org", "far.example.org does not point here");
    assert!(pebble.log().contains("mail.example.org") && !pebble.log().contains("far.example.org"));
    assert_eq!(server.gatepost(&["certificate", "renew", "www.example.org"], "").status.code(), Some(1));

    // A new one takes its place while the server runs.
    renewed(&server);
    let second = shown(server.imaps, "mail.example.org", &[]);
    assert!(second.0.contains("Pebble") && second.1 != first.1, "{second:?}");
    assert_eq!(shown(server.pop3s, "mail.example.org", &[]), second);
    assert_eq!(shown(server.https, "mail.example.org", &[]), second);
    assert_eq!(shown(server.smtp, "mail.example.org", &["-starttls", "smtp"]), second);

    // The authority is away: what was there stays, and the next try is later.
    pebble.end();
    fails(&server, "mail.example.org", "cannot be reached");
    eventually("it is logged", || server.log().contains("a certificate was not renewed; the old one stays"));
    assert_eq!(shown(server.imaps, "mail.example.org", &[]), second);
    let failures = listed(&server, "mail.example.org")["failures"].clone();
    assert!(failures.as_u64() >= Some(1), "{failures}");
    assert_eq!(checked(&server)["status"], "warn", "{}", checked(&server));

    // Also after a restart, which does not try again at once.
    assert_eq!(server.stop(), Some(0));
    server.run();
    assert_eq!(shown(server.imaps, "mail.example.org", &[]), second);
    fails(&server, "far.example.org", "does not point here");
    assert_eq!(listed(&server, "mail.example.org")["failures"], failures);

    // Another authority takes its place.
    let pebble = Pebble::start(&server, &zone, (http, server.https));
    configure(&server, http, (&pebble.directory(), &zone), ("http-01", http.port()));
    assert_eq!(server.stop(), Some(0));
    server.run();
    renewed(&server);
    let third = shown(server.imaps, "mail.example.org", &[]);
    assert!(third.0.contains("Pebble") && third.1 != second.1, "{third:?}");
}

#[test]
fn an_authority_that_sees_nothing_gives_nothing() {
    if !have("pebble") || !have("openssl") {
        return;
    }
    let mut server = prepared(Setup::default());
    let (http, zone) = (port::free(), Zone::serve(ZONE));
    // It asks where nobody listens.
    let pebble = Pebble::start(&server, &zone, (port::free(), server.https));
    configure(&server, http, (&pebble.directory(), &zone), ("http-01", http.port()));
    server.run();
    fails(&server, "mail.example.org", "onnection refused");
    assert!(!by_pebble(server.imaps, "mail.example.org"));
    let row = listed(&server, "mail.example.org");
    assert!(row["expires"].is_null() && row["failures"].as_u64() >= Some(1), "{row}");
    assert!(row["last_error"].as_str().unwrap().contains("refused"), "{row}");

    // Everybody else is led to the pages of a name that is ours, or nowhere.
    let curl = |host: &str, path: &str| {
        let (host, url) = (format!("Host: {host}"), format!("http://{http}{path}"));
        command::run("curl", &["-sSi", "--max-time", "60", "-H", &host, &url], b"").ok()
    };
    let led = curl("mx.example.org", "/password?x=y");
    assert!(led.starts_with("HTTP/1.1 301"), "{led}");
    let to = format!("location: https://mx.example.org:{}/password?x=y", server.https.port());
    assert!(led.to_ascii_lowercase().contains(&to), "{led}");
    assert!(curl("evil.example", "/").starts_with("HTTP/1.1 404"));
    assert!(curl("mx.example.org", "/.well-known/acme-challenge/x").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_certificate_is_ordered_over_tls() {
    if !have("pebble") || !have("openssl") {
        return;
    }
    let mut server = prepared(Setup::default());
    let (http, zone) = (port::free(), Zone::serve(ZONE));
    let pebble = Pebble::start(&server, &zone, (port::free(), server.https));
    configure(&server, http, (&pebble.directory(), &zone), ("tls-alpn-01", server.https.port()));
    server.run();
    received(&server);
    // No order waits any more, so nobody is shown a challenge; browsers are
    // served as ever.
    let challenge = shown(server.https, "mail.example.org", &["-alpn", "acme-tls/1"]);
    assert_eq!(challenge.1, "", "{challenge:?}");
    let (ca, url) = (server.ca().display().to_string(), format!("https://localhost:{}/password", server.https.port()));
    let page = command::run("curl", &["-sS", "--max-time", "60", "--cacert", &ca, &url], b"").ok();
    assert!(page.contains("<form"), "{page}");
    fails(&server, "far.example.org", "does not point here");
    assert!(!pebble.log().contains("far.example.org"));
}

#[test]
fn further_certificates_are_taken_in_by_themselves() {
    if !have("openssl") {
        return;
    }
    let server = Server::start(Setup::default());
    let usual = shown(server.imaps, "", &[]);
    assert_eq!(shown(server.imaps, "further.example.org", &[]), usual);
    server.ok(&["ca", "issue", "--beside", "further.example.org", "imap.example.org"], "");
    eventually("it is shown", || shown(server.imaps, "further.example.org", &[]) != usual);
    let further = shown(server.imaps, "imap.example.org", &[]);
    assert_ne!(further, usual);
    assert_eq!(shown(server.pop3s, "further.example.org", &[]), further);
    assert_eq!(shown(server.smtp, "further.example.org", &["-starttls", "smtp"]), further);
    assert_eq!(shown(server.imaps, "", &[]), usual);

    // A broken pair keeps the one before, and is told.
    let key = server.path("certs/names/further.example.org/server.key");
    fs::copy(server.path("certs/server.key"), &key).unwrap();
    signal(server.pid(), "HUP");
    eventually("it is told", || server.log().contains("a certificate was not taken; the one before stays in use"));
    assert_eq!(shown(server.imaps, "further.example.org", &[]), further);
    let check = server.gatepost(&["check"], "");
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(said.contains("the key does not belong to the certificate"), "{said}");
    eventually("it is in the figures", || {
        let page = command::run("curl", &["-sS", &format!("http://{}/metrics", server.metrics)], b"").text;
        page.contains("gatepost_certificates_broken 1")
            && page.contains("gatepost_certificate_valid_seconds{name=\"further.example.org\"}")
    });
    server.ok(&["ca", "issue", "--new-key", "--beside", "further.example.org"], "");
    eventually("the next one is shown", || {
        let now = shown(server.imaps, "further.example.org", &[]);
        now != further && now != usual
    });
}
