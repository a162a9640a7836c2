//! Users who go, while the server runs: nobody else reads their mail, nothing
//! of it is lost, and it can be given back.

use std::path::{Path, PathBuf};
use std::process::Output;

use testkit::command;
use testkit::mariadb;
use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{Imap, ends_ok, eventually, plain, prepared, reply, say, within};
use crate::smtp::{Client, mail};

const ALICE: &str = "alice@example.org";

fn send(server: &Server, to: &str, name: &str) -> String {
    Client::connect(server.smtp).unwrap().message("s@client.example", &[to], &mail(name, "x")).unwrap()
}

fn rcpt(server: &Server, to: &str) -> String {
    let mut wire = plain(server);
    reply(&mut *wire);
    say(&mut *wire, "EHLO client.example");
    say(&mut *wire, "MAIL FROM:<s@client.example>");
    say(&mut *wire, &format!("RCPT TO:<{to}>"))
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// How many messages INBOX has for whoever logs in with this name.
fn in_inbox(server: &Server, name: &str) -> String {
    let mut imap = Imap::login(server, name);
    let said = imap.command("STATUS INBOX (MESSAGES)");
    said.split(['(', ')']).nth(1).unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn where_it_went(server: &Server, user: &str) -> PathBuf {
    let removed = json(&server.ok(&["--json", "user", "remove", user], ""));
    assert_eq!((&removed["address"], &removed["mail"]["state"]), (&user.into(), &"moved".into()), "{removed}");
    removed["mail"]["path"].as_str().unwrap().into()
}

/// How many doors the index knows logins of; asking has them written.
fn logins(server: &Server) -> String {
    let _ = server.gatepost(&["user", "show", ALICE], "");
    let database = server.path("data/index.db").display().to_string();
    let count = format!("SELECT count(*) FROM last_login WHERE address = '{ALICE}'");
    command::run("sqlite3", &["-cmd", ".timeout 10000", &database, &count], b"").ok().trim().to_owned()
}

#[test]
fn the_mail_is_moved_away_and_can_be_given_back() {
    let server = Server::start(Setup::default());
    for name in ["one", "two"] {
        assert!(send(&server, ALICE, name).starts_with("250"));
    }
    let mut open = Imap::login(&server, "alice");
    assert!(ends_ok(&open.command("SELECT INBOX")) && ends_ok(&open.command("CREATE Work")));
    assert!(ends_ok(&open.command("COPY 1 Work")));
    let shown = json(&server.ok(&["--json", "user", "show", ALICE], ""));
    assert_eq!(Path::new(shown["maildir"].as_str().unwrap()), server.maildir(ALICE));

    eventually("the login is written", || logins(&server) == "1");
    let path = where_it_went(&server, ALICE);
    assert_eq!(logins(&server), "0", "the next owner sees no login of this one");
    assert!(path.starts_with(server.path("mail/.removed")), "{path:?}");
    assert_eq!(messages(&path.join("Maildir")).len(), 2);
    assert!(!server.maildir(ALICE).exists());
    assert!(rcpt(&server, ALICE).starts_with("550 5.1.1"));
    assert!(!ends_ok(&Imap::connect(&server).command("LOGIN alice@example.org \"password of alice\"")));
    within(std::time::Duration::from_secs(20), "the open session ends or opens nothing", || {
        let said = open.command("SELECT Work");
        !ends_ok(&said) || said.is_empty()
    });
    let again = server.gatepost(&["user", "remove", ALICE], "");
    assert_eq!(again.status.code(), Some(3), "{}", stderr(&again));
    assert_eq!(server.ok(&["--json", "user", "orphans"], "").trim(), "[]");

    // The next owner of the address sees nothing of it.
    server.ok(&["user", "add", ALICE], "password of alice\n");
    assert_eq!(in_inbox(&server, "alice"), "MESSAGES 0");
    assert!(send(&server, ALICE, "three").starts_with("250"));
    assert_eq!(in_inbox(&server, "alice"), "MESSAGES 1");

    // What the command says about giving it back is true.
    let shown = json(&server.ok(&["--json", "user", "show", ALICE], ""));
    let maildir = shown["maildir"].as_str().unwrap();
    let line = format!("tar -C {}/Maildir --exclude='dovecot*' -c . | tar -C {maildir} -x", path.display());
    assert_eq!(command::run("sh", &["-c", &line], b"").code, Some(0), "{line}");
    within(std::time::Duration::from_secs(20), "all three are there", || in_inbox(&server, "alice") == "MESSAGES 3");
    let mut imap = Imap::login(&server, "alice");
    let said = imap.command("STATUS Work (MESSAGES)");
    assert!(said.contains("MESSAGES 1"), "{said}");
}

#[test]
fn what_is_said_names_the_ways_back() {
    let server = prepared(Setup::default());
    let never = server.ok(&["user", "remove", "bob@example.org"], "");
    assert_eq!(never, "user bob@example.org removed; there was no mail yet\n");
    let gone = server.gatepost(&["domain", "remove", "example.net"], "");
    let said = String::from_utf8_lossy(&gone.stdout).into_owned();
    assert!(gone.status.success() && said.contains("no mail of former users is left"), "{said}{}", stderr(&gone));
}

#[test]
fn a_row_deleted_by_hand_leaves_mail_that_check_names() {
    let mut server = Server::start(Setup::default());
    assert!(send(&server, ALICE, "one").starts_with("250"));
    let database = server.path("data/directory.db").display().to_string();
    let delete = "DELETE FROM account WHERE local = 'alice' AND domain = 'example.org'";
    command::run("sqlite3", &["-cmd", ".timeout 10000", &database, delete], b"").ok();
    assert!(rcpt(&server, ALICE).starts_with("550 5.1.1"));

    let finding = |server: &Server| {
        let checked = String::from_utf8_lossy(&server.gatepost(&["--json", "check"], "").stdout).into_owned();
        json(&checked).as_array().unwrap().iter().find(|finding| finding["name"] == "mail").unwrap().clone()
    };
    let warned = finding(&server);
    assert_eq!(warned["status"], "warn");
    assert!(warned["message"].as_str().unwrap().starts_with("alice@example.org ("), "{warned}");
    let orphans = json(&server.ok(&["--json", "user", "orphans"], ""));
    assert_eq!(orphans[0]["address"], ALICE);
    assert!(warned["message"].as_str().unwrap().contains(&orphans[0]["id"].to_string()), "{warned} {orphans}");
    let domain = server.gatepost(&["domain", "remove", "example.org"], "");
    assert!(!domain.status.success(), "bob is still there");

    let id = orphans[0]["id"].to_string();
    let said = server.ok(&["user", "orphans", "--move", &id], "");
    let kept = server.path("mail/.removed").join(&id);
    assert!(said.contains(&format!("kept in {}\n", kept.display())), "{said}");
    assert_eq!(messages(&kept.join("Maildir")).len(), 1);
    assert_eq!(finding(&server)["status"], "ok");
    let twice = server.gatepost(&["user", "orphans", "--move", &id], "");
    assert_eq!(twice.status.code(), Some(3), "{}", stderr(&twice));
    // Nobody's mail goes whose user is there.
    assert!(send(&server, "bob@example.org", "one").starts_with("250"));
    assert_eq!(server.ok(&["--json", "user", "orphans"], "").trim(), "[]");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_index_that_is_away_leaves_the_mail_where_it_is() {
    let Some(database) = mariadb::Server::start() else { return };
    let server = Server::start(Setup { index: database.database(), ..Setup::default() });
    assert!(send(&server, ALICE, "one").starts_with("250"));
    database.kill();
    let failed = server.gatepost(&["--json", "user", "remove", ALICE], "");
    assert_eq!(failed.status.code(), Some(4), "{}", stderr(&failed));
    let error = json(&stderr(&failed));
    assert_eq!(error["error"]["code"], "mail_not_moved");
    assert!(error["error"]["message"].as_str().unwrap().contains("is removed, but the mail could not be moved"));
    assert_eq!(messages(&server.maildir(ALICE)).len(), 1);
    let shown = server.gatepost(&["user", "show", ALICE], "");
    assert_eq!(shown.status.code(), Some(3), "the row is gone: {}", stderr(&shown));

    database.restart();
    let orphans = json(&server.ok(&["--json", "user", "orphans"], ""));
    let id = orphans[0]["id"].to_string();
    let moved = json(&server.ok(&["--json", "user", "orphans", "--move", &id], ""));
    assert_eq!(moved[0]["mail"]["state"], "moved");
    assert!(!server.maildir(ALICE).exists());
}

#[test]
fn a_mail_folder_that_is_not_mounted_is_not_delivered_into() {
    let mut server = Server::start(Setup::default());
    assert!(send(&server, ALICE, "one").starts_with("250"));
    assert_eq!(server.stop(), Some(0));
    let (mail, disk) = (server.path("mail"), server.path("disk"));
    std::fs::rename(&mail, &disk).unwrap();
    std::fs::create_dir(&mail).unwrap();
    for command in [&["serve"][..], &["check"]] {
        let refused = server.gatepost(command, "");
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        let said = stderr(&refused) + &String::from_utf8_lossy(&refused.stdout);
        assert!(said.contains("is its file system mounted?") && said.contains("touch "), "{said}");
    }
    assert!(std::fs::read_dir(&mail).unwrap().next().is_none(), "nothing was put there");
    let kept = server.gatepost(&["user", "remove", "bob@example.org"], "");
    assert!(stderr(&kept).contains("the mail could not be moved"), "{}", stderr(&kept));

    std::fs::remove_dir(&mail).unwrap();
    std::fs::rename(&disk, &mail).unwrap();
    server.run();
    assert_eq!(in_inbox(&server, "alice"), "MESSAGES 1");
}

#[test]
fn a_junk_folder_that_was_deleted_is_made_anew() {
    let server = Server::start(Setup {
        more: "[[rule]]\nname = \"ads\"\nwhen = 'header Subject matches /^two/'\naction = \"junk\"\n".to_owned(),
        ..Setup::default()
    });
    let mut imap = Imap::login(&server, "alice");
    for round in 1..=2 {
        assert!(send(&server, ALICE, "two").starts_with("250"));
        let said = imap.command("STATUS Junk (MESSAGES)");
        assert!(said.contains("MESSAGES 1"), "round {round}: {said}");
        assert!(ends_ok(&imap.command("DELETE Junk")));
        assert!(!ends_ok(&imap.command("STATUS Junk (MESSAGES)")));
    }
    assert_eq!(in_inbox(&server, "alice"), "MESSAGES 0");
}
