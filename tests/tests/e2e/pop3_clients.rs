//! Whole tasks of people who have POP3: download and keep, download what is
//! new, download and delete, look into Junk; with the programs they have.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use testkit::command::{self, Done, python};
use testkit::dialogue::Wire;
use testkit::server::{Server, Setup, have};
use testkit::tls;

use crate::delivery::messages;
use crate::smtp::{Client, mail};

/// What is sorted into Junk.
const JUNK: &str = "[[rule]]\nname = \"lottery\"\nwhen = \"header Subject matches /lottery/i\"\naction = \"junk\"\n";

/// A server with three messages in alice's INBOX and one in her Junk.
fn server() -> Server {
    let server = Server::start(Setup { more: JUNK.to_owned(), ..Setup::default() });
    deliver(&server, &["number1", "number2", "lottery", "number3"]);
    server
}

fn deliver(server: &Server, subjects: &[&str]) {
    let mut client = Client::connect(server.smtp).unwrap();
    for subject in subjects {
        let text = mail(subject, "line one\n.\n..two dots\nFrom here\nend");
        let reply = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
        assert!(reply.starts_with("250"), "{reply}");
    }
}

/// A session that holds the maildrop of this name until it is dropped.
fn holding(server: &Server, name: &str) -> Box<dyn Wire> {
    let mut wire = tls::secure(server.pop3s, "localhost", &tls::client_config(&server.ca()));
    for line in ["", &format!("USER {name}\r\n"), "PASS password of alice\r\n"] {
        wire.send(line.as_bytes());
        let said = wire.line();
        assert!(said.starts_with(b"+OK"), "{}", String::from_utf8_lossy(&said));
    }
    Box::new(wire)
}

fn ends(mut wire: Box<dyn Wire>) {
    wire.send(b"QUIT\r\n");
    assert!(wire.line().starts_with(b"+OK") && wire.line().is_empty());
}

/// Runs some program once for a name.
type Run = fn(&Home, &str, Afterwards) -> Done;

#[derive(Clone, Copy, PartialEq)]
enum Afterwards {
    Keep,
    Delete,
}

/// What everybody does, in the order of a life with POP3.
fn lives_with(mut server: Server, run: Run) {
    let (alice, junk) = ("alice@example.org", "alice+Junk@example.org");
    let home = Home::new(&server);
    let inbox = |server: &Server| messages(&server.maildir(alice));

    // Each run, and what is there after it: nothing comes twice.
    let mut expected: Vec<&str> = vec!["number1", "number2", "number3"];
    for _ in 0..2 {
        let done = run(&home, alice, Afterwards::Keep);
        assert_eq!(home.has(alice), expected, "{}", done.text);
    }
    assert_eq!(server.stop(), Some(0));
    server.run();
    deliver(&server, &["number4"]);
    expected.push("number4");
    let done = run(&home, alice, Afterwards::Keep);
    assert_eq!(home.has(alice), expected, "after a restart: {}", done.text);
    server.kill();
    server.run();
    let done = run(&home, alice, Afterwards::Keep);
    assert_eq!(home.has(alice), expected, "after a crash: {}", done.text);
    assert_eq!(inbox(&server).len(), 4);

    let other = holding(&server, alice);
    let done = run(&home, alice, Afterwards::Keep);
    assert!(done.code != Some(0) && done.text.contains("[IN-USE]"), "{done:?}");
    ends(other);

    deliver(&server, &["number5"]);
    expected.push("number5");
    let done = run(&home, alice, Afterwards::Delete);
    assert_eq!(home.has(alice), expected, "{}", done.text);
    let left = inbox(&server);
    assert!(!left.iter().any(|text| text.contains("Subject: number5")), "it was to be deleted: {}", done.text);

    for _ in 0..2 {
        let done = run(&home, junk, Afterwards::Keep);
        assert_eq!(home.has(junk), ["lottery"], "{}", done.text);
    }
}

/// Where a program keeps what it needs; what came for a name lies in a file of
/// that name.
struct Home {
    folder: PathBuf,
    port: u16,
    ca: PathBuf,
}

