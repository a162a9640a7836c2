//! A sender that does not learn that his message was taken comes again.

use std::io::Write;
use std::net::TcpStream;

use testkit::server::{Server, Setup};

use crate::delivery::messages;
use crate::house::eventually;
use crate::smtp::{Client, mail};

#[test]
fn a_250_that_got_lost_leaves_one_copy() {
    let server = Server::start(Setup::default());
    let text = mail("retry", "x");
    let text = text.trim_end();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.smtp).unwrap();
        let wire = text.replace('\n', "\r\n");
        let envelope = "MAIL FROM:<s@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n";
        stream.write_all(format!("EHLO client.example\r\n{envelope}{wire}\r\n.\r\n").as_bytes()).unwrap();
        // Closed with replies that were not read: the kernel resets the
        // connection.
        let mut seen = [0; 4000];
        eventually("the message is taken", || {
            let there = stream.peek(&mut seen).unwrap();
            String::from_utf8_lossy(&seen[..there]).contains("250 2.0.0 Delivered")
        });
    }
    let mut client = Client::connect(server.smtp).unwrap();
    let said = client.message("s@client.example", &["alice@example.org"], text).unwrap();
    assert!(said.starts_with("250 2.0.0"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    // To somebody else it is another one.
    let said = client.message("s@client.example", &["bob@example.org"], text).unwrap();
    assert!(said.starts_with("250 2.0.0"), "{said}");
    assert_eq!(messages(&server.maildir("bob@example.org")).len(), 1);
}

/// Several messages without waiting for replies (RFC 2920, RFC 3030), then a
/// word that says that all replies came: what is sent again later is meant.
#[test]
fn what_was_sent_in_one_go_and_heard_may_be_sent_again() {
    let server = Server::start(Setup::default());
    let alice = "alice@example.org";
    let texts = ["one", "two", "three"].map(|subject| mail(subject, "x").trim_end().replace('\n', "\r\n") + "\r\n");
    let one = |text: &String| {
        format!("MAIL FROM:<s@client.example>\r\nRCPT TO:<{alice}>\r\nBDAT {} LAST\r\n{text}", text.len())
    };
    for copies in 1..=2 {
        let mut client = Client::connect(server.smtp).unwrap();
        client.send(texts.iter().map(one).collect::<String>().as_bytes()).unwrap();
        for _ in 0..texts.len() * 3 {
            let said = client.reply().unwrap();
            assert!(said.starts_with("250"), "{said}");
        }
        client.say("NOOP").unwrap();
        assert_eq!(messages(&server.maildir(alice)).len(), texts.len() * copies);
    }
}
