//! POP3 clients that mean harm, or have a bad day: what they cost, and that
//! nothing is removed that was not told to be.

use std::fs;

use testkit::dialogue::Wire;
use testkit::server::{Server, Setup};
use testkit::tls;

use crate::delivery::messages;
use crate::house::{Mount, may_mount, peak_memory, prepared};
use crate::smtp::{Client, mail};

/// A POP3 connection over TLS, greeted.
struct Pop3(Box<dyn Wire>);

impl Pop3 {
    fn connect(server: &Server) -> Self {
        let mut pop3 = Self(Box::new(tls::secure(server.pop3s, "localhost", &tls::client_config(&server.ca()))));
        assert!(pop3.line().starts_with("+OK"));
        pop3
    }

    fn login(server: &Server) -> Self {
        let mut pop3 = Self::connect(server);
        pop3.send(b"USER alice@example.org\r\nPASS password of alice\r\n");
        assert!(pop3.line().starts_with("+OK"));
        let said = pop3.line();
        assert!(said.starts_with("+OK"), "{said}");
        pop3
    }

    fn send(&mut self, octets: &[u8]) {
        self.0.send(octets);
    }

    fn line(&mut self) -> String {
        String::from_utf8_lossy(&self.0.line()).into_owned()
    }

    fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.line()
    }

    /// Lines and octets up to the one that is a dot.
    fn body(&mut self) -> (usize, usize) {
        let (mut lines, mut octets) = (0, 0);
        loop {
            let line = self.0.line();
            assert!(line.ends_with(b"\r\n"), "it ends in the middle");
            if line == b".\r\n" {
                return (lines, octets);
            }
            (lines, octets) = (lines + 1, octets + line.len());
        }
    }

    /// All that comes until the connection ends.
    fn rest(&mut self) -> String {
        let mut said = String::new();
        loop {
            match self.line() {
                line if line.is_empty() => return said,
                line => said.push_str(&line),
            }
        }
    }
}

fn deliver(server: &Server, texts: &[String]) {
    let mut client = Client::connect(server.smtp).unwrap();
    for text in texts {
        let said = client.message("s@client.example", &["alice@example.org"], text).unwrap();
        assert!(said.starts_with("250"), "{said}");
    }
}

/// Each of these ends with errors and the end of the connection, and opens
/// nothing.
#[test]
fn before_the_login() {
    let server = Server::start(Setup::default());
    deliver(&server, &[mail("secret", "x")]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a line of 1 MB", [b"USER ".to_vec(), b"x".repeat(1 << 20), b"\r\n".to_vec()].concat()),
        ("no line at all", b"x".repeat(2 << 20)),
        ("an answer of 1 MB", [b"AUTH PLAIN\r\n".to_vec(), b"A".repeat(1 << 20), b"\r\n".to_vec()].concat()),
        ("a response of 1 MB", [b"AUTH PLAIN ".to_vec(), b"A".repeat(1 << 20), b"\r\n".to_vec()].concat()),
        ("many exchanges", b"AUTH PLAIN\r\n*\r\n".repeat(5_000)),
        ("many names", b"USER alice@example.org\r\n".repeat(5_000)),
        ("many languages", b"LANG de\r\nLANG\r\n".repeat(10_000)),
        ("a long language", [b"LANG ".to_vec(), b"de-".repeat(150), b"\r\n".to_vec()].concat()),
        ("NUL", b"USER \0\r\nPASS \0\r\n".repeat(100)),
        ("controls", b"USER a\x1b]0;x\x07@example.org\r\n".to_vec()),
        ("bare line feeds", b"NOOP\n".repeat(20_000)),
        ("many errors", b"NONSENSE\r\n".repeat(5_000)),
        ("many capabilities", b"CAPA\r\n".repeat(50_000)),
        ("commands of a login", b"STAT\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nUIDL\r\nLIST\r\n".to_vec()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a folder of a folder", b"USER alice+../../bob@example.org\r\nPASS x\r\n".to_vec()),
    ];
    for (what, octets) in cases {
        let mut pop3 = Pop3::connect(&server);
        pop3.send(&octets);
        pop3.send(b"\r\nQUIT\r\n");
        let said = pop3.rest();
        assert!(!said.contains("Subject: secret") && !said.contains("octets"), "{what}: {said:.300}");
        assert!(!said.contains("marked"), "{what}: {said:.300}");
    }
    assert!(peak_memory(&server) < 200, "{} MiB", peak_memory(&server));
    assert!(Pop3::login(&server).say("STAT").starts_with("+OK 1 "), "the server goes on");
}

#[test]
fn after_the_login() {
    let server = Server::start(Setup::default());
    deliver(&server, &[mail("one", "x")]);
    let long = |verb: &str| format!("{verb} {}", "9".repeat(100_000));
    let mut pop3 = Pop3::login(&server);
    for line in [long("RETR"), long("TOP 1"), long("LIST"), "DELE 4294967296".into(), "TOP 1 -1".into()] {
        let said = pop3.say(&line);
        assert!(said.starts_with("-ERR"), "{line:.40}: {said}");
    }
    assert!(pop3.say("TOP 1 4294967295").starts_with("+OK"));
    pop3.body();
    assert!(pop3.say("NOOP").starts_with("+OK"));
}

#[test]
fn ten_thousand_commands_at_once() {
    let server = Server::start(Setup::default());
    deliver(&server, &[mail("one", "x"), mail("two", "x")]);
    let mut pop3 = Pop3::login(&server);
    pop3.send(&b"NOOP\r\nSTAT\r\nDELE 1\r\nLIST 2\r\nRSET\r\n".repeat(2_000));
    for number in 0..2_000 {
        let said: Vec<String> = (0..5).map(|_| pop3.line()).collect();
        assert!(said.iter().all(|line| line.starts_with("+OK")), "{number}: {said:?}");
        assert!(said[1].starts_with("+OK 2 "), "{said:?}");
    }
    pop3.send(b"QUIT\r\n");
    assert!(pop3.rest().starts_with("+OK"));
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 2);
}