impl Home {
    fn new(server: &Server) -> Self {
        let folder = server.path("client");
        fs::create_dir(&folder).unwrap();
        Self { folder, port: server.pop3s.port(), ca: server.ca() }
    }

    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// A file that nobody else reads, as such programs want it.
    fn configure(&self, text: &str) {
        fs::write(self.at("rc"), text).unwrap();
        fs::set_permissions(self.at("rc"), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The subjects of what came for this name so far, in order.
    fn has(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.at(name)).unwrap_or_default();
        let subjects = text.lines().filter_map(|line| line.strip_prefix("Subject: "));
        subjects.map(|text| text.trim_end().to_owned()).collect()
    }
}

fn fetchmail(home: &Home, name: &str, afterwards: Afterwards) -> Done {
    let keep = if afterwards == Afterwards::Keep { "keep" } else { "nokeep" };
    home.configure(&format!(
        "poll localhost with proto POP3 port {port} uidl auth password\n\
         user \"{name}\" there with password \"password of alice\" {keep} ssl sslproto \"auto\" sslcertck\n\
         sslcertfile \"{ca}\" mda \"cat >>{got}\"\n",
        port = home.port,
        ca = home.ca.display(),
        got = home.at(name),
    ));
    let (own, rc, ids, pid) = (format!("HOME={}", home.at("")), home.at("rc"), home.at("ids"), home.at("pid"));
    let args = [
        &own,
        "fetchmail",
        "--fetchmailrc",
        &rc,
        "--idfile",
        &ids,
        "--pidfile",
        &pid,
        "--nodetach",
        "--nosyslog",
        "-v",
    ];
    command::run("env", &args, b"")
}

#[test]
fn fetchmail_keeps_and_deletes() {
    if have("fetchmail") {
        lives_with(server(), fetchmail);
    }
}

fn getmail(home: &Home, name: &str, afterwards: Afterwards) -> Done {
    home.configure(&format!(
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = {port}\nusername = {name}\n\
         password = password of alice\nca_certs = {ca}\n\
         [destination]\ntype = MDA_external\npath = /bin/sh\narguments = (\"-c\", \"cat >>{got}\")\n\
         allow_root_commands = true\n\
         [options]\nread_all = false\ndelete = {delete}\nverbose = 2\n",
        port = home.port,
        ca = home.ca.display(),
        got = home.at(name),
        delete = afterwards == Afterwards::Delete,
    ));
    command::run("getmail", &["--getmaildir", &home.at(""), "--rcfile", &home.at("rc")], b"")
}

#[test]
fn getmail_keeps_and_deletes() {
    if have("getmail") {
        lives_with(server(), getmail);
    }
}

#[test]
fn curl_authenticates_and_looks_into_junk() {
    let server = server();
    let ca = server.ca().display().to_string();
    let url = format!("pop3s://localhost:{}/", server.pop3s.port());
    for how in [&[][..], &["--sasl-ir"]] {
        let fetch = |user: &str, more: &[&str], path: &str| {
            let (user, url) = (format!("{user}:password of alice"), format!("{url}{path}"));
            let common = ["-v", "-sS", "--cacert", ca.as_str(), "-u", &user, &url];
            command::run("curl", &[&common[..], how, more].concat(), b"").ok()
        };
        let list = fetch("alice@example.org", &["-X", "UIDL"], "");
        assert_eq!(list.lines().filter(|line| line.starts_with(['1', '2', '3'])).count(), 3, "{list}");
        assert!(list.contains("AUTH PLAIN"), "{list}");
        let junk = fetch("alice+Junk@example.org", &[], "1");
        assert!(junk.contains("Subject: lottery\r\n") && junk.contains("\r\n.\r\n..two dots\r\n"), "{junk}");
    }
}

const POPLIB: &str = r#"
import poplib, ssl, sys
def connect():
    p = poplib.POP3_SSL('localhost', int(sys.argv[1]), context=ssl.create_default_context(cafile=sys.argv[2]))
    p.utf8()
    return p
p = connect()
capabilities = p.capa()
assert capabilities['SASL'] == ['PLAIN'] and 'UTF8' in capabilities and capabilities['EXPIRE'] == ['NEVER'], capabilities
p.user('alice@example.org'); p.pass_('password of alice')
assert p.capa() == capabilities
first = p.uidl()[1]
assert [p.uidl(n + 1) for n in range(3)] == [b'+OK ' + line for line in first], first
assert p.top(3, 2)[1][-2:] == [b'line one', b'.']
p.dele(2)
# The connection is lost: nothing goes.
p.sock.close()
p = connect()
p.user('alice@example.org'); p.pass_('password of alice')
assert p.uidl()[1] == first
p.dele(2)
p.quit()
p = connect()
p.user('alice@example.org'); p.pass_('password of alice')
assert [x.split()[1] for x in p.uidl()[1]] == [first[0].split()[1], first[2].split()[1]]
print('done')
"#;

#[test]
fn poplib_loses_its_connection() {
    let server = server();
    let script = python(POPLIB, &[&server.pop3s.port().to_string(), &server.ca().display().to_string()]);
    assert!(script.ok().contains("done"));
}
