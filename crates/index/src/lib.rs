//! What SQL knows of every message: UID, MODSEQ, flags.
//!
//! All statements that touch the index are here, one text for both engines.
//! The mailbox row is the lock of its folder: every writing transaction begins
//! with an UPDATE of it, several in the order of their ids, and numbers are
//! taken by that UPDATE alone. No transaction is longer than
//! [`MAX_ROWS`] messages.
#![forbid(unsafe_code)]

mod account;
mod committer;
mod error;
mod expunge;
mod flags;
mod folder;
mod generation;
mod insert;
mod list;
mod logins;
mod open;
mod quarantine;
mod scan;
mod seen;
mod subscription;
mod tombstones;
mod view;
mod words;

pub use account::{Account, NewAccount};
pub use error::IndexError;
pub use expunge::{Removed, Which};
pub use flags::{Change, FlagAction, Flagged};
pub use folder::{FolderRow, NewFolder, Totals};
pub use generation::Generation;
pub use insert::{Arrival, NewMessage, Outcome};
pub use logins::{LastLogin, LoginNote, Seen};
pub use open::Index;
pub use quarantine::{NewObject, Object};
pub use scan::{DiskChange, Known, KnownFolder};
pub use view::{Changed, Snapshot};
pub use words::{
    AccountId, Flags, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq, QuarantineId, SpecialUse, Uid,
    UidValidity, letters_of, meaning_of,
};

/// The most messages that one transaction touches, so that deliveries never
/// wait long.
pub const MAX_ROWS: usize = 1000;
