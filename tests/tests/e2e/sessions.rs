//! What the administrator sees of those who log in: sessions, last logins, what
//! was refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use testkit::server::{Server, Setup};

use crate::house::{Imap, ends_ok, eventually};

const ALICE: &str = "alice@example.org";

/// What has to hold on every pair of databases.
pub const CORE: [fn(Setup); 1] = [logins];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn sessions(server: &Server) -> Vec<Value> {
    json(&server.ok(&["--json", "sessions", ALICE], "")).as_array().unwrap().clone()
}

fn metrics(server: &Server) -> String {
    let mut stream = TcpStream::connect(server.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn sessions_are_seen_and_ended() {
    let mut server = Server::start(Setup::default());
    assert!(sessions(&server).is_empty());
    let mut imap = Imap::connect(&server);
    assert!(ends_ok(&imap.command("ID (\"name\" \"tester\" \"version\" \"1.2\" \"os\" \"a\u{1b}b\")")));
    assert!(ends_ok(&imap.command("LOGIN alice@example.org \"password of alice\"")));
    assert!(ends_ok(&imap.command("SELECT INBOX")));
    imap.send(b"x IDLE\r\n");
    let mut pop3 = Pop3::login(&server);
    let mut bob = Imap::login(&server, "bob");
    eventually("both are listed", || {
        let seen = sessions(&server);
        seen.len() == 2 && seen[0]["command"] == "IDLE" && seen[1]["command"] == "STAT" && seen[0]["busy"] == false
    });
    let seen = sessions(&server);
    let expected = [("imap", "password", "INBOX"), ("pop3", "password", "INBOX")];
    for (session, (protocol, login, folder)) in seen.iter().zip(expected) {
        let fields = (&session["protocol"], &session["login"], &session["folder"], &session["from"]);
        assert_eq!(fields, (&protocol.into(), &login.into(), &folder.into(), &"127.0.0.1".into()), "{session}");
        assert!(session["bytes_sent"].as_u64().unwrap() > 0 && session["address"] == ALICE, "{session}");
    }
    assert_eq!(seen[0]["client"], "tester 1.2 (a?b)");
    let table = server.ok(&["sessions"], "");
    assert!(table.lines().count() == 4 && table.contains("bob@example.org") && table.contains("IDLE "), "{table}");
    eventually("the figures say it", || {
        let text = metrics(&server);
        let lines = [
            "gatepost_sessions_open{protocol=\"imap\"} 2",
            "gatepost_sessions_open{protocol=\"pop3\"} 1",
            "gatepost_login_seconds_count{protocol=\"imap\"} 2",
            "gatepost_logins_total{protocol=\"pop3\",result=\"ok\"} 1",
        ];
        lines.iter().all(|line| text.contains(line))
    });
    let said = server.ok(&["sessions", "end", ALICE], "");
    assert!(said.contains("2 of alice@example.org ended"), "{said}");
    assert!(imap.rest().contains("* BYE"));
    pop3.ends();
    eventually("nobody is listed", || sessions(&server).is_empty());
    assert!(ends_ok(&bob.command("NOOP")), "nobody else was meant");
    assert_eq!(server.gatepost(&["sessions", "end", ALICE], "").status.code(), Some(3));
    drop(Imap::login(&server, "alice"));
    eventually("who hangs up is gone", || sessions(&server).is_empty());
    server.stop();
    let output = server.gatepost(&["--json", "sessions"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not_running"));
}

#[test]
fn last_logins_and_sizes_are_shown() {
    logins(Setup::default());
}

/// What is shown of alice once it holds: the index may take its time, and each
/// look asks for it anew.
fn shown(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut shown = Value::Null;
    eventually(what, || {
        shown = json(&server.ok(&["--json", "user", "show", ALICE], ""));
        holds(&shown)
    });
    shown
}

fn doors(shown: &Value) -> usize {
    shown["logins"].as_array().map_or(0, Vec::len)
}

fn logins(setup: Setup) {
    let mut server = Server::start(setup);
    shown(&server, "nobody logged in", |shown| shown["logins"] == serde_json::json!([]));
    for wrong in ["x", "y"] {
        let mut imap = Imap::connect(&server);
        assert!(imap.command(&format!("LOGIN alice@example.org {wrong}")).contains("AUTHENTICATIONFAILED"));
    }
    let seen = shown(&server, "both are counted", |shown| shown["logins"][0]["refused_since"] == 2);
    let door = &seen["logins"][0];
    assert_eq!((&door["protocol"], &door["last"]), (&"imap".into(), &Value::Null), "{seen}");
    assert_eq!(door["refused_network"], "127.0.0.0/24");
    let mut imap = Imap::login(&server, "alice");
    let message = "Subject: x\r\n\r\nhello\r\n";
    assert!(ends_ok(&imap.command(&format!("APPEND Sent {{{}+}}\r\n{message}", message.len()))));
    drop(Pop3::login(&server));
    let seen =
        shown(&server, "both doors are known", |shown| doors(shown) == 2 && shown["logins"][0]["last"].is_string());
    for (door, protocol) in seen["logins"].as_array().unwrap().iter().zip(["imap", "pop3"]) {
        assert_eq!((&door["protocol"], &door["refused_since"]), (&protocol.into(), &0.into()), "{door}");
        assert!(door["last"].as_str().unwrap().ends_with('Z') && door["network"] == "127.0.0.0/24", "{door}");
    }
    assert!(seen["logins"][0]["last_refused"].is_string(), "{seen}");
    let folders = seen["mail"]["folders"].as_array().unwrap();
    let sent = folders.iter().find(|folder| folder["name"] == "Sent").unwrap();
    assert!(sent["messages"] == 1 && sent["bytes"].as_u64().unwrap() > 10, "{seen}");
    assert!(seen["mail"]["messages"] == 1 && seen["mail"]["bytes"] == sent["bytes"], "{seen}");
    let one = |shown: &Value| shown["sessions"].as_array().is_some_and(|found| found.len() == 1);
    shown(&server, "one session is left", one);
    let text = server.ok(&["user", "show", ALICE], "");
    for piece in ["1 message", "1 session", "FOLDER", "LAST LOGIN", "Sessions"] {
        assert!(text.contains(piece), "{piece} in {text}");
    }
    // What was not asked for is written when the server stops.
    assert!(Imap::connect(&server).command("LOGIN bob@example.org wrong").contains("AUTHENTICATIONFAILED"));
    drop(imap);
    server.stop();
    let bob = json(&server.ok(&["--json", "user", "show", "bob@example.org"], ""));
    assert_eq!(bob["sessions"], Value::Null, "{bob}");
    // A stop does not wait for a disk that hangs, and says so.
    let late = server.log().contains("last logins cannot be written in time");
    assert!(late || bob["logins"][0]["refused_since"] == 1, "{bob}");
}

#[test]
fn the_log_never_has_what_may_be_a_password() {
    let server = Server::start(Setup::default());
    let mut imap = Imap::connect(&server);
    for user in ["hunter2", "hunter2@work", "hunter2@example.org"] {
        assert!(imap.command(&format!("LOGIN {user} x")).contains("AUTHENTICATIONFAILED"));
    }
    drop(imap);
    let mut imap = Imap::login(&server, "alice");
    assert!(ends_ok(&imap.command("NOOP")));
    let mut again = Imap::connect(&server);
    assert!(again.command("LOGIN hunter2@example.org x").contains("AUTHENTICATIONFAILED"));
    eventually("the refusals are logged", || server.log().matches("login refused").count() == 4);
    let log = server.log();
    assert!(log.contains("?@example.org") && log.contains("UnknownAccount") && !log.contains("hunter2"), "{log}");
}

/// A POP3 session that has asked for something.
struct Pop3(Box<dyn testkit::dialogue::Wire + Send>);

impl Pop3 {
    fn login(server: &Server) -> Self {
        let wire = testkit::tls::secure(server.pop3s, "127.0.0.1", &testkit::tls::client_config(&server.ca()));
        let mut pop3 = Self(Box::new(wire));
        pop3.0.line();
        for line in ["USER alice@example.org", "PASS password of alice", "STAT"] {
            pop3.0.send(format!("{line}\r\n").as_bytes());
            let said = pop3.0.line();
            assert!(said.starts_with(b"+OK"), "{line}: {}", String::from_utf8_lossy(&said));
        }
        pop3
    }

    /// Waits for the end of the connection.
    fn ends(&mut self) {
        while !self.0.line().is_empty() {}
    }
}
