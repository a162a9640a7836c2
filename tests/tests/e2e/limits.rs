//! Every limit of the SMTP door, reached from outside, and what is said there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use testkit::dialogue::Wire;
use testkit::server::Server;
use testkit::tls;

use crate::delivery::messages;
use crate::house::{Imap, at_data, configured, eventually, peak_memory, plain, reply, say};
use crate::smtp::{Client, mail};

#[test]
fn too_many_connections_of_a_network() {
    let server = configured("[smtp]\nconnections_per_network = 3\n");
    // Those that asked whether the server runs yet are gone in a moment.
    let mut open = Vec::new();
    eventually("three are greeted", || {
        let mut wire = plain(&server);
        if reply(&mut *wire).starts_with("220") {
            open.push(wire);
        }
        open.len() == 3
    });
    let mut wire = plain(&server);
    assert!(reply(&mut *wire).starts_with("421 4.7.0"));
    assert_eq!(wire.line(), b"", "the connection is closed");
    let mut client = Client::lmtp(&server.lmtp()).unwrap();
    assert!(client.say("NOOP").unwrap().starts_with("250"), "a local socket is no network");
    open.pop();
    eventually("a place is free again", || reply(&mut *plain(&server)).starts_with("220"));
    assert!(say(&mut **open.last_mut().unwrap(), "NOOP").starts_with("250"));
}

const SMALL: &str = "[smtp]\nmax_message = \"64K\"\nmax_skip = \"128K\"\nmax_recipients = 1\nmax_errors = 3\n\
    max_transactions = 2\nmax_line = 600\nmax_idle_commands = 5\n";

#[test]
fn each_limit_says_its_reply() {
    let server = configured(SMALL);
    let connect = || Client::connect(server.smtp).unwrap();

    let mut client = connect();
    let reply = client.say(&format!("NOOP {}", "x".repeat(1000))).unwrap();
    assert!(reply.starts_with("500 5.5.2"), "{reply}");
    assert!(client.say("NOOP").unwrap().starts_with("250"), "the session goes on");

    let mut client = connect();
    client.say("MAIL FROM:<s@client.example>").unwrap();
    client.say("RCPT TO:<alice@example.org>").unwrap();
    let reply = client.say("RCPT TO:<bob@example.org>").unwrap();
    assert!(reply.starts_with("452 4.5.3"), "{reply}");
    assert!(client.say("DATA").unwrap().starts_with("354"), "the first recipient stays");

    let mut client = connect();
    let reply = client.say("MAIL FROM:<s@client.example> SIZE=65537").unwrap();
    assert!(reply.starts_with("552 5.3.4"), "{reply}");

    let mut client = connect();
    for _ in 0..3 {
        assert!(client.say("NONSENSE").unwrap().starts_with("500"));
    }
    assert!(client.say("NONSENSE").unwrap().starts_with("421 4.7.0"));
    assert!(client.reply().is_err(), "the connection is closed");

    let mut client = connect();
    let replies: Vec<_> = (0..6).map_while(|_| client.say("NOOP").ok()).collect();
    assert!(replies.last().unwrap().starts_with("421 4.7.0"), "{replies:?}");
}

