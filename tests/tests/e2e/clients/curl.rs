//! curl, a command at a time.

use std::fs;

use testkit::command::{self, Done};
use testkit::server::Server;

use super::{at_server, deliver, flags, letter, line, lived_in};

struct Curl {
    ca: String,
    url: String,
}

impl Curl {
    fn new(server: &Server) -> Self {
        Self { ca: server.ca().display().to_string(), url: format!("imaps://localhost:{}", server.imaps.port()) }
    }

    fn run(&self, path: &str, more: &[&str]) -> Done {
        let url = format!("{}/{path}", self.url);
        let common = ["-sS", "--cacert", &self.ca, "-u", "alice@example.org:password of alice", &url];
        command::run("curl", &[&common, more].concat(), b"")
    }

    fn get(&self, path: &str, more: &[&str]) -> String {
        self.run(path, more).ok()
    }
}

#[test]
fn a_command_at_a_time() {
    let server = lived_in();
    let curl = Curl::new(&server);
    let listed = curl.get("", &[]);
    for name in ["INBOX", "\"Work stuff\"", "Entw&APw-rfe", "deep.er.and.deep&AOQ-r.still"] {
        assert!(listed.lines().any(|line| line.ends_with(name)), "{name}: {listed}");
    }
    let whole = curl.get("INBOX;UID=1", &[]);
    assert!(
        whole.contains("Subject: plain\r\n")
            && whole.ends_with("\r\n.\r\n..two dots\r\nFrom here on\r\n>From there\r\n\r\n-- \r\nend")
    );
    assert_eq!(curl.get("INBOX;UID=1;SECTION=HEADER.FIELDS%20(Subject)", &[]), "Subject: plain\r\n\r\n");
    assert_eq!(curl.get("INBOX;UID=3;SECTION=2.2", &[]), "a;b\r\n1;2");
    assert_eq!(curl.get("INBOX;UID=1;SECTION=TEXT;PARTIAL=5.3", &[]), "one");
    assert!(curl.get("Work%20stuff;MAILINDEX=2", &[]).contains("<Work-stuff-1@"));
    assert!(curl.get("Entw%26APw-rfe;UID=1", &[]).contains("Subject: filed\r\n"));
    assert_eq!(curl.get("INBOX?SUBJECT%20plain", &[]), "* SEARCH 1\r\n");
    let numbers = curl.get("INBOX?NOT%20SEEN", &[]);
    assert!(numbers.starts_with("* SEARCH 5 7 "), "{numbers}");

    deliver(&server, "came@later");
    let own = server.path("own");
    fs::write(&own, letter("sent@here").replace('\n', "\r\n")).unwrap();
    curl.get("Sent", &["-T", &own.display().to_string()]);
    curl.get("INBOX", &["-X", "STORE 8 +FLAGS (\\Flagged \\Deleted)"]);
    curl.get("INBOX", &["-X", "UID MOVE 2 Archive"]);
    curl.get("INBOX", &["-X", "EXPUNGE"]);
    let state = at_server(&server, &[]);
    assert_eq!(flags(&state, "Sent", "sent@here"), "S");
    assert_eq!(flags(&state, "Archive", "attachment@letters.example"), "S");
    assert_eq!(line(&state, "INBOX", "addresses@letters.example"), None);
    assert_eq!(flags(&state, "INBOX", "came@later"), "");
    let gone = curl.run("INBOX;UID=2", &[]);
    assert_ne!(gone.code, Some(0), "{gone:?}");
}

#[test]
fn ways_to_log_in() {
    let server = lived_in();
    let curl = Curl::new(&server);
    // It sends the password with the command, since SASL-IR is announced.
    for more in [&[][..], &["--login-options", "AUTH=PLAIN"], &["--sasl-ir"]] {
        let said = curl.get("INBOX;UID=1", &[&["-v"], more].concat());
        assert!(said.contains("Subject: plain\r\n") && said.contains(" AUTHENTICATE PLAIN AGFsaWNl"), "{said}");
    }
    let wrong = curl.run("", &["-u", "alice@example.org:wrong", "--sasl-ir"]);
    assert_eq!(wrong.code, Some(67), "login denied: {}", wrong.text);
}
