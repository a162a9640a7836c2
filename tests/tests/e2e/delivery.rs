//! Who gets what: recipients, verdict headers, Junk, limits, on both engines.

use std::fs;
use std::path::Path;

use testkit::command;
use testkit::server::{Server, Setup, have};

use crate::smtp::{Client, mail};

/// What has to hold on every pair of databases.
pub const CORE: [fn(Setup); 7] = [recipients, copies, refusal, junk, lmtp, quota, all_at_once];

/// All messages of a Maildir folder, as text.
pub fn messages(folder: &Path) -> Vec<String> {
    let files = ["new", "cur"].iter().filter_map(|sub| fs::read_dir(folder.join(sub)).ok()).flatten();
    files.map(|f| String::from_utf8_lossy(&fs::read(f.unwrap().path()).unwrap()).into_owned()).collect()
}

#[test]
fn swaks_delivers_to_a_user() {
    if !have("swaks") {
        return;
    }
    let server = Server::start(Setup::default());
    let said = command::run(
        "swaks",
        &[
            "--server",
            &server.smtp.to_string(),
            "--from",
            "sender@client.example",
            "--to",
            "alice@example.org",
            "--header",
            "Subject: from swaks",
            "--body",
            "hello",
        ],
        b"",
    )
    .ok();
    assert!(said.contains("250 "), "{said}");
    let found = messages(&server.maildir("alice@example.org"));
    assert_eq!(found.len(), 1);
    let text = &found[0];
    assert!(text.starts_with("Return-Path: <sender@client.example>\nDelivered-To: alice@example.org\nReceived: from "));
    assert!(text.contains("\nX-Gatepost-Verdict: accept; "), "{text}");
    assert_eq!(text.matches("\nReceived: ").count(), 1);
    assert!(!text.contains('\r'));
}

#[test]
fn swaks_delivers_over_starttls() {
    if !have("swaks") {
        return;
    }
    let server = Server::start(Setup::default());
    let said = command::run(
        "swaks",
        &["--server", &server.smtp.to_string(), "--tls", "--from", "sender@client.example", "--to", "bob@example.net"],
        b"",
    );
    if said.text.contains("TLS not available") {
        eprintln!("skipped: swaks has no TLS here");
        return;
    }
    assert_eq!(said.code, Some(0), "{}", said.text);
    assert!(messages(&server.maildir("bob@example.net"))[0].contains("with ESMTPS"));
}

#[test]
fn recipients_are_known_before_data() {
    recipients(Setup::default());
}

fn recipients(setup: Setup) {
    let server = Server::start(setup);
    server.ok(&["alias", "add", "team@example.org", "alice@example.org", "bob@example.org"], "");
    server.ok(&["alias", "add", "out@example.org", "friend@elsewhere.example"], "");
    server.ok(&["user", "change", "bob@example.net", "--active", "no"], "");
    server.ok(&["domain", "add", "other.example", "--alias-of", "example.org"], "");
    let cases = [
        ("alice@example.org", "250 2.1.5"),
        ("ALICE@EXAMPLE.ORG", "250 2.1.5"),
        ("alice+news@example.org", "250 2.1.5"),
        ("team@example.org", "250 2.1.5"),
        ("alice@other.example", "250 2.1.5"),
        ("postmaster@example.org", "250 2.1.5"),
        ("abuse@example.net", "250 2.1.5"),
        ("postmaster", "250 2.1.5"),
        ("nobody@example.org", "550 5.1.1"),
        ("bob@example.net", "550 5.2.1"),
        ("out@example.org", "451 4.3.2"),
        ("someone@foreign.example", "550 5.7.1"),
    ];
    let mut client = Client::connect(server.smtp).unwrap();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    for (recipient, expected) in cases {
        let reply = client.say(&format!("RCPT TO:<{recipient}>")).unwrap();
        assert!(reply.starts_with(expected), "{recipient}: {reply}");
    }
}

#[test]
fn each_recipient_gets_one_copy_of_his_own() {
    copies(Setup::default());
}

fn copies(setup: Setup) {
    let server = Server::start(setup);
    server.ok(&["alias", "add", "team@example.org", "alice@example.org", "bob@example.org"], "");
    let mut client = Client::connect(server.smtp).unwrap();
    let to = ["alice@example.org", "team@example.org", "bob@example.org"];
    let reply = client.message("s@client.example", &to, &mail("copies", "x")).unwrap();
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    for user in ["alice", "bob"] {
        let found = messages(&server.maildir(&format!("{user}@example.org")));
        assert_eq!(found.len(), 1, "{user}");
        assert_eq!(found[0].matches("Delivered-To:").count(), 1);
        assert!(found[0].contains(&format!("Delivered-To: {user}@example.org")));
    }
}

#[test]
fn no_from_is_refused_with_a_link_and_kept() {
    refusal(Setup::default());
}

