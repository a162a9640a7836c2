//! A server on the tables of PostfixAdmin: its users get mail, read it, and
//! change their passwords so that PostfixAdmin knows them still.

use testkit::command::{self, python};
use testkit::mariadb;
use testkit::server::{Server, Setup, have};

use crate::delivery::messages;
use crate::pages;
use crate::smtp::{Client, mail};

/// What PostfixAdmin 3.3 makes, of the tables that matter, with a user for each
/// kind of hash that it makes by its settings (of "password of NAME").
const TABLES: &str = "
CREATE TABLE domain (domain varchar(255) NOT NULL, description varchar(255) CHARACTER SET utf8 NOT NULL, aliases int(10) NOT NULL DEFAULT 0, mailboxes int(10) NOT NULL DEFAULT 0, maxquota bigint(20) NOT NULL DEFAULT 0, quota bigint(20) NOT NULL DEFAULT 0, transport varchar(255) NOT NULL, backupmx tinyint(1) NOT NULL DEFAULT 0, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, password_expiry int(11) DEFAULT 0, PRIMARY KEY (domain)) DEFAULT CHARSET=latin1;
CREATE TABLE mailbox (username varchar(255) NOT NULL, password varchar(255) NOT NULL, name varchar(255) CHARACTER SET utf8 NOT NULL, maildir varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0, local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, PRIMARY KEY (username)) DEFAULT CHARSET=latin1;
CREATE TABLE alias (address varchar(255) NOT NULL, goto text NOT NULL, domain varchar(255) NOT NULL, created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, PRIMARY KEY (address)) DEFAULT CHARSET=latin1;
CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL DEFAULT '', target_domain varchar(255) NOT NULL DEFAULT '', created datetime NOT NULL DEFAULT '2000-01-01 00:00:00', modified datetime NOT NULL DEFAULT '2000-01-01 00:00:00', active tinyint(1) NOT NULL DEFAULT 1, PRIMARY KEY (alias_domain)) DEFAULT CHARSET=latin1;
INSERT INTO domain (domain, description, transport) VALUES ('ALL', '', ''), ('example.org', '', 'virtual');
INSERT INTO mailbox (username, password, name, maildir, local_part, domain) VALUES
  ('alice@example.org', '{SHA512-CRYPT}$6$saltsalt$F72pdfNIgytegDDP3CKUI2qwykCcolFXbiNQJaC1.aFFVAfCpjIHSMLCzimrnMoX7qZg6nN.0DNVNVN9X1DM60', 'Alice', '', 'alice', 'example.org'),
  ('bob@example.org', '$2y$05$abcdefghijklmnopqrstuudeQs2LOktUYF7bOogADs7agNdLx1czm', 'Bob', '', 'bob', 'example.org');
INSERT INTO alias (address, goto, domain) VALUES ('alice@example.org', 'alice@example.org', 'example.org'), ('bob@example.org', 'bob@example.org', 'example.org'), ('info@example.org', 'alice@example.org,bob@example.org', 'example.org');
";

const NEW: &str = "wandern im regen";

/// The client of MariaDB on the database of this URL, as PostfixAdmin's
/// administrator uses it.
fn sql(url: &str, text: &str) -> String {
    let place = url.strip_prefix("mysql://root@127.0.0.1:").unwrap();
    let (port, database) = place.split_once('/').unwrap();
    let port = format!("--port={port}");
    let args =
        ["--no-defaults", "--protocol=TCP", "-h", "127.0.0.1", &port, "-u", "root", "-N", "-B", "-e", text, database];
    command::run("mariadb", &args, b"").ok()
}

fn start(url: &str) -> Server {
    let mut server = Server::prepare(Setup { directory: url.to_owned(), ..Setup::default() });
    let text = std::fs::read_to_string(server.config()).unwrap();
    let text = text.replace("[directory]\n", "[directory]\npreset = \"postfixadmin\"\n");
    std::fs::write(server.config(), text).unwrap();
    server.run();
    server
}