#[test]
fn a_message_beyond_its_size_is_read_and_refused() {
    let server = configured(SMALL);
    let send = |octets: usize| {
        let mut client = Client::connect(server.smtp).unwrap();
        let text = mail("large", &"0123456789abcdef0123456789abcde\n".repeat(octets / 33));
        let said = client.message("s@client.example", &["alice@example.org"], &text);
        (client, said.unwrap_or_default())
    };
    let (mut client, said) = send(100 << 10);
    assert!(said.starts_with("552 5.3.4"), "{said}");
    let said = client.message("s@client.example", &["alice@example.org"], &mail("small", "x")).unwrap();
    assert!(said.starts_with("250"), "the session goes on: {said}");
    let said = client.message("s@client.example", &["alice@example.org"], &mail("third", "x")).unwrap();
    assert!(said.starts_with("421 4.7.0"), "two messages are all of one connection: {said}");
    // More than is read patiently: the reply may be lost where the peer is
    // still writing, the message must not get in.
    let (_, said) = send(4 << 20);
    assert!(said.is_empty() || said.starts_with("552 5.3.4"), "{said}");
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 1);
    let spool = std::fs::read_dir(server.path("data/spool")).unwrap().flatten();
    let left: Vec<_> = spool.filter(|entry| entry.metadata().is_ok_and(|m| m.is_file() && m.len() > 1000)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn silence_ends_a_connection() {
    // The commands before DATA must not be cut off by a machine that is slow.
    let server = configured("[smtp]\ncommand_timeout = \"5s\"\ndata_timeout = \"1s\"\n");
    let mut wire = plain(&server);
    assert!(reply(&mut *wire).starts_with("220"));
    assert!(reply(&mut *wire).starts_with("421 4.4.2"));
    assert_eq!(wire.line(), b"");
    let mut wire = at_data(&server);
    wire.send(b"From: a@client.example\r\n\r\nhalf");
    assert!(reply(&mut *wire).starts_with("421 4.4.2"));
    assert_eq!(wire.line(), b"");
    assert!(messages(&server.maildir("alice@example.org")).is_empty());
}

#[test]
fn a_command_in_drops_ends_at_its_time() {
    let server = configured("[smtp]\ncommand_timeout = \"2s\"\n");
    let mut stream = TcpStream::connect(server.smtp).unwrap();
    // Each octet comes long before the time of a command is over.
    eventually("a line that comes in drops is not waited for", || {
        std::thread::sleep(Duration::from_millis(300));
        stream.write_all(b"x").is_err()
    });
}

/// The rate is measured after a minute.
#[test]
#[ignore = "takes more than a minute"]
fn a_message_in_drops_ends_by_its_rate() {
    let server = configured("[smtp]\nmin_rate = 1000\n");
    let mut wire = at_data(&server);
    wire.send(b"From: a@client.example\r\n\r\n");
    for _ in 0..65 {
        wire.send(b"one line\r\n");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(reply(&mut *wire).starts_with("421 4.4.2"));
}

#[test]
fn two_hundred_slow_peers_do_not_keep_mail_from_flowing() {
    let server = configured("[smtp]\nconnections = 300\nconnections_per_network = 300\n");
    let slow: Vec<_> = (0..200).map(|at| slow_peer(&server, at)).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut slow = slow;
            while !done.load(Ordering::SeqCst) {
                for stream in &mut slow {
                    let _ = stream.write_all(b"x");
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut client = Client::connect(server.smtp).unwrap();
        for number in 0..20 {
            let text = mail(&format!("flows{number}"), "x");
            let said = client.message("s@client.example", &["alice@example.org"], &text).unwrap();
            assert!(said.starts_with("250"), "{said}");
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(messages(&server.maildir("alice@example.org")).len(), 20);
    assert!(peak_memory(&server) < 300, "{} MiB", peak_memory(&server));
}

/// A peer that stopped in one of the places where one can stop.
fn slow_peer(server: &Server, at: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.smtp).unwrap();
    let stops = [
        "",
        "EH",
        "EHLO slow.example\r\nMAIL FROM:<s@client.example>\r\nRCPT TO:<alice@exam",
        "EHLO slow.example\r\nMAIL FROM:<s@client.example>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nFrom: a",
        "EHLO slow.example\r\nMAIL FROM:<s@client.example>\r\nRCPT TO:<alice@example.org>\r\nBDAT 100000 LAST\r\nx",
    ];
    stream.write_all(stops[at % stops.len()].as_bytes()).unwrap();
    stream
}

#[test]
fn users_that_do_nothing_are_let_go() {
    // A login is to be made within this time also where the machine is slow.
    let server = configured("[imap]\nlogin_timeout = \"10s\"\nidle_timeout = \"1s\"\n[pop3]\nlogin_timeout = \"1s\"\n");
    let mut imap = Imap::connect(&server);
    let said = imap.rest();
    assert!(said.starts_with("* BYE"), "{said}");
    let mut imap = Imap::login(&server, "alice");
    let said = imap.rest();
    assert!(said.starts_with("* BYE"), "{said}");
    // Half of a command brings no more time before the login.
    let mut imap = Imap::connect(&server);
    for _ in 0..60 {
        imap.send(b"x");
        std::thread::sleep(Duration::from_millis(200));
    }
    // What was sent behind the farewell may have taken it away.
    let start = Instant::now();
    imap.rest();
    assert!(start.elapsed() < Duration::from_secs(8), "it was waited for");
    let mut pop3 = tls::secure(server.pop3s, "127.0.0.1", &tls::client_config(&server.ca()));
    assert!(pop3.line().starts_with(b"+OK"));
    while let line = pop3.line()
        && !line.is_empty()
    {
        assert!(line.starts_with(b"-ERR"), "{}", String::from_utf8_lossy(&line));
    }
}

fn metrics(server: &Server) -> String {
    let mut page = String::new();
    let mut stream = TcpStream::connect(server.metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn strangers_do_not_take_the_places_of_users() {
    let server = configured("[limits]\nstrangers_per_network = 2\n");
    let strangers = |count: usize| {
        eventually("so many have not logged in", || {
            let page = metrics(&server);
            page.contains(&format!("gatepost_connections_before_login {count}\n"))
                || (count == 0 && !page.contains("gatepost_connections_before_login "))
        });
    };
    strangers(0);
    let mut users: Vec<_> = (0..2).map(|_| Imap::connect(&server)).collect();
    strangers(2);
    // A third one is closed before TLS, on the other port too.
    for (port, protocol) in [(server.imaps, "imaps"), (server.pop3s, "pop3s")] {
        let _third = TcpStream::connect(port).unwrap();
        let refused = format!("gatepost_connections_refused_total{{protocol=\"{protocol}\"}} 1\n");
        eventually("it is turned away", || metrics(&server).contains(&refused));
    }
    for user in &mut users {
        let said = user.command("LOGIN alice@example.org \"password of alice\"");
        assert!(said.contains("= OK"), "{said}");
    }
    strangers(0);
    users.extend((0..2).map(|_| Imap::connect(&server)));
    strangers(2);
    drop(users);
    strangers(0);
    let mut pop3 = tls::secure(server.pop3s, "127.0.0.1", &tls::client_config(&server.ca()));
    assert!(pop3.line().starts_with(b"+OK"));
    strangers(1);
    for command in ["USER alice@example.org", "PASS password of alice"] {
        pop3.send(format!("{command}\r\n").as_bytes());
        assert!(pop3.line().starts_with(b"+OK"), "{command}");
    }
    strangers(0);
}
