//! A server without sockets, with two people and three messages.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::gate::{Gate, Opened};
use access::imap::Services;
use directory::{Directory, NewAccount, NewDomain};
use login::{Cost, Logins, Service, hash_password};
use mail::{Address, Domain, IdSource, Secret};
use mailbox::{AppendAs, Clock, Flags, FolderName, InternalDate, Parts, Store};
use maildir::{Blocking, Disk, OsDisk};

/// A day in the life of the tests, and the seconds that have passed of it.
#[derive(Default)]
pub struct Noon(AtomicU64);

impl Noon {
    pub fn pass(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_900_000_000 + self.0.load(Ordering::Relaxed))
    }
}

/// Does not wait after a wrong password.
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

/// The most sessions of one person.
pub const SESSIONS: usize = 25;

/// A server without sockets.
pub struct House {
    pub runtime: Rc<tokio::runtime::Runtime>,
    pub services: Arc<Services>,
    pub clock: Arc<Noon>,
    pub directory: Arc<Directory>,
    logins: Arc<Logins>,
    store: Store,
    folder: tempfile::TempDir,
}

const FIRST: &[u8] = b"Date: Tue, 1 Jul 2003 10:52:37 +0200\nFrom: Carol <carol@example.net>\nTo: alice@example.org, \
    \"Bob\" <bob@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nMessage-ID: <1@example.net>\n\nHello Alice,\n\
    how are you?\n";
const SECOND: &[u8] = b"From: bob@example.org\nSubject: parts\nMIME-Version: 1.0\nContent-Type: multipart/mixed; \
    boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nR3LDvMOfZQ==\n--b\n\
    Content-Type: message/rfc822\n\nSubject: inner\nTo: z@example.org\n\ninner body\n--b--\n";
pub const THIRD: &[u8] = b"From: bob@example.org\nSubject: third\n\nshort\n";

impl House {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Noon::default());
        let (store, services, logins, directory) = runtime.block_on(async {
            for name in ["spool", "mail"] {
                std::fs::create_dir(folder.path().join(name)).unwrap();
            }
            let directory = people(folder.path()).await;
            let (store, services, logins) = open(folder.path(), &clock, &directory);
            (store, services, logins, directory)
        });
        let (runtime, services) = (Rc::new(runtime), Arc::new(services));
        let house = Self { runtime, services, clock, directory, logins, store, folder };
        for (number, message) in [FIRST, SECOND, THIRD].into_iter().enumerate() {
            let flags = if number == 2 { Flags::SEEN } else { Flags::NONE };
            house.put(message, flags, i64::try_from(number).unwrap());
        }
        house
    }

    pub fn opened(&self, who: &str) -> Opened {
        let verified = self.logins.verify(who, Secret::from("secret"), here(), Service::Imap);
        let login = self.runtime.block_on(verified).unwrap();
        self.runtime
            .block_on(self.services.gate.open(&login, here(), self.clock.now()))
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Somebody's Maildir.
    pub fn maildir(&self, name: &str) -> PathBuf {
        self.folder.path().join("mail/example.org").join(name).join("Maildir")
    }

    /// What is done in the background.
    pub fn tick(&self) {
        self.runtime.block_on(self.store.tick());
    }

    /// The other protocol, behind the same gate.
    pub fn pop3(&self) -> access::pop3::Services {
        access::pop3::Services::new(
            self.services.gate.clone(),
            Arc::clone(&self.logins),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
        )
    }

    pub fn put(&self, message: &[u8], flags: Flags, day: i64) {
        let date = InternalDate { secs: 1_057_049_557 + day * 86_400, offset_minutes: 120 };
        let as_ = AppendAs { flags, keywords: Vec::new(), internal_date: Some(date) };
        let opened = self.opened("alice@example.org");
        self.runtime.block_on(async {
            let inbox = opened.mailbox(&FolderName::inbox()).await.unwrap();
            self.store.append(&inbox, message.to_vec(), as_).await.unwrap();
        });
    }
}

pub fn here() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn url(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}

async fn people(folder: &Path) -> Arc<Directory> {
    let settings = directory::Settings::new(url(folder, "directory.db"));
    let directory = Arc::new(Directory::open(&settings).await.unwrap());
    directory.add_domain(&NewDomain::new(Domain::parse("example.org").unwrap())).await.unwrap();
    for name in ["alice", "bob"] {
        let hash = hash_password(&Secret::from("secret"), Cost::CHEAP).unwrap();
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        let new = NewAccount { address, password: Some(hash), name: String::new(), quota: Some(1 << 20) };
        directory.add_account(&new).await.unwrap();
    }
    directory
}

fn open(folder: &Path, clock: &Arc<Noon>, directory: &Arc<Directory>) -> (Store, Services, Arc<Logins>) {
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let spool = spool::Spool::open(Arc::clone(&disk), &folder.join("spool")).unwrap();
    let blocking = Blocking::new(4);
    let parts = Parts {
        index: index::Index::open(sql::Pool::open(&sql::Settings::new(url(folder, "index.db"))).unwrap(), 1),
        spool: spool.clone(),
        disk,
        blocking: blocking.clone(),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    };
    let store = Store::open(mailbox::Settings::new(folder.join("mail"), "mx.example.org"), parts).unwrap();
    let settings = login::Settings { cost: Cost::CHEAP, ..login::Settings::default() };
    let logins = Arc::new(Logins::new(Arc::clone(directory), settings, Arc::new(Impatient)).unwrap());
    let services = Services {
        gate: Gate::new(store.clone(), Arc::clone(directory), SESSIONS),
        logins: Arc::clone(&logins),
        spool,
        blocking,
        ids: Arc::new(IdSource::new(1)),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    };
    (store, services, logins)
}