fn refusal(setup: Setup) {
    let server = Server::start(setup);
    let mut client = Client::connect(server.smtp).unwrap();
    let reply = client.message("s@client.example", &["alice@example.org"], "Subject: no from\n\nx\n").unwrap();
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    assert!(reply.len() < 400);
    let token = reply.rsplit_once("https://mx.example.org/report/").expect("a link").1;
    assert!(token.len() == 26 && token.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{token}");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
    let kept: serde_json::Value = serde_json::from_str(&server.ok(&["--json", "quarantine", "list"], "")).unwrap();
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "{kept}");
}

#[test]
fn junk_goes_to_junk() {
    junk(Setup::default());
}

fn junk(setup: Setup) {
    let server = Server::start(Setup {
        more: "[[rule]]\nname = \"lottery\"\nwhen = \"header Subject matches /lottery/i\"\naction = \"junk\"\n".into(),
        ..setup
    });
    let mut client = Client::connect(server.smtp).unwrap();
    let reply = client.message("s@client.example", &["alice@example.org"], &mail("Lottery", "x")).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
    let junk = messages(&server.maildir("alice@example.org").join(".Junk"));
    assert_eq!(junk.len(), 1);
    assert!(junk[0].contains("X-Gatepost-Verdict: junk; ") && junk[0].contains("rule=lottery"), "{}", junk[0]);
}

#[test]
fn lmtp_answers_for_each_recipient() {
    lmtp(Setup::default());
}

fn lmtp(setup: Setup) {
    let server = Server::start(setup);
    let mut client = Client::lmtp(&server.lmtp()).unwrap();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    client.say("RCPT TO:<alice@example.org>").unwrap();
    assert!(client.say("RCPT TO:<nobody@example.org>").unwrap().starts_with("550 5.1.1"));
    client.say("RCPT TO:<bob@example.org>").unwrap();
    client.say("DATA").unwrap();
    client.send(format!("{}\r\n.\r\n", mail("lmtp", "x").replace('\n', "\r\n")).as_bytes()).unwrap();
    for _ in 0..2 {
        let reply = client.reply().unwrap();
        assert!(reply.starts_with("250 2"), "{reply}");
    }
    assert_eq!(messages(&server.maildir("bob@example.org")).len(), 1);
}

#[test]
fn a_reject_over_lmtp_is_taken_and_kept() {
    let server = Server::start(Setup::default());
    let mut client = Client::lmtp(&server.lmtp()).unwrap();
    let reply = client.message("s@client.example", &["alice@example.org"], "Subject: no from\n\nx\n").unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
    let kept: serde_json::Value = serde_json::from_str(&server.ok(&["--json", "quarantine", "list"], "")).unwrap();
    assert_eq!(kept.as_array().map(Vec::len), Some(1), "{kept}");
}

#[test]
fn bdat_delivers_binary_lines_repaired() {
    let server = Server::start(Setup::default());
    let mut client = Client::connect(server.smtp).unwrap();
    let text = mail("bdat", "bare\nline feeds");
    client.say("MAIL FROM:<s@client.example>").unwrap();
    client.say("RCPT TO:<alice@example.org>").unwrap();
    client.send(format!("BDAT {} LAST\r\n{text}", text.len()).as_bytes()).unwrap();
    let reply = client.reply().unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    assert!(messages(&server.maildir("alice@example.org"))[0].ends_with("bare\nline feeds\n"));
}

#[test]
fn quota_is_known_at_rcpt() {
    quota(Setup::default());
}

fn quota(setup: Setup) {
    let server = Server::start(setup);
    server.ok(&["user", "change", "alice@example.org", "--quota", "20K"], "");
    let mut client = Client::connect(server.smtp).unwrap();
    client.say("MAIL FROM:<s@client.example> SIZE=30000").unwrap();
    let reply = client.say("RCPT TO:<alice@example.org>").unwrap();
    assert!(reply.starts_with("452 4.2.2"), "{reply}");
    client.say("RSET").unwrap();
    // Without SIZE nobody knows: who is below his quota takes it, and is full.
    let big = mail("big", &"x".repeat(60).repeat(500).replace("xx", "x\n"));
    let reply = client.message("s@client.example", &["alice@example.org"], &big).unwrap();
    assert!(reply.starts_with("250"), "{reply}");
    let reply = client.message("s@client.example", &["alice@example.org"], &mail("small", "x")).unwrap();
    assert!(reply.starts_with("452 4.2.2"), "{reply}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
}

#[test]
fn the_first_mails_of_accounts_come_all_at_once() {
    all_at_once(Setup::default());
}

fn all_at_once(setup: Setup) {
    // Those that asked whether the server runs yet may count for a moment.
    let server = Server::start(Setup { more: "[smtp]\nconnections_per_network = 40\n".into(), ..setup });
    let users = ["alice@example.org", "bob@example.org", "alice@example.net", "bob@example.net"];
    let send = |user: &str, number: usize| {
        let mut client = Client::connect(server.smtp).unwrap();
        client.message("s@client.example", &[user], &mail(&format!("first{number}"), "x")).unwrap()
    };
    let replies: Vec<String> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..20).map(|number| scope.spawn(move || send(users[number / 5], number))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(replies.iter().all(|said| said.starts_with("250")), "{replies:?}");
    for user in users {
        assert_eq!(messages(&server.maildir(user)).len(), 5, "{user}");
    }
}
