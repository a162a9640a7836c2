//! What an administrator does: change rows in MySQL, reload, stop, look in.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use testkit::command::python;
use testkit::mariadb;
use testkit::server::{Server, Setup, signal};

use crate::delivery::messages;
use crate::house::eventually;
use crate::smtp::{Client, mail};

fn rcpt(server: &Server, to: &str) -> String {
    let mut client = Client::connect(server.smtp).unwrap();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    client.say(&format!("RCPT TO:<{to}>")).unwrap()
}

#[test]
fn rows_edited_in_mysql_work_within_seconds() {
    let Some(database) = mariadb::Server::start() else { return };
    let (directory, index) = (database.database(), database.database());
    let name = directory.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let server = Server::start(Setup { directory, index, ..Setup::default() });
    let execute = |statement: &str| database.statement(&format!("USE {name}; {statement}"));
    assert!(rcpt(&server, "carol@example.org").starts_with("550 5.1.1"));
    execute("INSERT INTO account (local, domain, password) VALUES ('carol', 'example.org', '{PLAIN}x')");
    let start = Instant::now();
    eventually("carol is known", || rcpt(&server, "carol@example.org").starts_with("250"));
    println!("known after {:?}", start.elapsed());
    execute("UPDATE account SET active = 0 WHERE local = 'carol'");
    eventually("carol is inactive", || rcpt(&server, "carol@example.org").starts_with("550 5.2.1"));
    let mut client = Client::connect(server.smtp).unwrap();
    let reply = client.message("s@client.example", &["alice@example.org"], &mail("on-mysql", "x")).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}

#[test]
fn a_directory_that_is_away_defers() {
    let Some(database) = mariadb::Server::start() else { return };
    let server = Server::start(Setup { directory: database.database(), ..Setup::default() });
    assert!(rcpt(&server, "alice@example.org").starts_with("250"));
    database.kill();
    assert!(rcpt(&server, "nobody@example.org").starts_with("451 4.3.0"));
    assert!(rcpt(&server, "alice@example.org").starts_with("451 4.3.0"));
    database.restart();
    eventually("the directory is asked again", || rcpt(&server, "alice@example.org").starts_with("250"));
    assert!(rcpt(&server, "nobody@example.org").starts_with("550 5.1.1"));
}

/// One statement on a SQLite file, by another program; its first value.
const SQLITE: &str = r"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
with database:
    print(*(database.execute(sys.argv[2]).fetchone() or ()))
";

#[test]
fn a_domain_that_vanishes_defers_and_one_that_is_removed_does_not() {
    let server = Server::start(Setup::default());
    assert!(rcpt(&server, "alice@example.net").starts_with("250"));
    let on = |database: &str, statement: &str| {
        let file = server.path("data").join(database).display().to_string();
        python(SQLITE, &[&file, statement]).ok()
    };
    let remembered = "SELECT count(*) FROM seen_domain WHERE domain = 'example.net'";
    eventually("the domain is remembered", || on("index.db", remembered).trim() == "1");
    on("directory.db", "DELETE FROM domain WHERE name = 'example.net'");
    eventually("the answer is 451", || rcpt(&server, "alice@example.net").starts_with("451 4.3.0"));
}

#[test]
fn sigterm_lets_a_message_finish() {
    let mut server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    client.say("RCPT TO:<alice@example.org>").unwrap();
    client.say("DATA").unwrap();
    client.send(b"From: a@client.example\r\n\r\nhalf\r\n").unwrap();
    signal(server.pid(), "TERM");
    eventually("nobody new is let in", || TcpStream::connect(server.smtp).is_err());
    client.send(b"whole\r\n.\r\n").unwrap();
    let reply = client.reply().unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    drop(client);
    assert_eq!(server.stop(), Some(0));
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}

#[test]
fn sighup_reloads_without_dropping_anybody() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let spam = mail("lottery", "x");
    assert!(client.message("s@client.example", &["alice@example.org"], &spam).unwrap().starts_with("250"));
    server
        .configure("[[rule]]\nname = \"lottery\"\nwhen = \"header Subject matches /lottery/\"\naction = \"reject\"\n");
    signal(server.pid(), "HUP");
    eventually("the rule works on the open connection", || {
        client.message("s@client.example", &["alice@example.org"], &spam).unwrap().starts_with("550 5.7.1")
    });
    server.configure("nonsense = 1\n");
    signal(server.pid(), "HUP");
    eventually("it is reported", || server.log().contains("the configuration was not reloaded; the old one holds"));
    assert!(client.message("s@client.example", &["alice@example.org"], &spam).unwrap().starts_with("550 5.7.1"));
}

#[test]
fn metrics_and_check_tell_how_it_is() {
    let server = Server::start(Setup::default());
    assert!(rcpt(&server, "alice@example.org").starts_with("250"));
    let mut stream = TcpStream::connect(server.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("gatepost_"), "{text}");
    let check = server.gatepost(&["--json", "check"], "");
    let checks: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert!(checks.as_array().unwrap().len() > 4, "{checks}");
    fs::write(server.config(), "[server]\nhostnme = \"x\"\n").unwrap();
    let check = server.gatepost(&["check"], "");
    assert_eq!(check.status.code(), Some(2));
    let said = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
    assert!(said.contains(":2:1: ") && said.contains("hostname"), "{said}");
}
