//! POP3 sessions against a real store on SQLite: the dialogues of
//! `tests/dialogues/pop3`, and what dialogues cannot say.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use access::gate::Gate;
use access::imap::{Gone, Sink};
use access::pop3::{Connection, Ended, Next, Services};
use directory::{AccountChange, Directory, NewAccount, NewDomain};
use login::{Cost, Logins, hash_password};
use mail::{Address, Domain, Secret};
use mailbox::{
    AccountId, AccountKey, AppendAs, Clock, Expunge, FolderName, Mode, Parts, Quota, Settings, Store, Uid, View,
};
use maildir::{Blocking, Disk, OsDisk};
use tempfile::TempDir;
use testkit::dialogue::{Stage, Wire, speak_all};
use tokio::runtime::Runtime;

/// The clock of the store, which a dialogue moves.
struct Moved(Mutex<SystemTime>);

impl Clock for Moved {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// The clock of logins: nobody waits.
#[derive(Debug)]
struct Impatient;

impl login::Clock for Impatient {
    fn now(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A server without its listeners, in a folder of its own.
struct House {
    dir: TempDir,
    runtime: Rc<Runtime>,
    clock: Arc<Moved>,
    directory: Arc<Directory>,
    store: Store,
    services: Services,
    guests: Vec<Rc<RefCell<Guest>>>,
}

/// One connection, and what came over it that nobody read yet.
struct Guest {
    runtime: Rc<Runtime>,
    services: Services,
    connection: Option<Connection>,
    heard: Heard,
}

#[derive(Default)]
struct Heard {
    octets: Vec<u8>,
    largest: usize,
    /// Goes away after so many octets.
    leaves_after: Option<usize>,
}

impl Sink for Heard {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        self.largest = self.largest.max(bytes.len());
        self.octets.extend(bytes);
        if self.leaves_after.is_some_and(|after| self.octets.len() > after) { Err(Gone) } else { Ok(()) }
    }
}

struct GuestWire(Rc<RefCell<Guest>>);

impl Wire for GuestWire {
    fn send(&mut self, octets: &[u8]) {
        let _ = self.0.borrow_mut().say(octets);
    }

    fn line(&mut self) -> Vec<u8> {
        let octets = &mut self.0.borrow_mut().heard.octets;
        let end = octets.iter().position(|&byte| byte == b'\n').map_or(octets.len(), |at| at + 1);
        octets.drain(..end).collect()
    }
}

impl Guest {
    /// What the shell does with octets that it read.
    fn say(&mut self, octets: &[u8]) -> Result<(), Ended> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let stepped = self.runtime.block_on(connection.step(octets, &self.services, &mut self.heard));
        if !matches!(stepped, Ok(Next::Read(_))) {
            self.connection = None;
        }
        stepped.map(|_| ())
    }

    fn hear(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.heard.octets)).into_owned()
    }

    fn log_in(&mut self) {
        self.say(b"USER alice@example.org\r\nPASS password of alice\r\n").unwrap();
        let heard = self.hear();
        assert!(heard.contains(" messages, "), "{heard}");
    }
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime =
            Rc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
        for folder in ["mail", "spool"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let clock = Arc::new(Moved(Mutex::new(SystemTime::now())));
        let directory = Arc::new(runtime.block_on(people(dir.path())));
        let (store, services) = runtime.block_on(async { open(dir.path(), &clock, &directory) });
        Self { dir, runtime, clock, directory, store, services, guests: Vec::new() }
    }

    fn guest(&mut self) -> Rc<RefCell<Guest>> {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (connection, greeting) = Connection::new(pop3::Settings::default(), peer);
        let heard = Heard { octets: greeting, ..Heard::default() };
        let (runtime, services) = (Rc::clone(&self.runtime), self.services.clone());
        let guest = Rc::new(RefCell::new(Guest { runtime, services, connection: Some(connection), heard }));
        self.guests.push(Rc::clone(&guest));
        guest
    }

    fn alice(&self) -> AccountId {
        self.runtime.block_on(async {
            let address = Address::parse("alice@example.org").unwrap();
            let account = self.directory.account(&address).await.unwrap();
            let key = AccountKey { source: "directory", foreign_key: account.identity() };
            self.store.account(&key, &address, Quota::Unlimited).await.unwrap()
        })
    }

    fn inbox(&self) -> View {
        let alice = self.alice();
        self.runtime.block_on(self.store.select(alice, &FolderName::parse("INBOX").unwrap(), Mode::ReadOnly)).unwrap()
    }

    fn put(&self, bytes: Vec<u8>) -> Uid {
        self.put_in("INBOX", bytes)
    }

    fn put_in(&self, folder: &str, bytes: Vec<u8>) -> Uid {
        let (alice, name) = (self.alice(), FolderName::parse(folder).unwrap());
        self.runtime.block_on(async {
            let folder = self.store.mailbox(alice, &name).await.unwrap();
            self.store.append(&folder, bytes, AppendAs::default()).await.unwrap().uid
        })
    }

    fn expunge(&self, uid: u32) {
        let inbox = self.inbox().mailbox;
        let these = Expunge::These(vec![Uid::new(uid).unwrap()]);
        assert_eq!(self.runtime.block_on(self.store.expunge(&inbox, &these)).unwrap().len(), 1);
    }

    /// Some time passes: file names are made of it and of the process' id.
    fn restart(&mut self) {
        *self.clock.0.lock().unwrap() += Duration::from_secs(1);
        let (store, services) = self.runtime.block_on(async {
            self.store.close().await;
            open(self.dir.path(), &self.clock, &self.directory)
        });
        (self.store, self.services) = (store, services);
    }
}

