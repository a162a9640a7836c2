//! The store: one handle through which everybody reaches mail at rest.

use std::sync::Arc;
use std::time::Duration;

use index::{AccountId, MailboxId, QuarantineId, SpecialUse, Uid};
use mail::{Address, Domain};

use crate::*;

/// All mailboxes. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    #[allow(dead_code)]
    inner: Arc<()>,
}

fn soon<T>() -> Result<T, StoreError> {
    Err(StoreError::Internal("not there yet".to_owned()))
}

/// Accounts.
impl Store {
    // `Store::open(settings, index::Index, spool::Spool, Arc<dyn maildir::Disk>, maildir::Blocking, Arc<dyn Clock>)`

    /// The account of a directory row; made with its Maildir and the usual
    /// folders when it is seen for the first time. Address and quota follow
    /// what is given here, the Maildir's path never changes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::Disk`], [`StoreError::DiskFull`].
    pub async fn account(&self, _key: &AccountKey, _address: &Address, _quota: Quota) -> Result<AccountId, StoreError> {
        soon()
    }

    /// An account of the site itself, such as its quarantine: outside the
    /// directory, without a quota. `name` is 1 to 32 of `a-z0-9-`.
    ///
    /// # Errors
    ///
    /// As [`Store::account`].
    pub async fn system_account(&self, _name: &str) -> Result<AccountId, StoreError> {
        soon()
    }

    /// Whether a message of so many bytes fits into the quota: asked at RCPT,
    /// with SIZE where it was given.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`] where it does not, [`StoreError::Index`].
    pub async fn room_for(&self, _account: AccountId, _size: u64) -> Result<(), StoreError> {
        soon()
    }

    /// What the account keeps.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::NoSuchAccount`].
    pub async fn usage(&self, _account: AccountId) -> Result<Usage, StoreError> {
        soon()
    }

    /// Notes that these domains are active in the directory now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn remember_domains(&self, _domains: &[Domain]) -> Result<(), StoreError> {
        soon()
    }

    /// Whether the domain was noted as active within this time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn domain_seen(&self, _domain: &Domain, _within: Duration) -> Result<bool, StoreError> {
        soon()
    }

    /// Forgets a domain that was removed by command.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn forget_domain(&self, _domain: &Domain) -> Result<(), StoreError> {
        soon()
    }
}

/// Arriving messages.
impl Store {
    /// Delivers one message to all its recipients, or to none. Each one's file
    /// is his own trace, the common `header` (with its empty line), and the
    /// body from the spool. The spool file is settled here.
    ///
    /// LMTP asks [`Store::room_for`] for each recipient first and delivers to
    /// those that have room.
    ///
    /// # Errors
    ///
    /// Each of them means that nobody got anything; say 4xx.
    pub async fn deliver(
        &self,
        _spooled: spool::Spooled,
        _header: Vec<u8>,
        _to: Vec<Delivery>,
    ) -> Result<Delivered, StoreError> {
        soon()
    }

    /// Keeps copies of a refused message, one for each domain.
    ///
    /// # Errors
    ///
    /// As [`Store::deliver`].
    pub async fn quarantine(
        &self,
        _spooled: spool::Spooled,
        _header: Vec<u8>,
        _copies: Vec<Refused>,
    ) -> Result<Vec<QuarantineId>, StoreError> {
        soon()
    }

    /// Completes or takes back what a crash left between staging and commit.
    /// Call it before the first delivery.
    ///
    /// # Errors
    ///
    /// [`StoreError::Disk`] where the spool cannot be read.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        soon()
    }

    /// What is done in the background: deliveries still owed, owed renames and
    /// unlinks, sidecar files, expiry of the quarantine. Call it about once a
    /// second; never fails, logs what did not work.
    pub async fn tick(&self) {}

    /// Pays all that is owed to the disk, for a clean stop.
    pub async fn close(&self) {}
}

/// Folders.
impl Store {
    /// All folders of the account, by name, `INBOX` first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn folders(&self, _account: AccountId) -> Result<Vec<Folder>, StoreError> {
        soon()
    }

    /// All subscribed names, whether or not such a folder exists (LSUB).
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn subscriptions(&self, _account: AccountId) -> Result<Vec<FolderName>, StoreError> {
        soon()
    }

    /// CREATE, with the parents that are missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::FolderExists`], [`StoreError::TooMany`], disk and index.
    pub async fn create_folder(
        &self,
        _account: AccountId,
        _name: &FolderName,
        _special_use: Option<SpecialUse>,
    ) -> Result<(), StoreError> {
        soon()
    }

    /// DELETE: the folder alone; its children stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::CannotChangeFolder`] for
    /// INBOX, disk and index.
    pub async fn delete_folder(&self, _account: AccountId, _name: &FolderName) -> Result<(), StoreError> {
        soon()
    }

    /// RENAME, with all children; of INBOX: moves its messages into the new
    /// folder (RFC 3501 §6.3.5).
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::FolderExists`],
    /// [`StoreError::CannotChangeFolder`], disk and index.
    pub async fn rename_folder(
        &self,
        _account: AccountId,
        _from: &FolderName,
        _to: &FolderName,
    ) -> Result<(), StoreError> {
        soon()
    }

    /// SUBSCRIBE: the name need not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::TooMany`].
    pub async fn subscribe(&self, _account: AccountId, _name: &FolderName) -> Result<(), StoreError> {
        soon()
    }

    /// UNSUBSCRIBE: nothing happens where it was not subscribed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn unsubscribe(&self, _account: AccountId, _name: &FolderName) -> Result<(), StoreError> {
        soon()
    }

    /// STATUS.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::Index`].
    pub async fn status(&self, _account: AccountId, _name: &FolderName) -> Result<Status, StoreError> {
        soon()
    }

    /// The handle of a folder, without reading it: the target of APPEND.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::Index`].
    pub async fn mailbox(&self, _account: AccountId, _name: &FolderName) -> Result<Mailbox, StoreError> {
        soon()
    }
}