/// Of the large message.
const OCTETS: usize = 40 << 20;

/// A client that asks and does not read costs what is on its way, not what it
/// asked for.
#[test]
fn a_slow_reader_of_a_large_message() {
    let server = Server::start(Setup::default());
    let line = "0123456789012345678901234567890123456789012345678901234567\n";
    let lines = OCTETS / line.len();
    deliver(&server, &[mail("large", &line.repeat(lines)), mail("small", "x")]);
    let mut slow = Pop3::login(&server);
    // Verifying the password took memory too, and less than a message.
    let before = peak_memory(&server);
    slow.send(b"RETR 1\r\nRETR 1\r\nRETR 1\r\nUIDL\r\n");
    // The server has filled what lies between when it answers others.
    let mut bob = Pop3::connect(&server);
    for _ in 0..50 {
        assert!(bob.say("CAPA").starts_with("+OK"));
        bob.body();
    }
    let during = peak_memory(&server);
    assert!(during < before + 15, "{before} MiB before, {during} MiB during");
    for _ in 0..3 {
        assert!(slow.line().starts_with("+OK"));
        let (got, octets) = slow.body();
        assert!(got > lines && octets > OCTETS, "{got} lines");
    }
    assert!(slow.line().starts_with("+OK"));
    assert_eq!(slow.body().0, 2);
    let after = peak_memory(&server);
    assert!(after < before + 15, "{before} MiB before, {after} MiB after");
}

/// Whoever is lost before QUIT removes nothing (RFC 1939 §6), whatever came in
/// one piece with it.
#[test]
fn lost_connections_remove_nothing() {
    let server = Server::start(Setup::default());
    deliver(&server, &[mail("one", "x"), mail("two", "x")]);
    let cut = ["DELE 1\r\n", "DELE 1\r\nDELE 2\r\nQUIT", "DELE 1\r\nQUIT\r", "DELE 1\r\nQUIT now\r\n"];
    for octets in cut {
        let mut pop3 = Pop3::login(&server);
        pop3.send(octets.as_bytes());
        assert!(pop3.line().starts_with("+OK"), "{octets:?}");
        drop(pop3);
        // The next one waits until the lock is free again.
        crate::house::eventually("the lock is free", || {
            let mut next = Pop3::connect(&server);
            next.send(b"USER alice@example.org\r\nPASS password of alice\r\nSTAT\r\nQUIT\r\n");
            let said = next.rest();
            assert!(said.contains("[IN-USE]") || said.contains("+OK 2 "), "{octets:?}: {said}");
            said.contains("+OK 2 ")
        });
    }
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 2);
}

/// Room is made by those who delete: that needs none where mail lies.
#[test]
fn quit_on_a_full_mail_disk() {
    if !may_mount() {
        return;
    }
    let mut server = prepared(Setup::default());
    fs::create_dir_all(server.path("mail")).unwrap();
    let disk = Mount::tmpfs(&server.path("mail"), "4m").expect("it was possible before");
    server.run();
    deliver(&server, &[mail("one", &"x\n".repeat(50_000)), mail("two", "x")]);
    disk.fill();
    let mut pop3 = Pop3::login(&server);
    assert!(pop3.say("DELE 1").starts_with("+OK"));
    let said = pop3.say("QUIT");
    assert!(said.starts_with("+OK"), "{said}");
    let left = messages(&server.maildir("alice@example.org"));
    assert!(left.len() == 1 && left[0].contains("Subject: two"), "{} are left", left.len());
}

/// Where the index cannot be written the client hears so, and what it was told
/// is what it finds the next time.
#[test]
fn quit_on_a_full_disk_under_the_index() {
    if !may_mount() {
        return;
    }
    let mut server = Server::prepare(Setup::default());
    let disk = Mount::tmpfs(&server.path("data"), "12m").expect("it was possible before");
    server.ok(&["domain", "add", "example.org"], "");
    server.ok(&["user", "add", "alice@example.org"], "password of alice\n");
    server.run();
    let texts: Vec<String> = (0..40).map(|number| mail(&format!("number{number}"), "x")).collect();
    deliver(&server, &texts);
    let mut pop3 = Pop3::login(&server);
    for number in 1..=40 {
        assert!(pop3.say(&format!("DELE {number}")).starts_with("+OK"));
    }
    let filler = disk.fill();
    let said = pop3.say("QUIT");
    assert!(said.starts_with("+OK") || said.starts_with("-ERR [SYS/TEMP]"), "{said}");
    fs::remove_file(filler).unwrap();
    let expected = if said.starts_with("+OK") { "+OK 0 0" } else { "+OK 40 " };
    let mut pop3 = Pop3::login(&server);
    assert!(pop3.say("STAT").starts_with(expected), "after {said}");
    for number in 1..=40 {
        pop3.say(&format!("DELE {number}"));
    }
    assert!(pop3.say("QUIT").starts_with("+OK"), "it works when there is room");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
}