/// Whether IMAP lets somebody in, and how many messages there are.
const READ: &str = r#"
import imaplib, ssl, sys
i = imaplib.IMAP4_SSL('localhost', int(sys.argv[1]), ssl_context=ssl.create_default_context(cafile=sys.argv[2]))
try:
    i.login(sys.argv[3], sys.argv[4])
    print('messages', i.select('INBOX')[1][0].decode())
except imaplib.IMAP4.error as error:
    print('refused', error)
"#;

fn read(server: &Server, address: &str, password: &str) -> String {
    let (port, ca) = (server.imaps.port().to_string(), server.ca().display().to_string());
    python(READ, &[&port, &ca, address, password]).ok()
}

/// Whether crypt(3), as other programs use it, takes the password.
fn crypt_takes(password: &str, hash: &str) -> bool {
    command::run("perl", &["-e", "print crypt($ARGV[0], $ARGV[1])", password, hash], b"").ok() == hash
}

#[test]
fn users_of_postfixadmin_get_mail_read_it_and_change_their_passwords() {
    let Some(url) = mariadb::database() else { return };
    if !have("curl") || !have("perl") {
        return;
    }
    sql(&url, TABLES);
    let server = start(&url);
    let mut client = Client::connect(server.smtp).unwrap();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    for (recipient, expected) in [
        ("nobody@example.org", "550 5.1.1"),
        ("jörg@example.org", "5"),
        ("a@elsewhere.example", "550 5.7.1"),
        ("alice+news@example.org", "250 2.1.5"),
    ] {
        let reply = client.say(&format!("RCPT TO:<{recipient}>")).unwrap();
        assert!(reply.starts_with(expected), "{recipient}: {reply}");
    }
    client.say("RSET").unwrap();
    for to in ["alice@example.org", "info@example.org"] {
        let reply = client.message("s@client.example", &[to], &mail(to, "hello")).unwrap();
        assert!(reply.starts_with("250 "), "{to}: {reply}");
    }
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 2);
    assert_eq!(messages(&server.maildir("bob@example.org")).len(), 1);

    for (user, count, front, kind) in [("alice", "2", "{SHA512-CRYPT}", "$6$"), ("bob", "1", "", "$2y$")] {
        let (address, old) = (format!("{user}@example.org"), format!("password of {user}"));
        let hash =
            || sql(&url, &format!("SELECT password FROM mailbox WHERE username = '{address}'")).trim().to_owned();
        let before = hash();
        assert!(read(&server, &address, &old).contains(&format!("messages {count}")), "{address}");
        assert_eq!(hash(), before, "a login changes nothing in another program's tables");
        assert!(pages::fill_for(&server, &address, "wrong", NEW).contains("is wrong"));
        let text = pages::fill_for(&server, &address, &old, NEW);
        assert!(text.contains("Your password was changed"), "{text}");
        let stored = hash();
        let crypt = stored.strip_prefix(front).unwrap();
        assert!(stored != before && crypt.starts_with(kind), "{address}: {crypt}");
        assert!(crypt_takes(NEW, crypt) && !crypt_takes(&old, crypt), "{address}");
        assert!(read(&server, &address, NEW).contains(&format!("messages {count}")), "{address}");
        assert!(read(&server, &address, &old).contains("refused"), "{address}");
    }

    // The administrator does the same; and nothing else.
    server.ok(&["user", "change", "bob@example.org", "--password"], "schwimmen im see\n");
    assert!(sql(&url, "SELECT password FROM mailbox WHERE local_part = 'bob'").starts_with("$2y$"));
    assert!(read(&server, "bob@example.org", "schwimmen im see").contains("messages 1"));
    let refused = server.gatepost(&["user", "add", "new@example.org"], "a password of mine\n");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another program"), "{refused:?}");
    let refused = server.gatepost(&["user", "app-password", "add", "alice@example.org", "--name", "Phone"], "");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("tables of our own"), "{refused:?}");
    assert_eq!(sql(&url, "SHOW TABLES").lines().count(), 4, "nothing was added");
}
