//! Senders and readers that go on until their server is gone, and what must be
//! there once it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use testkit::server::Server;

use crate::house::{Imap, ends_ok, eventually};
use crate::reading::uids;
use crate::smtp::{Client, mail};

const SENDERS: usize = 6;
const BODY_LINES: usize = 40;
const USERS: [&str; 2] = ["alice", "bob"];

/// What senders and readers were told, through all lives of a server.
#[derive(Default)]
pub struct Told {
    sent: AtomicUsize,
    /// User and Message-ID of what was answered 250.
    acknowledged: Mutex<BTreeSet<(&'static str, String)>>,
    /// User and UIDVALIDITY/UID to the Message-ID that was shown under it.
    shown: Mutex<BTreeMap<(&'static str, String), String>>,
}

impl Told {
    /// How many UIDs were shown to a user.
    pub fn shown(&self) -> usize {
        self.shown.lock().unwrap().len()
    }

    /// How many times a message was promised to a user.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Every promise is kept: what was acknowledged is there exactly once, no
    /// UID has come to mean another message, what is visible is whole.
    pub fn holds(&self, server: &Server) {
        for user in USERS {
            let (mut found, mut noted) = (Vec::new(), false);
            // What a start still owes from the spool comes in a moment.
            eventually("all that was acknowledged is there", || {
                found = uids(server, user);
                let lost = self.lost(user, &found);
                if let (Some(lost), false) = (&lost, std::mem::replace(&mut noted, true)) {
                    eprintln!("{user} has not got {lost} yet");
                }
                lost.is_none()
            });
            self.once_and_under_its_uid(user, &found);
            whole(server, user, found.len());
        }
    }

    fn lost(&self, user: &str, found: &[(String, String)]) -> Option<String> {
        let there: BTreeSet<_> = found.iter().map(|(_, id)| id).collect();
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.iter().find(|(whose, id)| *whose == user && !there.contains(id)).map(|(_, id)| id.clone())
    }

    fn once_and_under_its_uid(&self, user: &'static str, found: &[(String, String)]) {
        let by_uid: BTreeMap<_, _> = found.iter().map(|(uid, id)| (uid, id)).collect();
        assert_eq!(by_uid.len(), found.len(), "{user}: a UID was given twice");
        let ids: BTreeSet<_> = found.iter().map(|(_, id)| id).collect();
        assert_eq!(ids.len(), found.len(), "{user}: a message is there twice");
        let acknowledged = self.acknowledged.lock().unwrap();
        let mut shown = self.shown.lock().unwrap();
        for ((_, uid), id) in shown.iter().filter(|((whose, _), _)| *whose == user) {
            match by_uid.get(uid) {
                Some(now) => assert_eq!(*now, id, "{user}: UID {uid} is another message"),
                // It was seen before it was promised, and may be gone.
                None => assert!(!acknowledged.contains(&(user, id.clone())), "{user}: {id} was under UID {uid}"),
            }
        }
        shown.extend(found.iter().map(|(uid, id)| ((user, uid.clone()), id.clone())));
    }
}

/// Every file that a reader sees is a whole message, and none has two.
fn whole(server: &Server, user: &str, expected: usize) {
    let mut files = 0;
    for sub in ["new", "cur"] {
        for file in fs::read_dir(server.maildir(&format!("{user}@example.org")).join(sub)).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let lines = text.lines().filter(|line| line.starts_with("numbered")).count();
            assert!(lines == BODY_LINES && text.starts_with("Return-Path:"), "a torn message is visible: {text:?}");
            files += 1;
        }
    }
    assert_eq!(files, expected, "{user}: files and messages");
}

/// Senders and readers at work.
pub struct Load {
    told: Arc<Told>,
    before: (usize, usize),
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them; each goes on until [`Load::end`].
    pub fn start(server: &Server, told: &Arc<Told>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let before = (told.acknowledged(), told.shown());
        let mut threads = Vec::new();
        for user in USERS {
            let (imap, told, stop) = (Imap::login(server, user), Arc::clone(told), Arc::clone(&stop));
            threads.push(spawn(move || read(imap, user, &told, &stop)));
        }
        for _ in 0..SENDERS {
            let (smtp, told, stop) = (server.smtp, Arc::clone(told), Arc::clone(&stop));
            threads.push(spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let _ = send(smtp, &told, &stop);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }));
        }
        Self { told: Arc::clone(told), before, stop, threads }
    }

    /// Waits until at least one message was taken, and shown to a reader.
    pub fn is_felt(&self) {
        eventually("a message is there", || {
            self.told.acknowledged() > self.before.0 && self.told.shown() > self.before.1
        });
    }

    /// Ends them: after their last answers, or after the server.
    pub fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

/// Sends numbered messages over one connection, each third to everybody.
fn send(smtp: SocketAddr, told: &Told, stop: &AtomicBool) -> std::io::Result<()> {
    let mut client = Client::connect(smtp)?;
    while !stop.load(Ordering::SeqCst) {
        let number = told.sent.fetch_add(1, Ordering::SeqCst);
        let id = format!("numbered{number}");
        let users = [&USERS[..], &USERS[..1], &USERS[1..]][number % 3];
        let to: Vec<_> = users.iter().map(|user| format!("{user}@example.org")).collect();
        let to: Vec<_> = to.iter().map(String::as_str).collect();
        let body = format!("{id} {}\n", "x".repeat(60)).repeat(BODY_LINES);
        if client.message("s@client.example", &to, &mail(&id, &body))?.starts_with("250") {
            let id = format!("<{id}@client.example>");
            told.acknowledged.lock().unwrap().extend(users.iter().map(|user| (*user, id.clone())));
        }
    }
    Ok(())
}

/// Looks again and again at what is new, and remembers what was shown.
fn read(mut imap: Imap, user: &'static str, told: &Told, stop: &AtomicBool) {
    let said = imap.command("SELECT INBOX");
    let number = |code: &str| said.split(code).nth(1)?.split(']').next()?.trim().parse::<u32>().ok();
    let (Some(validity), Some(mut next)) = (number("[UIDVALIDITY"), number("[UIDNEXT")) else { return };
    while !stop.load(Ordering::SeqCst) {
        // What came in is announced here.
        imap.command("NOOP");
        let said = imap.command(&format!("UID FETCH {next}:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"));
        let mut uid = None;
        for line in said.lines() {
            if let Some(id) = line.strip_prefix("Message-ID: ") {
                // The last line may be cut off where the server is gone.
                if let (Some(uid), true) = (uid, id.ends_with('>')) {
                    told.shown.lock().unwrap().insert((user, format!("{validity}/{uid}")), id.to_owned());
                    next = uid + 1;
                }
            } else if let Some((_, rest)) = line.split_once("(UID ") {
                uid = rest.split(' ').next().and_then(|uid| uid.parse::<u32>().ok());
            }
        }
        if !ends_ok(&said) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Moments that differ each time, and are the same in each run.
pub struct Moments(pub u64);

impl Moments {
    /// Waits for this many milliseconds, and less than so many more.
    pub fn wait(&mut self, least: u64, more: u64) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        std::thread::sleep(Duration::from_millis(least + self.0 % more));
    }
}

/// Whether the long form is asked for.
pub fn long() -> bool {
    std::env::var_os("GATEPOST_LONG").is_some()
}
