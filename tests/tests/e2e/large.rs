//! Many large messages at once: memory does not grow with what comes, and
//! reading them does not either.

use std::time::Instant;

use testkit::server::{Server, Setup};

use crate::house::{Imap, PATIENCE, ends_ok, peak_memory};
use crate::smtp::Client;

const FROM: &str = "From: a@client.example\nSubject: large\n";
const AT_ONCE: usize = 8;
const OCTETS: usize = 10 << 20;

fn at_once(server: &Server, text: &str) -> Vec<String> {
    let send = || {
        let mut client = Client::connect(server.smtp).unwrap();
        client.message("s@client.example", &["alice@example.org"], text).unwrap()
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(send)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    })
}

#[test]
fn many_large_messages_at_once() {
    let server = Server::start(Setup::default());
    let line = "0123456789012345678901234567890123456789012345678901234567\n";
    let text = format!("{FROM}\n{}", line.repeat(OCTETS / line.len()));
    let start = Instant::now();
    let replies = at_once(&server, &text);
    assert!(replies.iter().all(|said| said.starts_with("250")), "{replies:?}");
    let (peak, took) = (peak_memory(&server), start.elapsed());
    println!("{AT_ONCE} messages of {} MiB: {peak} MiB, {took:?}", OCTETS >> 20);
    assert!(peak < 150, "{peak} MiB");
    let mut imap = Imap::login(&server, "alice");
    assert!(ends_ok(&imap.command("SELECT INBOX")));
    let said = imap.command("FETCH 1 (BODY.PEEK[])");
    assert!(ends_ok(&said) && said.len() > OCTETS, "{}", said.len());
    // Described one after another, and many at once.
    for item in ["BODYSTRUCTURE", "ENVELOPE", "BODY.PEEK[1]<7000000.10>"] {
        let start = Instant::now();
        let said = imap.command(&format!("FETCH 1:* ({item})"));
        assert!(ends_ok(&said), "{item}: {said:.300}");
        assert!(start.elapsed() < PATIENCE, "{item}: {:?}", start.elapsed());
    }
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut imap = Imap::login(&server, "alice");
                assert!(ends_ok(&imap.command("SELECT INBOX")));
                assert!(ends_ok(&imap.command("FETCH 1 (BODYSTRUCTURE)")));
            });
        }
    });
    println!("described {AT_ONCE} times at once: {} MiB", peak_memory(&server));
    let start = Instant::now();
    assert!(ends_ok(&imap.command("SEARCH BODY \"not in there\"")));
    println!("read: {:?}, {} MiB", start.elapsed(), peak_memory(&server));
    assert!(peak_memory(&server) < 300, "{} MiB", peak_memory(&server));
}

#[test]
fn many_large_headers_at_once() {
    let server = Server::start(Setup::default());
    let line = "X-Filler: 0123456789012345678901234567890123456789012345678\n";
    let text = format!("{FROM}{}\nx\n", line.repeat(OCTETS / line.len()));
    let replies = at_once(&server, &text);
    let peak = peak_memory(&server);
    println!("{AT_ONCE} headers of {} MiB: {peak} MiB, {:?}", OCTETS >> 20, replies[0]);
    assert!(replies.iter().all(|said| said.starts_with("250") || said.starts_with("55")), "{replies:?}");
    assert!(peak < 300, "{peak} MiB");
}
