//! What the store is given and what it gives back, as plain data.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use index::{
    AccountId, Flags, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq, QuarantineId, SpecialUse, Uid,
    UidValidity,
};
use mail::{Address, Domain};

use crate::{FolderName, StoreError};

/// Where the time comes from: the shell's clock, or a test's.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> SystemTime;
}

/// Settings of the store.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder under which `<domain>/<local>/Maildir` lies.
    pub mail: PathBuf,
    /// The name of this machine, for the right end of base names.
    pub host: String,
    /// How long a quarantined message is kept.
    pub quarantine_age: Duration,
    /// How many bytes all quarantined messages may have; the oldest go first.
    pub quarantine_bytes: u64,
    /// How many folders an account may have.
    pub max_folders: usize,
    /// How many bytes beside an index of SQLite are given up when the disk is
    /// full, so that people can delete.
    pub ballast: u64,
}

impl Settings {
    /// The defaults for mail at this place, on a host of this name.
    #[must_use]
    pub fn new(mail: PathBuf, host: &str) -> Self {
        Self {
            mail,
            host: host.to_owned(),
            quarantine_age: Duration::from_secs(14 * 86_400),
            quarantine_bytes: 10 << 30,
            max_folders: 2_000,
            ballast: 8 << 20,
        }
    }
}

/// Who an account is for the directory: the name of the source and its key
/// there. Stays the same when the address changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountKey {
    /// Which directory, such as `directory`, or `system`.
    pub source: &'static str,
    /// The row's key in it.
    pub foreign_key: String,
}

/// How many bytes an account may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// As many as fit.
    Unlimited,
    /// At most so many bytes of message files.
    Bytes(u64),
}

/// What an account keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Messages in all folders.
    pub messages: u64,
    /// Their bytes on disk.
    pub bytes: u64,
    /// What it may keep.
    pub quota: Quota,
}

/// One recipient's copy of a message.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose.
    pub account: AccountId,
    /// Which folder.
    pub folder: Target,
    /// This recipient's own trace fields, in front of the common header; LF,
    /// no empty line.
    pub trace: Vec<u8>,
    /// Flags that the message has from the start.
    pub flags: Flags,
}

/// Where in the account a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// `INBOX`.
    Inbox,
    /// The folder with the special use `\Junk`.
    Junk,
    /// A folder by name; made if it is not there.
    Named(FolderName),
}

/// Proof that every file and its directory are durable: only
/// [`crate::Store::deliver`] makes it, and only with it may a 250 be said.
#[derive(Debug)]
pub struct Delivered {
    pub(crate) copies: Vec<DeliveredCopy>,
}

impl Delivered {
    /// The copies, in the order of the deliveries asked for.
    #[must_use]
    pub fn copies(&self) -> &[DeliveredCopy] {
        &self.copies
    }
}

/// Where one copy went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveredCopy {
    /// Whose.
    pub account: AccountId,
    /// Which folder.
    pub mailbox: MailboxId,
    /// Its UID; nothing where the index did not answer after the file was
    /// there, and the row follows later.
    pub uid: Option<Uid>,
}

/// A folder in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: FolderName,
    /// Whether it can be selected (`false`: only its children exist,
    /// `\NonExistent`).
    pub exists: bool,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Whether the user subscribed to it.
    pub subscribed: bool,
    /// Whether there are folders below it.
    pub has_children: bool,
}

/// What STATUS tells (RFC 3501 §6.3.10, RFC 9051 §6.3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Messages.
    pub messages: u32,
    /// Messages that no session was told of yet.
    pub recent: u32,
    /// Messages without `\Seen`.
    pub unseen: u32,
    /// Messages with `\Deleted`.
    pub deleted: u32,
    /// Their bytes on the wire.
    pub size: u64,
    /// The UID that the next message gets, at least.
    pub uid_next: u32,
    /// See [`UidValidity`].
    pub uid_validity: UidValidity,
    /// The last change.
    pub highest_modseq: ModSeq,
}

/// How a folder is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// SELECT: takes the `\Recent` messages for this session.
    ReadWrite,
    /// EXAMINE.
    ReadOnly,
}

/// One folder of one account: what every operation on messages takes. Made by
/// [`crate::Store::select`] and [`crate::Store::mailbox`] alone, so the
/// account is part of every access.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    pub(crate) account: AccountId,
    pub(crate) id: MailboxId,
    /// Which index it is of: one that was restored has other numbers.
    pub(crate) epoch: u64,
}

impl Mailbox {
    /// Whose.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Its id; stays when the folder is renamed.
    #[must_use]
    pub fn id(&self) -> MailboxId {
        self.id
    }
}

/// A folder as it was at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// The handle for further requests.
    pub mailbox: Mailbox,
    /// See [`UidValidity`].
    pub uid_validity: UidValidity,
    /// The UID that the next message gets, at least.
    pub uid_next: u32,
    /// The last change; hand it to [`crate::Store::changes`].
    pub highest_modseq: ModSeq,
    /// Messages from this UID on are `\Recent` for this session.
    pub recent_from: u32,
    /// The keywords of the folder; [`Message::keywords`] counts into them.
    pub keywords: Vec<Keyword>,
    /// All messages, by ascending UID.
    pub messages: Vec<Message>,
}