impl Stage for House {
    fn connect(&mut self) -> Box<dyn Wire> {
        Box::new(GuestWire(self.guest()))
    }

    fn act(&mut self, what: &str) {
        let words: Vec<_> = what.split(' ').collect();
        match words.as_slice() {
            ["put", name] => {
                self.put(read(name));
            }
            ["put", name, "in", folder @ ..] => {
                self.put_in(&folder.join(" "), read(name));
            }
            ["create", name @ ..] => {
                let (alice, name) = (self.alice(), FolderName::parse(&name.join(" ")).unwrap());
                self.runtime.block_on(self.store.create_folder(alice, &name, None)).unwrap();
            }
            ["account", name] => self.runtime.block_on(add(&self.directory, name)),
            // Another program delivers.
            ["drop", name] => {
                let maildir = self.dir.path().join("mail/example.org/alice/Maildir");
                let file = dialogues().join("messages").join(format!("{name}.eml"));
                std::fs::copy(file, maildir.join("new").join(format!("1.{name}.other"))).unwrap();
            }
            // Another server left this file.
            ["beside", name, content @ ..] => {
                let maildir = self.dir.path().join("mail/example.org/alice/Maildir");
                for folder in ["new", "cur", "tmp"] {
                    std::fs::create_dir_all(maildir.join(folder)).unwrap();
                }
                let content = content.join(" ").replace("\\n", "\n");
                std::fs::write(maildir.join(name.trim_end_matches(':')), content).unwrap();
            }
            // What is written when there is time for it.
            ["settle"] => {
                self.runtime.block_on(self.store.tick());
            }
            ["lose", "index"] => self.runtime.block_on(self.store.index().close()),
            ["lose", "directory"] => self.runtime.block_on(self.directory.close()),
            ["lock", name] => {
                let address = Address::parse(&format!("{name}@example.org")).unwrap();
                let change = AccountChange { active: Some(false), ..AccountChange::default() };
                self.runtime.block_on(self.directory.change_account(&address, &change)).unwrap();
            }
            ["expect", count, "messages"] => {
                assert_eq!(self.inbox().messages.len().to_string(), *count, "{what}");
            }
            ["wait", seconds] => *self.clock.0.lock().unwrap() += Duration::from_secs(seconds.parse().unwrap()),
            ["expunge", uid] => self.expunge(uid.parse().unwrap()),
            ["hang", "up", number] => {
                let number: usize = number.parse().unwrap();
                self.guests[number - 1].borrow_mut().connection = None;
            }
            ["restart"] => self.restart(),
            _ => panic!("nobody knows how to {what}"),
        }
    }
}

/// A message of the dialogues.
fn read(name: &str) -> Vec<u8> {
    std::fs::read(dialogues().join("messages").join(format!("{name}.eml"))).unwrap()
}

fn dialogues() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues/pop3")
}

async fn people(dir: &Path) -> Directory {
    let url = format!("sqlite:{}", dir.join("directory.db").display());
    let directory = Directory::open(&directory::Settings::new(url)).await.unwrap();
    directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
    for name in ["alice", "bob"] {
        add(&directory, name).await;
    }
    directory
}

async fn add(directory: &Directory, name: &str) {
    let password = Secret::from(format!("password of {name}").as_str());
    let address = Address::parse(&format!("{name}@example.org")).unwrap();
    let hash = hash_password(&password, Cost::CHEAP).unwrap();
    let new = NewAccount { address, password: Some(hash), name: String::new(), quota: None };
    directory.add_account(&new).await.unwrap();
}

