//! The message file and its index row, kept together.
//!
//! [`Store`] is what the rest of the server sees of mail at rest: deliver,
//! list, select, fetch, store, copy, append, expunge, quarantine. The Maildir
//! says which messages exist, the index which numbers and flags they have;
//! this crate keeps the two in step in whatever order things fail.
#![forbid(unsafe_code)]

mod account;
mod agenda;
mod append;
mod copy;
mod deliver;
mod error;
mod expunge;
mod flags;
mod folders;
mod gate;
mod generation;
mod merge;
mod name;
mod outside;
mod owner;
mod promise;
mod publish;
mod quarantine;
mod recover;
mod release;
mod rename;
mod room;
mod scan;
mod sidecar;
mod store;
mod tick;
mod tombstones;
mod transfer;
mod types;
mod uidl;
mod unchanged;
mod view;
mod watch;

pub use error::StoreError;
pub use index::{
    AccountId, Change as FlagChange, FlagAction, Flags, InternalDate, Keyword, KeywordSet, MailboxId, Message, ModSeq,
    QuarantineId, SpecialUse, Uid, UidValidity,
};
pub use name::{FolderName, NameError, SEPARATOR};
pub use outside::Timer;
pub use store::{Parts, Store};
pub use types::*;
pub use watch::Watch;
