//! The store: one handle through which everybody reaches mail at rest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use index::{AccountId, FolderRow, Index, MailboxId};
use maildir::{AccountPath, Blocking, Disk, Folder, MailRoot, NameSource};
use spool::Spool;
use uidlist::{FolderDir, NodeName};

use crate::account::AccountState;
use crate::room::Room;
use crate::scan::FolderState;
use crate::tick::Debts;
use crate::watch::Watches;
use crate::{AccountKey, Clock, FolderName, Mailbox, Settings, StoreError};

/// All mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) index: Index,
    pub(crate) root: MailRoot,
    pub(crate) spool: Spool,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) blocking: Blocking,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) names: NameSource,
    pub(crate) accounts: Mutex<HashMap<AccountId, Arc<AccountState>>>,
    pub(crate) keys: Mutex<HashMap<AccountKey, AccountId>>,
    pub(crate) folders: Mutex<HashMap<MailboxId, Arc<FolderState>>>,
    pub(crate) watches: Watches,
    pub(crate) debts: Debts,
    /// Whether the generation of the index is still to be begun.
    pub(crate) generation_owed: AtomicBool,
    /// The generation that was begun, 0 before; since when, in seconds since
    /// 1970; and whether numbers were given out since.
    pub(crate) generation: AtomicU64,
    pub(crate) generation_at: AtomicI64,
    pub(crate) told: AtomicBool,
    /// Raised when the index turns out to be another than before: handles from
    /// before are of no use.
    pub(crate) epoch: AtomicU64,
    pub(crate) room: Room,
    /// When this store was opened, in seconds since 1970.
    pub(crate) started_secs: i64,
    /// When old tombstones were last looked for, in seconds since 1970.
    pub(crate) purged_at: AtomicI64,
    /// When the quarantine was last looked through, in seconds since 1970.
    pub(crate) expired_at: AtomicI64,
}

/// What a store stands on.
pub struct Parts {
    /// The index.
    pub index: Index,
    /// The spool, opened on the same disk.
    pub spool: Spool,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// Where blocking work runs.
    pub blocking: Blocking,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How many accounts and folders are remembered; all are forgotten then.
pub(crate) const REMEMBERED: usize = 50_000;

impl Store {
    /// The store at the place that the settings name, which must be there.
    /// Call [`Store::recover`] before the first delivery and [`Store::tick`]
    /// about once a second. The index need not answer yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Disk`] where the folder cannot be opened,
    /// [`StoreError::Internal`] where the host's name cannot stand in a file
    /// name.
    pub fn open(settings: Settings, parts: Parts) -> Result<Self, StoreError> {
        let Parts { index, spool, disk, blocking, clock } = parts;
        let node = NodeName::new(&settings.host).map_err(|error| StoreError::Internal(error.to_string()))?;
        let started = clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_secs = i64::try_from(started.as_secs()).unwrap_or(i64::MAX);
        let inner = Inner {
            root: MailRoot::open(Arc::clone(&disk), &settings.mail)?,
            names: NameSource::new(node, std::process::id()),
            settings,
            index,
            spool,
            disk,
            blocking,
            clock,
            accounts: Mutex::default(),
            keys: Mutex::default(),
            folders: Mutex::default(),
            watches: Watches::default(),
            debts: Debts::default(),
            generation_owed: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            generation_at: AtomicI64::new(0),
            told: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            room: Room::default(),
            started_secs,
            purged_at: AtomicI64::new(0),
            expired_at: AtomicI64::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The index, for checks of the shell.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.inner.index
    }

    /// Whether the disk and the index would take a delivery now.
    ///
    /// # Errors
    ///
    /// What a delivery would fail with.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.inner.root.health().check()?;
        self.owed_generation().await?;
        Ok(self.inner.index.is_there().await?)
    }

    pub(crate) fn now(&self) -> Duration {
        self.inner.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    pub(crate) fn now_secs(&self) -> i64 {
        i64::try_from(self.now().as_secs()).unwrap_or(i64::MAX)
    }

    pub(crate) fn now_usecs(&self) -> u64 {
        u64::try_from(self.now().as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn system_time(&self) -> SystemTime {
        self.inner.clock.now()
    }

    /// Runs blocking work on the store's own thread pool.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> T + Send + 'static,
    {
        let store = self.clone();
        self.inner.blocking.run(move || work(&store)).await
    }

    /// Opens a folder's directories; blocks.
    pub(crate) fn open_folder(&self, path: &AccountPath, dir: &FolderDir) -> Result<Folder, StoreError> {
        Ok(self.inner.root.account(path)?.folder(dir)?)
    }

    /// Where a folder is on disk.
    pub(crate) async fn place_of(&self, folder: &FolderRow) -> Result<(AccountPath, FolderDir), StoreError> {
        let account = self.account_state(folder.account).await?;
        Ok((account.path.clone(), dir_of(folder)?))
    }

    /// A handle that is good until the index turns out to be another.
    pub(crate) fn handle(&self, account: AccountId, id: MailboxId) -> Mailbox {
        Mailbox { account, id, epoch: self.inner.epoch.load(Ordering::Acquire) }
    }

    pub(crate) fn is_stale(&self, mailbox: &Mailbox) -> bool {
        mailbox.epoch != self.inner.epoch.load(Ordering::Acquire)
    }

    /// The row behind a handle.
    pub(crate) async fn row(&self, mailbox: &Mailbox) -> Result<FolderRow, StoreError> {
        if self.is_stale(mailbox) {
            return Err(StoreError::NoSuchFolder);
        }
        Ok(self.inner.index.folder(mailbox.account, mailbox.id).await?)
    }

    pub(crate) fn folder_state(&self, id: MailboxId) -> Arc<FolderState> {
        let mut folders = self.inner.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if folders.len() >= REMEMBERED {
            // Those in use stay: a second state would be a second gate.
            folders.retain(|_, state| Arc::strong_count(state) > 1);
        }
        Arc::clone(folders.entry(id).or_default())
    }
}

/// The folder of the disk that a row names; what stands in the database is
/// checked like data from outside.
pub(crate) fn dir_of(folder: &FolderRow) -> Result<FolderDir, StoreError> {
    FolderDir::new(folder.disk_name.as_bytes()).map_err(|error| StoreError::Internal(error.to_string()))
}

/// A folder's directory as the index keeps it; nothing where it is no UTF-8.
pub(crate) fn disk_name(dir: &FolderDir) -> Option<&str> {
    std::str::from_utf8(dir.as_bytes()).ok()
}

/// The shown name of a row.
pub(crate) fn name_of(folder: &FolderRow) -> Result<FolderName, StoreError> {
    Ok(FolderName::parse(&folder.shown_name)?)
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}
