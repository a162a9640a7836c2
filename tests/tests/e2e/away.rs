//! A database that goes away and comes back: mail waits, nobody is told that
//! his password is wrong, and nothing needs a restart.

use testkit::dialogue::Wire as _;
use testkit::mariadb;
use testkit::server::{Server, Setup};
use testkit::tls;

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
    // Whoever has not logged in since the start is not known, and told to try later.
    for (user, password) in [("bob", "password of bob"), ("bob", "wrong"), ("nobody", "x")] {
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

/// How many messages POP3 shows to alice, by this name.
fn maildrop(server: &Server, name: &str) -> String {
    let mut wire = tls::secure(server.pop3s, "127.0.0.1", &tls::client_config(&server.ca()));
    let mut said = wire.line();
    for command in [&format!("USER {name}"), "PASS password of alice", "STAT"] {
        wire.send(format!("{command}\r\n").as_bytes());
        said = wire.line();
        assert!(said.starts_with(b"+OK"), "{name}: {command}: {}", String::from_utf8_lossy(&said));
    }
    wire.send(b"QUIT\r\n");
    assert!(wire.line().starts_with(b"+OK"));
    String::from_utf8_lossy(&said).split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// The directory in MySQL is killed: who was there before reads on, by IMAP and
/// POP3, and what was changed meanwhile counts as soon as it is back.
#[test]
fn known_users_go_on_reading_while_the_directory_is_away() {
    let Some(database) = mariadb::Server::start() else { return };
    let server = Server::start(Setup { directory: database.database(), ..Setup::default() });
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], &mail("before", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    let login = |password: &str| {
        let mut imap = Imap::connect(&server);
        let said = imap.command(&format!("LOGIN alice@example.org \"{password}\""));
        (imap, said)
    };
    assert!(ends_ok(&login("password of alice").1));
    assert_eq!(maildrop(&server, "alice@example.org"), "+OK 1");

    database.kill();
    let (mut imap, said) = login("password of alice");
    assert!(ends_ok(&said), "{said}");
    let said = imap.command("SELECT INBOX");
    assert!(said.contains("* 1 EXISTS") && ends_ok(&said), "{said}");
    let said = imap.command("FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]");
    assert!(said.contains("before") && ends_ok(&said), "{said}");
    for command in ["STORE 1 +FLAGS (\\Seen)", "GETQUOTAROOT INBOX", "LIST \"\" *", "CREATE New", "COPY 1 New"] {
        let said = imap.command(command);
        assert!(ends_ok(&said), "{command}: {said}");
    }
    assert_eq!(maildrop(&server, "alice@example.org"), "+OK 1");
    // A folder by POP3: whether `alice+New` is a user cannot be asked, but who
    // is known can.
    assert_eq!(maildrop(&server, "alice+New@example.org"), "+OK 1");
    // Nobody learns who is known: a wrong password is answered as a stranger's.
    let said = login("wrong").1;
    assert!(said.contains("= NO [UNAVAILABLE]"), "{said}");
    let said = Imap::connect(&server).command("LOGIN bob@example.org \"password of bob\"");
    assert!(said.contains("= NO [UNAVAILABLE]"), "{said}");
    let said = client.message("s@client.example", &["alice@example.org"], &mail("away", "x")).unwrap();
    assert!(said.starts_with("451 4.3.0"), "{said}");
    assert!(ends_ok(&imap.command("NOOP")), "the session goes on");

    database.restart();
    // By somebody with an SQL client, of "another password".
    database.statement("UPDATE t0.account SET password = '{PLAIN}another password' WHERE local = 'alice'");
    eventually("the new password counts", || ends_ok(&login("another password").1));
    let said = login("password of alice").1;
    assert!(said.contains("= NO [AUTHENTICATIONFAILED]"), "{said}");
    eventually("mail is taken again", || {
        client.message("s@client.example", &["alice@example.org"], &mail("after", "x")).unwrap().starts_with("250")
    });
}