fn open(dir: &Path, clock: &Arc<Moved>, directory: &Arc<Directory>) -> (Store, Services) {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let url = format!("sqlite:{}", dir.join("index.db").display());
    let parts = Parts {
        index: index::Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1),
        spool: spool::Spool::open(Arc::clone(&disk), &dir.join("spool")).unwrap(),
        disk,
        blocking: Blocking::new(4),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    };
    let store = Store::open(Settings::new(dir.join("mail"), "mx.example.org"), parts).unwrap();
    let settings = login::Settings { cost: Cost::CHEAP, ..login::Settings::default() };
    let logins = Logins::new(Arc::clone(directory), settings, Arc::new(Impatient)).unwrap();
    let services = Services::new(
        Gate::new(store.clone(), Arc::clone(directory), 25),
        Arc::new(logins),
        Arc::clone(clock) as Arc<dyn Clock>,
    );
    (store, services)
}

#[test]
fn dialogues_are_spoken() {
    speak_all(&dialogues(), House::new);
}

/// Without the dots that were put in.
fn unstuffed(answer: &str) -> String {
    let (_, body) = answer.split_once("\r\n").unwrap();
    let body = body.strip_suffix(".\r\n").unwrap();
    body.split_inclusive('\n').map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
}

#[test]
fn a_large_message_goes_in_pieces_and_has_the_size_that_was_told() {
    let mut house = House::new();
    let mut message = b"From: a@example.org\n\n".to_vec();
    for line in 0..40_000 {
        message.extend(format!("{}line {line}\n", ".".repeat(line % 60)).bytes());
    }
    house.put(message.clone());
    let guest = house.guest();
    let mut guest = guest.borrow_mut();
    guest.log_in();
    guest.say(b"LIST 1\r\n").unwrap();
    let told: usize = guest.hear().trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    guest.say(b"RETR 1\r\n").unwrap();
    let answer = guest.hear();
    assert!(answer.starts_with(&format!("+OK {told} octets\r\n")));
    let body = unstuffed(&answer);
    assert_eq!(body.len(), told);
    assert_eq!(body, String::from_utf8(message).unwrap().replace('\n', "\r\n"));
    assert!(guest.heard.largest <= 256 << 10, "{} octets at once", guest.heard.largest);
}

#[test]
fn many_lines_are_listed() {
    let mut house = House::new();
    for number in 0..60 {
        house.put(format!("Subject: {number}\n\n").into_bytes());
    }
    let guest = house.guest();
    let mut guest = guest.borrow_mut();
    guest.log_in();
    guest.say(b"UIDL\r\nLIST\r\n").unwrap();
    let heard = guest.hear();
    assert_eq!(heard.lines().count(), 2 * 62);
    let mut names: Vec<_> = heard.lines().take(61).skip(1).map(|line| line.split_once(' ').unwrap().1).collect();
    names.dedup();
    assert_eq!(names.len(), 60);
}

#[test]
fn a_client_that_leaves_removes_nothing_and_frees_the_maildrop() {
    let mut house = House::new();
    house.put(b"Subject: x\n\nbody\n".to_vec());
    // Whoever asks for all at once must have been sent the message before it
    // is removed.
    for commands in ["RETR 1\r\n", "RETR 1\r\nDELE 1\r\nQUIT\r\n"] {
        let guest = house.guest();
        let mut guest = guest.borrow_mut();
        guest.log_in();
        guest.heard.leaves_after = Some(3);
        assert_eq!(guest.say(commands.as_bytes()), Err(Ended::Gone));
    }
    assert_eq!(house.inbox().messages.len(), 1);
    house.guest().borrow_mut().log_in();
}

#[test]
fn one_user_cannot_reach_anothers_messages() {
    let mut house = House::new();
    house.put(b"Subject: for alice\n\n".to_vec());
    let guest = house.guest();
    let mut guest = guest.borrow_mut();
    guest
        .say(b"USER bob@example.org\r\nPASS password of bob\r\nLIST\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\n")
        .unwrap();
    let heard = guest.hear();
    assert_eq!(heard.matches("-ERR no such message").count(), 3, "{heard}");
    drop(guest);
    assert_eq!(house.inbox().messages.len(), 1);
}

/// The shell runs sessions on any of its threads.
#[test]
fn a_session_may_change_threads() {
    fn may_change<T: Send>(_: T) {}
    let mut house = House::new();
    let guest = house.guest();
    let Guest { services, connection, heard, .. } = &mut *guest.borrow_mut();
    may_change(connection.as_mut().unwrap().step(b"QUIT\r\n", services, heard));
}
