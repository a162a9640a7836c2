//! A server whose users stand in no database: in a file, or in LDAP. They get
//! mail, read it, and change their passwords where those are kept.

use std::fs;

use testkit::server::{Server, Setup, have};
use testkit::slapd;

use crate::delivery::messages;
use crate::house::{Imap, ends_ok, eventually};
use crate::pages;
use crate::smtp::{Client, mail};

const NEW: &str = "wandern im regen";

/// A server with this in the place of the database of users.
fn start(directory: &str) -> Server {
    let mut server = Server::prepare(Setup::default());
    let text = fs::read_to_string(server.config()).unwrap();
    let url = text.lines().skip_while(|line| *line != "[directory]").nth(1).unwrap().to_owned();
    fs::write(server.config(), text.replace(&format!("[directory]\n{url}\n"), directory)).unwrap();
    server.run();
    server
}

/// What IMAP says to a login.
fn login(server: &Server, address: &str, password: &str) -> String {
    Imap::connect(server).command(&format!("LOGIN {address} \"{password}\""))
}

fn rcpt(client: &mut Client, to: &str) -> String {
    client.say("MAIL FROM:<s@client.example>").unwrap();
    let said = client.say(&format!("RCPT TO:<{to}>")).unwrap();
    client.say("RSET").unwrap();
    said
}

#[test]
fn users_of_a_file_get_mail_read_it_and_change_their_passwords() {
    if !have("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let hash = {
        let any = Server::prepare(Setup::default());
        any.ok(&["hash"], "password of alice\n").trim().to_owned()
    };
    assert!(hash.starts_with("{ARGON2ID}$argon2id$"), "{hash}");
    let text = format!("# Us.\nalice@example.org:{hash} name=Alice\ninfo@example.org: alice@example.org # list\n");
    fs::write(&path, &text).unwrap();
    let server = start(&format!("[directory]\nusers = \"{}\"\n", path.display()));
    let mut client = Client::connect(server.smtp).unwrap();
    assert!(rcpt(&mut client, "nobody@example.org").starts_with("550 5.1.1"));
    let said = client.message("s@client.example", &["info@example.org"], &mail("one", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    assert!(ends_ok(&login(&server, "alice@example.org", "password of alice")));
    assert!(login(&server, "alice@example.org", "wrong").contains("[AUTHENTICATIONFAILED]"));

    // Its owner changes it on the page: one word of the file is another one.
    let said = pages::fill_for(&server, "alice@example.org", "password of alice", NEW);
    assert!(said.contains("Your password was changed"), "{said}");
    let after = fs::read_to_string(&path).unwrap();
    let new = after.lines().nth(1).unwrap().split([':', ' ']).nth(1).unwrap();
    assert_eq!(after, text.replace(&hash, new));
    assert!(ends_ok(&login(&server, "alice@example.org", NEW)));
    assert!(login(&server, "alice@example.org", "password of alice").contains("[AUTHENTICATIONFAILED]"));

    // Somebody edits it: it counts within seconds, and a mistake does not.
    fs::write(&path, format!("{after}bob@example.org:{{PLAIN}}b\n")).unwrap();
    eventually("bob is there", || rcpt(&mut client, "bob@example.org").starts_with("250"));
    fs::write(&path, format!("{after}bob@example.org:forgotten\n")).unwrap();
    eventually("the mistake is in the log", || {
        assert!(rcpt(&mut client, "bob@example.org").starts_with("250"), "the last good one counts");
        server.log().contains("users:4:17: ")
    });
    let checked = server.gatepost(&["check", "--address", "bob@example.org"], "");
    assert!(!checked.status.success());
    assert!(String::from_utf8_lossy(&checked.stderr).contains("users:4:17: "), "{checked:?}");
    assert!(!server.log().contains("forgotten"));

    // The commands show it, and say where it is changed.
    fs::write(&path, &after).unwrap();
    assert!(server.ok(&["user", "list"], "").contains("alice@example.org"));
    let refused = server.gatepost(&["user", "add", "carol@example.org"], "a password of hers\n");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains(&path.display().to_string()), "{refused:?}");
    let told = server.ok(&["check", "--address", "info@example.org"], "");
    assert!(told.contains("mail     goes to alice@example.org"), "{told}");
}

#[test]
fn users_of_ldap_get_mail_read_it_and_change_their_passwords() {
    let Some(ldap) = slapd::Server::start() else { return };
    if !have("curl") {
        return;
    }
    let server = start(&format!(
        "[directory]\npreset = \"ldap\"\n[ldap]\nurl = \"{}\"\nca = \"{}\"\nbind_dn = \"{}\"\nbind_password_file = \"{}\"\n\
         base = \"{}\"\ndomains = \"example.org\"\n",
        ldap.ldaps(),
        ldap.ca().display(),
        slapd::READER,
        ldap.password().display(),
        slapd::BASE
    ));
    let mut client = Client::connect(server.smtp).unwrap();
    for (to, expected) in [
        ("nobody@example.org", "550 5.1.1"),
        ("*@example.org", "550 5.1.1"),
        ("a@elsewhere.example", "550 5.7.1"),
        ("twin@example.org", "451 4.3.0"),
        ("alice+news@example.org", "250"),
    ] {
        let said = rcpt(&mut client, to);
        assert!(said.starts_with(expected), "{to}: {said}");
    }
    let said = client.message("s@client.example", &["a.miller@example.org"], &mail("one", "x")).unwrap();
    assert!(said.starts_with("250"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);

    let mut reading = Imap::connect(&server);
    assert!(ends_ok(&reading.command("LOGIN alice@example.org \"password of alice\"")));
    let said = reading.command("SELECT INBOX");
    assert!(said.contains("* 1 EXISTS"), "{said}");
    for wrong in ["wrong", "", "*"] {
        assert!(login(&server, "alice@example.org", wrong).contains("[AUTHENTICATIONFAILED]"), "{wrong}");
    }
    let said = pages::fill_for(&server, "alice@example.org", "password of alice", NEW);
    assert!(said.contains("Your password was changed"), "{said}");
    assert!(ends_ok(&login(&server, "alice@example.org", NEW)));
    assert!(login(&server, "alice@example.org", "password of alice").contains("[AUTHENTICATIONFAILED]"));

    let told = server.ok(&["--json", "check", "--address", "team@example.org"], "");
    assert!(told.contains("[ldap] alias_filter") && told.contains("eve@elsewhere.example"), "{told}");

    let told = server.ok(&["check", "--address", "alice@example.org"], "");
    assert!(
        told.contains("password = kept elsewhere") && told.contains("login    alice@example.org logs in"),
        "{told}"
    );
    let refused = server.gatepost(&["user", "change", "alice@example.org", "--password"], "another one\n");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stand in LDAP"), "{refused:?}");
    let checked = server.gatepost(&["--json", "check"], "");
    assert!(String::from_utf8_lossy(&checked.stdout).contains("nothing lists them there"), "{checked:?}");

    // While it is away, mail waits and known users read on.
    ldap.kill();
    assert!(rcpt(&mut client, "alice@example.org").starts_with("451 4.3.0"));
    assert!(ends_ok(&login(&server, "alice@example.org", NEW)));
    assert!(login(&server, "bob@example.org", "password of bob").contains("[UNAVAILABLE]"));
    ldap.restart();
    eventually("it is asked again", || ends_ok(&login(&server, "bob@example.org", "password of bob")));
}
