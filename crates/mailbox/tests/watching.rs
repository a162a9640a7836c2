//! Other programs in a Maildir on a real disk, as the kernel tells of them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use index::Index;
use mail::{Address, SpoolId};
use mailbox::{
    AccountId, AccountKey, Changes, Clock, Delivery, Flags, FolderName, Mailbox, ModSeq, Mode, Parts, Quota, Settings,
    Store, Target, Timer, Watch,
};
use maildir::{Blocking, Disk, OsDisk};
use spool::Spool;
use tempfile::TempDir;

/// How long anything may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

struct Now;

impl Clock for Now {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The machine's time.
struct Watchmaker(tokio::time::Instant);

impl Timer for Watchmaker {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
}

/// A session that idles in alice's INBOX: what it knows, and how it hears.
struct Idler {
    store: Store,
    mailbox: Mailbox,
    since: ModSeq,
    watch: Watch,
    flags: BTreeMap<u32, Flags>,
}

struct House {
    temp: TempDir,
    store: Store,
    spool: Spool,
    alice: AccountId,
}

impl House {
    async fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let (store, spool) = open(temp.path());
        store.recover().await.unwrap();
        let key = AccountKey { source: "directory", foreign_key: "1".to_owned() };
        let address = Address::parse("alice@example.org").unwrap();
        let alice = store.account(&key, &address, Quota::Unlimited).await.unwrap();
        let (tended, watchmaker) = (store.clone(), Watchmaker(tokio::time::Instant::now()));
        tokio::spawn(async move { tended.tend_watches(&watchmaker).await });
        Self { temp, store, spool, alice }
    }

    async fn idler(&self) -> Idler {
        let view = self.store.select(self.alice, &FolderName::inbox(), Mode::ReadOnly).await.unwrap();
        let watch = self.store.watch(&view.mailbox).await;
        assert!(watch.is_told(), "this kernel and this file system tell");
        let flags = view.messages.iter().map(|message| (message.uid.get(), message.flags)).collect();
        Idler { store: self.store.clone(), since: view.highest_modseq, mailbox: view.mailbox, watch, flags }
    }

    async fn deliver(&self, id: i64) {
        let mut incoming = self.spool.create(SpoolId::new(id), b"Received: here\n").unwrap();
        incoming.write(b"Subject: ours\n\nbody\n").unwrap();
        let spooled = incoming.finish().unwrap();
        let (header, trace) = (spooled.header().to_vec(), b"Delivered-To: a\n".to_vec());
        let copy = Delivery { account: self.alice, folder: Target::Inbox, trace, flags: Flags::NONE };
        self.store.deliver(spooled, header, vec![copy]).await.unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join("mail/example.org/alice/Maildir").join(name)
    }

    /// As a delivery agent does it.
    fn drop_in(&self, name: &str) {
        fs::write(self.path("tmp").join(name), "Subject: dropped\n\nx\n").unwrap();
        fs::rename(self.path("tmp").join(name), self.path("new").join(name)).unwrap();
    }
}

impl Idler {
    /// Takes news until the folder is as wanted. Nobody looks by the clock.
    async fn until(&mut self, what: &str, holds: impl Fn(&BTreeMap<u32, Flags>) -> bool) {
        let hears = async {
            while !holds(&self.flags) {
                self.watch.changed().await;
                let changes = self.store.changes(&self.mailbox, self.since).await.unwrap();
                self.take(changes);
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hears).await;
        assert!(heard.is_ok(), "{what}: {:?}", self.flags);
    }

    fn take(&mut self, changes: Changes) {
        assert!(!changes.deleted);
        self.since = changes.highest_modseq;
        self.flags.extend(changes.changed.iter().map(|message| (message.uid.get(), message.flags)));
        for uid in changes.vanished {
            self.flags.remove(&uid.get());
        }
    }
}

fn open(root: &Path) -> (Store, Spool) {
    for name in ["mail", "spool"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let spool = Spool::open(Arc::clone(&disk), &root.join("spool")).unwrap();
    let url = format!("sqlite:{}", root.join("index.db").display());
    let parts = Parts {
        index: Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1),
        spool: spool.clone(),
        disk,
        blocking: Blocking::new(8),
        clock: Arc::new(Now),
    };
    (Store::open(Settings::new(root.join("mail"), "mx.example.org"), parts).unwrap(), spool)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_session_hears_of_other_programs() {
    let house = House::new().await;
    let (mut first, mut second) = (house.idler().await, house.idler().await);
    house.drop_in("1700000000.M1P1.other");
    for idler in [&mut first, &mut second] {
        idler.until("a message", |flags| flags.len() == 1).await;
    }
    fs::rename(house.path("new/1700000000.M1P1.other"), house.path("cur/1700000000.M1P1.other:2,FS")).unwrap();
    let both = Flags::FLAGGED.with(Flags::SEEN);
    first.until("flags", |flags| flags.values().eq([&both])).await;
    // One that went to sleep meanwhile does not end the watch of the other.
    drop(second);
    fs::remove_file(house.path("cur/1700000000.M1P1.other:2,FS")).unwrap();
    first.until("the removal, once it is sure", BTreeMap::is_empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_flood_nothing_is_lost() {
    let house = House::new().await;
    let mut idler = house.idler().await;
    for n in 0..500 {
        house.drop_in(&format!("1700000000.M{n}P1.other"));
        if n % 100 == 0 {
            house.deliver(n).await;
        }
    }
    idler.until("all of them", |flags| flags.len() == 505).await;
    house.drop_in("1700000002.M1P1.other");
    idler.until("one more", |flags| flags.len() == 506).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_the_watch_is_not_missed() {
    let house = House::new().await;
    let view = house.store.select(house.alice, &FolderName::inbox(), Mode::ReadOnly).await.unwrap();
    // Within the second in which nobody looks again by himself.
    house.drop_in("1700000000.M1P1.other");
    let _watch = house.store.watch(&view.mailbox).await;
    let changes = house.store.changes(&view.mailbox, view.highest_modseq).await.unwrap();
    assert_eq!(changes.changed.len(), 1);
}
