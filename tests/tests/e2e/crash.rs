//! kill -9 at random moments under load: every acknowledged message is there
//! exactly once and keeps its UID, and nothing torn is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::server::{Server, Setup};

use crate::reading::uids;
use crate::smtp::{Client, mail};

const SENDERS: usize = 6;
const BODY_LINES: usize = 40;

/// 20 kills in CI, 200 in the long form.
fn rounds() -> usize {
    if std::env::var_os("GATEPOST_LONG").is_some() { 200 } else { 20 }
}

#[derive(Default)]
struct Log {
    acknowledged: Mutex<BTreeSet<String>>,
    sent: AtomicUsize,
    stop: AtomicBool,
}

#[test]
fn kill_at_random_moments() {
    let mut server = Server::start(Setup::default());
    let log = Arc::new(Log::default());
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..rounds() {
        log.stop.store(false, Ordering::SeqCst);
        let senders: Vec<_> = (0..SENDERS).map(|_| spawn_sender(server.smtp, Arc::clone(&log))).collect();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(30 + random % 250));
        server.kill();
        log.stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
        server.run();
        if round % 5 == 4 || round + 1 == rounds() {
            check(&server, &log, &mut known);
        }
    }
    let acknowledged = log.acknowledged.lock().unwrap().len();
    println!("{acknowledged} messages acknowledged, {} kills", rounds());
    assert!(acknowledged > rounds(), "the load was too small to mean anything");
}

fn spawn_sender(smtp: SocketAddr, log: Arc<Log>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let Ok(mut client) = Client::connect(smtp) else { return };
        while !log.stop.load(Ordering::SeqCst) {
            let id = format!("crash{}", log.sent.fetch_add(1, Ordering::SeqCst));
            let body = format!("{id} {}\n", "x".repeat(60)).repeat(BODY_LINES);
            match client.message("s@client.example", &["alice@example.org"], &mail(&id, &body)) {
                Ok(reply) if reply.starts_with("250") => {
                    log.acknowledged.lock().unwrap().insert(format!("<{id}@client.example>"));
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    })
}

fn check(server: &Server, log: &Log, known: &mut BTreeMap<String, String>) {
    let found = uids(server);
    let mut seen = BTreeMap::new();
    for (uid, id) in &found {
        assert_eq!(seen.insert(id.clone(), uid.clone()), None, "{id} is there twice");
    }
    let distinct: BTreeSet<_> = found.iter().map(|(uid, _)| uid).collect();
    assert_eq!(distinct.len(), found.len(), "a UID was given twice");
    for id in log.acknowledged.lock().unwrap().iter() {
        assert!(seen.contains_key(id), "{id} was acknowledged and is lost");
    }
    for (id, uid) in known.iter() {
        assert_eq!(seen.get(id), Some(uid), "{id} has another UID");
    }
    *known = seen;
    for sub in ["new", "cur"] {
        for file in fs::read_dir(server.maildir("alice@example.org").join(sub)).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let lines = text.lines().filter(|line| line.starts_with("crash")).count();
            assert!(lines == BODY_LINES && text.starts_with("Return-Path:"), "a torn message is visible");
        }
    }
}
