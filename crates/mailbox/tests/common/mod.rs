//! A store on a disk in memory that can fail, with a clock that is set.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use index::Index;
use mail::{Address, SpoolId};
use mailbox::{
    AccountId, AccountKey, Clock, Delivered, Delivery, Flags, FolderName, Mailbox, Mode, Parts, Quota, Settings, Store,
    StoreError, Target, View,
};
use maildir::testing::MemoryDisk;
use maildir::{Blocking, Disk};
use spool::{Spool, Spooled};
use tempfile::TempDir;

pub const NOW: u64 = 1_790_000_000;

/// A clock that is set by hand; it also moves on by a millisecond a look, so
/// that names differ as they do in life.
#[derive(Debug)]
pub struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub struct World {
    pub store: Store,
    pub disk: MemoryDisk,
    pub spool: Spool,
    pub clock: Arc<Hands>,
    pub url: String,
    pub dir: Arc<TempDir>,
    next: Mutex<i64>,
}

impl World {
    pub fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let file = dir.path().join("index.db");
        std::fs::write(&file, template()).unwrap();
        let url = format!("sqlite:{}", file.display());
        Self::on(MemoryDisk::new(), dir, &url)
    }

    pub fn with_database(url: &str) -> Self {
        Self::on(MemoryDisk::new(), Arc::new(tempfile::tempdir().unwrap()), url)
    }

    pub fn on(disk: MemoryDisk, dir: Arc<TempDir>, url: &str) -> Self {
        let clock = Arc::new(Hands(AtomicU64::new(NOW * 1_000_000)));
        disk.set_now(i64::try_from(NOW).unwrap());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let spool = Spool::open(Arc::clone(&shared), Path::new("/spool")).unwrap();
        let parts = Parts {
            index: Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1),
            spool: spool.clone(),
            disk: shared,
            blocking: Blocking::new(8),
            clock: clock.clone(),
        };
        let mut settings = Settings::new(PathBuf::from("/mail"), "mx.example.org");
        settings.max_folders = 20;
        settings.quarantine_bytes = 1_000;
        settings.ballast = 4 << 10;
        let store = Store::open(settings, parts).unwrap();
        Self { store, disk, spool, clock, url: url.to_owned(), dir, next: Mutex::new(1) }
    }

    /// The same mail and database after a restart, on a disk as a crash left
    /// it.
    pub async fn restarted(&self, disk: MemoryDisk) -> Self {
        self.store.index().close().await;
        let world = Self::on(disk, Arc::clone(&self.dir), &self.url);
        world.clock.0.store(self.clock.0.load(Ordering::Relaxed) + 60_000_000, Ordering::Relaxed);
        world.disk.set_now(world.secs());
        *world.next.lock().unwrap() = *self.next.lock().unwrap() + 1000;
        world
    }

    pub fn secs(&self) -> i64 {
        i64::try_from(self.clock.0.load(Ordering::Relaxed) / 1_000_000).unwrap()
    }

    pub fn wait(&self, secs: u64) {
        self.clock.0.fetch_add(secs * 1_000_000, Ordering::Relaxed);
        self.disk.set_now(self.secs());
    }

    /// Somebody sets the clock back.
    pub fn set_back(&self, secs: u64) {
        self.clock.0.fetch_sub(secs * 1_000_000, Ordering::Relaxed);
        self.disk.set_now(self.secs());
    }

    pub async fn account(&self, name: &str) -> AccountId {
        self.account_with(name, Quota::Unlimited).await
    }

    pub async fn account_with(&self, name: &str, quota: Quota) -> AccountId {
        let key = AccountKey { source: "directory", foreign_key: name.to_owned() };
        let address = Address::parse(&format!("{name}@example.org")).unwrap();
        self.store.account(&key, &address, quota).await.unwrap()
    }

    pub async fn keyed(&self, key: &AccountKey, address: &str) -> AccountId {
        self.store.account(key, &Address::parse(address).unwrap(), Quota::Unlimited).await.unwrap()
    }

    /// A message in the spool; its body ends with this text.
    pub fn spooled(&self, text: &str) -> Spooled {
        self.try_spooled(text).unwrap()
    }

    /// Nothing where the disk fails.
    pub fn try_spooled(&self, text: &str) -> Option<Spooled> {
        let id = {
            let mut next = self.next.lock().unwrap();
            *next += 1;
            SpoolId::new(*next)
        };
        let mut incoming = self.spool.create(id, b"Received: by test\n").ok()?;
        incoming.write(format!("Subject: test\n\nbody\n{text}\n").as_bytes()).ok()?;
        incoming.finish().ok()
    }

    pub async fn deliver(&self, text: &str, to: &[AccountId]) -> Result<Delivered, StoreError> {
        let spooled = self.spooled(text);
        let header = spooled.header().to_vec();
        self.store.deliver(spooled, header, to.iter().map(|account| copy(*account)).collect()).await
    }

    pub async fn view(&self, account: AccountId, name: &str) -> View {
        self.store.select(account, &folder(name), Mode::ReadOnly).await.unwrap()
    }

    pub async fn mailbox(&self, account: AccountId, name: &str) -> Mailbox {
        self.store.mailbox(account, &folder(name)).await.unwrap()
    }

    /// UID and last line of all messages.
    pub async fn read(&self, account: AccountId, name: &str) -> Vec<(u32, String)> {
        let view = self.view(account, name).await;
        let mut all = Vec::new();
        for message in &view.messages {
            let open = self.store.open_message(&view.mailbox, message.uid).await.unwrap();
            assert_eq!(open.size(), message.size, "the row knows the file's size");
            let text = String::from_utf8(open.read(0, 100_000).await.unwrap()).unwrap();
            assert_eq!(message.wsize - message.size, text.matches('\n').count() as u64);
            all.push((message.uid.get(), text.trim_end().lines().last().unwrap_or_default().to_owned()));
        }
        all
    }

    /// Files below a folder of a Maildir, such as `alice/Maildir/new`.
    pub fn files(&self, below: &str) -> Vec<String> {
        let prefix = format!("/mail/example.org/{below}/");
        self.disk.files().into_keys().filter_map(|path| Some(path.strip_prefix(&prefix)?.to_owned())).collect()
    }

    pub fn path(&self, file: &str) -> String {
        format!("/mail/example.org/{file}")
    }
}

/// An empty database with its schema: made once, since that takes a while.
fn template() -> &'static [u8] {
    static TEMPLATE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let make = async || {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("index.db");
            let url = format!("sqlite:{}", file.display());
            let index = Index::open(sql::Pool::open(&sql::Settings::new(url)).unwrap(), 1);
            index.is_there().await.unwrap();
            index.close().await;
            std::fs::read(file).unwrap()
        };
        // A runtime within a runtime needs a thread of its own.
        let runtime =
            move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(make());
        std::thread::spawn(runtime).join().unwrap()
    })
}

pub fn copy(account: AccountId) -> Delivery {
    let trace = b"Delivered-To: somebody\r\n".to_vec();
    Delivery { account, folder: Target::Inbox, trace, flags: Flags::NONE }
}

pub fn folder(name: &str) -> FolderName {
    FolderName::parse(name).unwrap()
}

pub fn uids(view: &View) -> Vec<u32> {
    view.messages.iter().map(|message| message.uid.get()).collect()
}
