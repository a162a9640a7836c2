//! The message file and its index row, kept together.
//!
//! [`Store`] is what the rest of the server sees of mail at rest: deliver,
//! list, select, fetch, store, copy, append, expunge, quarantine. The Maildir
//! says which messages exist, the index which numbers and flags they have;
//! this crate keeps the two in step in whatever order things fail.
#![forbid(unsafe_code)]

mod error;
mod name;
mod store;
mod types;

pub use error::StoreError;
pub use index::{
    AccountId, Change as FlagChange, FlagAction, Flags, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq,
    QuarantineId, SpecialUse, Uid, UidValidity,
};
pub use name::{FolderName, NameError, SEPARATOR};
pub use store::Store;
pub use types::*;
