//! Messages that mean harm: they are delivered or refused, cost no more memory
//! than an ordinary one, and can be read by whoever has them.

use std::time::Instant;

use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::{Imap, PATIENCE, ends_ok, peak_memory};
use crate::smtp::{Client, mail};

const FROM: &str = "From: a@client.example\nSubject: odd\n";

fn send(server: &Server, text: &str) -> String {
    let mut client = Client::connect(server.smtp).unwrap();
    client.message("s@client.example", &["alice@example.org"], text).unwrap()
}

#[test]
fn a_message_that_goes_in_circles() {
    let server = Server::start(Setup::default());
    let received = "Received: from a.example by b.example with ESMTP; Sat, 21 Nov 2026 10:00:00 +0000\n";
    let ours = "Received: from a.example by mx.example.org with ESMTP; Sat, 21 Nov 2026 10:00:00 +0000\n";
    let cases = [
        (received.repeat(100), "550 5.4.6"),
        (received.repeat(99), "250"),
        (format!("Delivered-To: alice@example.org\n{ours}"), "550 5.4.6"),
        (format!("Delivered-To: bob@example.org\n{ours}"), "250"),
        (format!("Delivered-To: alice@example.org\n{received}"), "250"),
    ];
    for (trace, expected) in cases {
        let said = send(&server, &format!("{trace}{}", mail("loop", "x")));
        assert!(said.starts_with(expected), "{trace:.60}: {said}");
    }
    let found = messages(&server.maildir("alice@example.org"));
    assert_eq!(found.len(), 3);
    // What comes back to us by a forwarder abroad is seen at its second visit.
    let back = found.iter().find(|text| text.matches("Delivered-To:").count() == 1).unwrap();
    let said = send(&server, back);
    assert!(said.starts_with("550 5.4.6"), "{said}");
}

fn nested(depth: usize) -> String {
    let mut text = format!("{FROM}MIME-Version: 1.0\n");
    for level in 0..depth {
        text.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    text + "Content-Type: text/plain\n\nthe end\n"
}

fn messages_in_messages(depth: usize) -> String {
    format!("{FROM}{}Subject: innermost\n\nthe end\n", "Content-Type: message/rfc822\n\n".repeat(depth))
}

fn hostile() -> Vec<(&'static str, String)> {
    let multipart = format!("{FROM}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n");
    let parameters: String = (0..50_000).map(|n| format!("; name*{n}*=%41")).collect();
    let addresses = "x <x@client.example>, ".repeat(100_000);
    vec![
        (
            "a header of 10 MB",
            format!("{FROM}{}\nx\n", "X-Filler: 0123456789012345678901234567890123456789\n".repeat(200_000)),
        ),
        ("a header line of 5 MB", format!("{FROM}X-Long: {}\n\nx\n", "y".repeat(5 << 20))),
        ("a folded header of 5 MB", format!("{FROM}X-Long: y\n{}\nx\n", " 0123456789012345678\n".repeat(250_000))),
        ("10,000 nested multiparts", nested(10_000)),
        ("10,000 messages in messages", messages_in_messages(10_000)),
        ("100,000 parts", format!("{multipart}{}--b--\n", "--b\nContent-Type: text/plain\n\nx\n".repeat(100_000))),
        ("100,000 empty parts", format!("{multipart}{}", "--b\n".repeat(100_000))),
        ("50,000 pieces of a parameter", format!("{FROM}Content-Type: text/plain{parameters}\n\nx\n")),
        (
            "a multipart without its boundary",
            format!("{FROM}Content-Type: multipart/mixed\n\n{}", "--\n".repeat(10_000)),
        ),
        ("100,000 addresses", format!("From: {addresses}x@client.example\nTo: {addresses}x@y.example\n\nx\n")),
        ("deep comments", format!("From: {}x@client.example\nSubject: odd\n\nx\n", "(".repeat(100_000))),
        ("deep groups", format!("From: a@client.example\nTo: {}\n\nx\n", "a:".repeat(100_000))),
        ("encoded words", format!("{FROM}To: {}\n\nx\n", "=?utf-8?B?QQ==?= ".repeat(50_000))),
        ("no header", "just text\n".to_owned()),
        ("nothing", String::new()),
    ]
}

#[test]
fn hostile_mime_is_bounded_and_can_be_read() {
    let server = Server::start(Setup::default());
    let mut kept = 0;
    for (what, text) in hostile() {
        let start = Instant::now();
        let said = send(&server, &text);
        assert!(said.starts_with("250") || said.starts_with("550") || said.starts_with("552"), "{what}: {said}");
        assert!(start.elapsed() < PATIENCE, "{what}: {:?}", start.elapsed());
        if !said.starts_with("250") {
            continue;
        }
        kept += 1;
        let mut imap = Imap::login(&server, "alice");
        assert!(imap.command("SELECT INBOX").contains(&format!("* {kept} EXISTS")), "{what}");
        for item in
            ["BODYSTRUCTURE", "ENVELOPE", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY.PEEK[1]<0.100>"]
        {
            let start = Instant::now();
            let said = imap.command(&format!("FETCH {kept} ({item})"));
            assert!(ends_ok(&said), "{what}, {item}: {said:.300}");
            assert!(start.elapsed() < PATIENCE, "{what}, {item}: {:?}", start.elapsed());
        }
        let said = imap.command(&format!("SEARCH {kept} SUBJECT innermost"));
        assert!(ends_ok(&said), "{what}: {said:.300}");
        let peak = peak_memory(&server);
        assert!(peak < 300, "{what}: {peak} MiB");
    }
    assert!(kept >= 10, "most of these are only odd: {kept}");
    let said = send(&server, &mail("after", "x"));
    assert!(said.starts_with("250"), "{said}");
}
