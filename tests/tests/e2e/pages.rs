//! People change their own password on the page, and what that does to the
//! programs that are logged in.

use testkit::command::{self, Done, python};
use testkit::server::{Server, Setup, have};

const NEW: &str = "wandern im regen";

/// What has to hold on every pair of databases.
pub const CORE: [fn(Setup); 1] = [change];

fn curl(server: &Server, args: &[&str]) -> Done {
    let ca = server.ca().display().to_string();
    let jar = server.path("jar").display().to_string();
    let common = ["-sS", "--max-time", "60", "--cacert", &ca, "-b", &jar, "-c", &jar];
    command::run("curl", &[&common, args].concat(), b"")
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.https.port())
}

/// Fills the form in as a browser without JavaScript does.
fn fill(server: &Server, old: &str, new: &str) -> String {
    fill_for(server, "alice@example.org", old, new)
}

/// As [`fill`], for anybody.
pub fn fill_for(server: &Server, address: &str, old: &str, new: &str) -> String {
    let page = curl(server, &[&url(server, "/password")]).ok();
    let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let origin = format!("Origin: https://localhost:{}", server.https.port());
    let fields = [
        format!("token={token}"),
        format!("address={address}"),
        format!("old={old}"),
        format!("new={new}"),
        format!("again={new}"),
    ];
    let mut args = vec!["-H", origin.as_str(), "-H", "Accept-Language: en"];
    fields.iter().for_each(|field| args.extend(["--data-urlencode", field.as_str()]));
    let url = url(server, "/password");
    args.push(&url);
    curl(server, &args).ok()
}

/// Sits in IDLE and in POP3 until the server ends both, then logs in anew.
const SESSIONS: &str = r#"
import imaplib, poplib, ssl, sys, time
imap, pop, ca, ready, new = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
context = ssl.create_default_context(cafile=ca)
i = imaplib.IMAP4_SSL('localhost', imap, ssl_context=context)
i.login('alice@example.org', 'password of alice')
i.select('INBOX')
i.send(b'x IDLE\r\n')
assert i.readline().startswith(b'+')
p = poplib.POP3_SSL('localhost', pop, context=context, timeout=100)
p.user('alice@example.org'); p.pass_('password of alice')
open(ready, 'w').close()
i.sock.settimeout(100)
start = time.time()
line = i.readline()
assert b'BYE' in line and b'new password' in line, line
try:
    assert p.sock.recv(100) == b''
except ssl.SSLError as error:
    print(error)
print('both ended after', round(time.time() - start, 3))
i = imaplib.IMAP4_SSL('localhost', imap, ssl_context=context)
try:
    i.login('alice@example.org', 'password of alice')
    raise SystemExit('the old password opens')
except imaplib.IMAP4.error as error:
    assert b'AUTHENTICATIONFAILED' in error.args[0], error
i.login('alice@example.org', new)
print('done')
"#;

#[test]
fn a_new_password_holds_at_once_and_ends_what_was_logged_in() {
    change(Setup::default());
}

fn change(setup: Setup) {
    if !have("curl") {
        return;
    }
    let server = Server::start(setup);
    let args = [
        server.imaps.port().to_string(),
        server.pop3s.port().to_string(),
        server.ca().display().to_string(),
        server.path("ready").display().to_string(),
        NEW.to_owned(),
    ];
    std::thread::scope(|scope| {
        let programs = scope.spawn(|| python(SESSIONS, &args.each_ref().map(String::as_str)).ok());
        while !server.path("ready").exists() && !programs.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(fill(&server, "wrong", NEW).contains("Address or present password is wrong."));
        let text = fill(&server, "password of alice", NEW);
        assert!(text.contains("Your password was changed"), "{text}");
        assert!(programs.join().unwrap().contains("done"));
    });
    assert!(fill(&server, "password of alice", "schwimmen im see").contains("is wrong"), "the old one is over");
    let metrics = curl(&server, &[&format!("http://{}/metrics", server.metrics)]).ok();
    assert!(metrics.contains("gatepost_connections_total{protocol=\"https\"}"), "{metrics}");
}

#[test]
fn the_server_answers_within_its_limits() {
    if !have("curl") {
        return;
    }
    let server = Server::start(Setup::default());
    let headers = curl(&server, &["-D", "-", "-o", "/dev/null", &url(&server, "/")]).ok();
    assert!(headers.starts_with("HTTP/1.1 200"), "{headers}");
    for line in
        ["content-security-policy: default-src 'none'", "cache-control: no-store", "referrer-policy: same-origin"]
    {
        assert!(headers.contains(line), "{headers}");
    }
    let code = |args: &[&str]| {
        let mut all = vec!["-o", "/dev/null", "-w", "%{http_code}"];
        all.extend(args);
        curl(&server, &all).text
    };
    let page = url(&server, "/password");
    let huge = format!("old={}", "x".repeat(100_000));
    assert_eq!(code(&["-d", huge.as_str(), page.as_str()]), "413");
    let header = format!("X-Big: {}", "x".repeat(20_000));
    assert_eq!(code(&["-H", header.as_str(), page.as_str()]), "431");
    assert_eq!(code(&[&url(&server, "/report/aaaaaaaaaaaaaaaaaaaaaaaaaa")]), "200");
    assert_eq!(code(&[&url(&server, "/nothing")]), "404");
    let pem = curl(&server, &[&url(&server, "/ca.pem")]).ok();
    let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&pem), lines(&std::fs::read_to_string(server.ca()).unwrap()));
    // Without TLS there is nothing.
    assert_ne!(command::run("curl", &["-sS", "--max-time", "60", &page.replace("https", "http")], b"").code, Some(0));
}
