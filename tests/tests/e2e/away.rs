//! A database that goes away and comes back: mail waits, nobody is told that
//! his password is wrong, and nothing needs a restart.

use testkit::mariadb;
use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{Imap, ends_ok, eventually, unfinished};
use crate::smtp::{Client, mail};

#[test]
fn an_index_that_is_away_defers_mail_and_comes_back() {
    let Some(database) = mariadb::Server::start() else { return };
    let server = Server::start(Setup { index: database.database(), ..Setup::default() });
    let mut client = Client::connect(server.smtp).unwrap();
    let mut send = |name: &str| client.message("s@client.example", &["alice@example.org"], &mail(name, "x")).unwrap();
    assert!(send("before").starts_with("250"));
    let mut imap = Imap::login(&server, "alice");
    assert!(ends_ok(&imap.command("SELECT INBOX")));

    database.kill();
    // The message that finds out may be past its rename; then it is taken, and
    // its row follows.
    let first = send("finds-out");
    assert!(first.starts_with("451 4.3.0") || first.starts_with("250"), "{first}");
    let taken = 1 + usize::from(first.starts_with("250"));
    for number in 0..3 {
        let said = send(&format!("away{number}"));
        assert!(said.starts_with("451 4.3.0"), "{said}");
    }
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), taken);
    eventually("nothing is half-written", || unfinished(&server.maildir("alice@example.org")).is_empty());
    let said = imap.command("STATUS INBOX (MESSAGES)");
    assert!(said.contains("= NO [UNAVAILABLE]"), "{said}");

    database.restart();
    eventually("mail is taken again", || send("after").starts_with("250"));
    eventually("the session goes on", || ends_ok(&imap.command("NOOP")));
    assert!(ends_ok(&imap.command("SELECT INBOX")));
    let expected = format!("(MESSAGES {})", taken + 1);
    eventually("rows that were owed are there", || imap.command("STATUS INBOX (MESSAGES)").contains(&expected));
}

#[test]
fn a_directory_that_is_away_is_no_wrong_password() {
    let Some(database) = mariadb::Server::start() else { return };
    let server = Server::start(Setup { directory: database.database(), ..Setup::default() });
    let mut reading = Imap::login(&server, "alice");
    assert!(ends_ok(&reading.command("SELECT INBOX")));
    database.kill();
    for (user, password) in [("alice", "password of alice"), ("alice", "wrong"), ("nobody", "x")] {
        let said = Imap::connect(&server).command(&format!("LOGIN {user}@example.org \"{password}\""));
        assert!(said.contains("= NO [UNAVAILABLE]"), "{user} {password}: {said}");
    }
    assert!(ends_ok(&reading.command("NOOP")), "reading goes on without the directory");
    assert!(ends_ok(&reading.command("SELECT Junk")));
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("away", "x")).unwrap();
    assert!(said.starts_with("451 4.3.0"), "{said}");
    database.restart();
    eventually("logins work again", || {
        ends_ok(&Imap::connect(&server).command("LOGIN alice@example.org \"password of alice\""))
    });
    eventually("mail is taken again", || {
        client.message("s@client.example", &["alice@example.org"], &mail("after", "x")).unwrap().starts_with("250")
    });
}