/// What happened in a folder since some MODSEQ.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Messages that are new or have other flags, by ascending UID. UIDs that
    /// the session does not know yet are new.
    pub changed: Vec<Message>,
    /// Messages that are gone, by ascending UID.
    pub vanished: Vec<Uid>,
    /// The keywords of the folder now (it only ever grows).
    pub keywords: Vec<Keyword>,
    /// The UID that the next message gets, at least.
    pub uid_next: u32,
    /// The last change; hand it to the next call.
    pub highest_modseq: ModSeq,
    /// The folder was deleted, or what the session knows of it is of no use any
    /// more: the session ends.
    pub deleted: bool,
}

/// Which messages to expunge. Only those with `\Deleted` are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expunge {
    /// EXPUNGE, CLOSE: all.
    All,
    /// UID EXPUNGE (RFC 4315 §2.1): those among these.
    Among(Vec<Uid>),
    /// These, whether or not they have `\Deleted`: POP3's QUIT.
    These(Vec<Uid>),
}

/// What APPEND stores besides the bytes (RFC 3501 §6.3.11).
#[derive(Debug, Clone, Default)]
pub struct AppendAs {
    /// System flags.
    pub flags: Flags,
    /// Keywords.
    pub keywords: Vec<Keyword>,
    /// The date that the client gave; now where it gave none.
    pub internal_date: Option<InternalDate>,
}

/// What APPENDUID says (RFC 4315 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// See [`UidValidity`].
    pub uid_validity: UidValidity,
    /// The message's number.
    pub uid: Uid,
}

/// What COPYUID says (RFC 4315 §3): `from[i]` became `to[i]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Of the folder copied to.
    pub uid_validity: UidValidity,
    /// The numbers here, ascending.
    pub from: Vec<Uid>,
    /// The numbers there.
    pub to: Vec<Uid>,
}

/// An open message: LF line ends on disk, CRLF on the wire. Can be read to its
/// end even when the message is expunged meanwhile.
#[derive(Debug, Clone)]
pub struct OpenMessage {
    pub(crate) file: maildir::MessageFile,
    pub(crate) blocking: maildir::Blocking,
}

impl OpenMessage {
    /// Its real size on disk in bytes (LF).
    #[must_use]
    pub fn size(&self) -> u64 {
        self.file.size()
    }

    /// Up to `len` bytes from `offset` on; fewer only at the end. Read in
    /// pieces of some ten or hundred kilobytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Disk`].
    pub async fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, StoreError> {
        let file = self.file.clone();
        Ok(self.blocking.run(move || file.read(offset, len)).await?)
    }

    /// Does blocking work on the file, on a thread made for that: such as
    /// parsing all of it.
    pub async fn with<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce(&maildir::MessageFile) -> T + Send + 'static,
    {
        let file = self.file.clone();
        self.blocking.run(move || work(&file)).await
    }
}

/// Who gets a copy of a refused message, and why.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The quarantine account of the domain, or the site's.
    pub account: AccountId,
    /// The recipients' domain.
    pub domain: Domain,
    /// This domain's recipients.
    pub recipients: Vec<Address>,
    /// The envelope's sender, empty for `<>`.
    pub sender: String,
    /// The trace fields of this copy, as in [`Delivery::trace`].
    pub trace: Vec<u8>,
    /// SHA-256 of the token in the reply.
    pub token_hash: [u8; 32],
    /// Whether anybody but the site's administrator may release it.
    pub kind: RefusedFor,
    /// The reason, as the verdict's header says it.
    pub reason: String,
}

/// What a message was refused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedFor {
    /// A virus: released by the site's administrator only.
    Virus,
    /// Content or form.
    Content,
}

/// An object in quarantine.
#[derive(Debug, Clone)]
pub struct Quarantined {
    /// Its id.
    pub id: QuarantineId,
    /// Where its message lies.
    pub account: AccountId,
    /// The recipients' domain.
    pub domain: Domain,
    /// This domain's recipients.
    pub recipients: Vec<Address>,
    /// The envelope's sender, empty for `<>`.
    pub sender: String,
    /// Virus or content.
    pub kind: RefusedFor,
    /// The reason.
    pub reason: String,
    /// Bytes on disk.
    pub bytes: u64,
    /// Seconds since 1970.
    pub created: i64,
    /// When it was released, in seconds since 1970.
    pub released: Option<i64>,
}

/// What [`crate::Store::recover`] found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Deliveries completed: a file or a row was missing.
    pub completed: usize,
    /// Deliveries taken back: nobody was told that they were taken.
    pub taken_back: usize,
    /// Entries that could not be settled yet; the next
    /// [`crate::Store::tick`] tries again.
    pub left: usize,
}

/// Which keywords of a list a set names.
#[must_use]
pub fn keywords_of(set: KeywordSet, list: &[Keyword]) -> Vec<&Keyword> {
    set.positions().filter_map(|at| list.get(at)).collect()
}