/// Messages.
impl Store {
    /// Opens a folder: looks what other programs did in it, then reads all
    /// rows.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], disk and index.
    pub async fn select(&self, _account: AccountId, _name: &FolderName, _mode: Mode) -> Result<View, StoreError> {
        soon()
    }

    /// What happened since `since`, in this process, in others and on disk:
    /// for NOOP and IDLE.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], disk.
    pub async fn changes(&self, _mailbox: &Mailbox, _since: ModSeq) -> Result<Changes, StoreError> {
        soon()
    }

    /// Wakes when something happens to the folder in this process.
    #[must_use]
    pub fn watch(&self, _mailbox: &Mailbox) -> Watch {
        Watch {}
    }

    /// APPEND of bytes that are in memory, with LF or CRLF; bare CR and LF
    /// become line ends. Durable when it returns.
    ///
    /// A literal that came over the wire as a spool file goes through
    /// `append_spooled(&self, &Mailbox, &spool::Spooled, AppendAs)`.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`], [`StoreError::HoldsNul`],
    /// [`StoreError::TooMany`] keywords, disk and index.
    pub async fn append(&self, _to: &Mailbox, _bytes: Vec<u8>, _as_: AppendAs) -> Result<Appended, StoreError> {
        soon()
    }

    /// COPY: all or nothing, durable when it returns. UIDs that are gone are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`], [`StoreError::NoSuchFolder`],
    /// [`StoreError::FileMissing`], disk and index.
    pub async fn copy(&self, _from: &Mailbox, _uids: &[Uid], _to: &Mailbox) -> Result<Copied, StoreError> {
        soon()
    }

    /// STORE: returns the messages as they are now, those that did not
    /// change included; UIDs that are gone are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] keywords, [`StoreError::Index`].
    pub async fn store_flags(
        &self,
        _mailbox: &Mailbox,
        _uids: &[Uid],
        _change: &FlagChange,
    ) -> Result<Vec<Message>, StoreError> {
        soon()
    }

    /// EXPUNGE: returns the numbers of those that went, ascending.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn expunge(&self, _mailbox: &Mailbox, _which: &Expunge) -> Result<Vec<Uid>, StoreError> {
        soon()
    }

    /// The message's file, open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Expunged`], [`StoreError::FileMissing`], disk and index.
    pub async fn open_message(&self, _mailbox: &Mailbox, _uid: Uid) -> Result<OpenMessage, StoreError> {
        soon()
    }
}

/// Quarantine.
impl Store {
    /// What is kept, newest first, at most 1,000; of one domain or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn quarantined(&self, _domain: Option<&Domain>) -> Result<Vec<Quarantined>, StoreError> {
        soon()
    }

    /// One object.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::Index`].
    pub async fn quarantined_by_id(&self, _id: QuarantineId) -> Result<Quarantined, StoreError> {
        soon()
    }

    /// The object of a token, by the token's SHA-256.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::Index`].
    pub async fn quarantined_by_token(&self, _token_hash: &[u8; 32]) -> Result<Vec<Quarantined>, StoreError> {
        soon()
    }

    /// The message of an object.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::FileMissing`], disk, index.
    pub async fn open_quarantined(&self, _id: QuarantineId) -> Result<OpenMessage, StoreError> {
        soon()
    }

    /// Delivers the message to a recipient's INBOX: once, however often it is
    /// asked. The copy in quarantine stays until it expires.
    ///
    /// # Errors
    ///
    /// As [`Store::open_quarantined`], [`StoreError::ExceedsQuota`].
    pub async fn release(&self, _id: QuarantineId, _to: AccountId, _address: &Address) -> Result<(), StoreError> {
        soon()
    }

    /// Removes an object and its message.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::Index`].
    pub async fn remove_quarantined(&self, _id: QuarantineId) -> Result<(), StoreError> {
        soon()
    }
}

/// Wakes whoever waits for news of one folder.
pub struct Watch {}

impl Watch {
    /// Returns when something happened since the last call, or since the
    /// watch was made. May return once too often.
    pub async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

#[allow(unused)]
fn ids(_: MailboxId) {}
