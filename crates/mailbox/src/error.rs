//! What can go wrong between a request and a mailbox.

use mail::{Class, Classified};
use thiserror::Error;

use crate::NameError;

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The index cannot be asked or is full of conflicts. IMAP
    /// `[UNAVAILABLE]`, POP3 `[SYS/TEMP]`, SMTP 451.
    #[error("the index does not answer: {0}")]
    Index(String),
    /// Another program holds the lock of a folder's uidlist, so no UID can be
    /// given out.
    #[error("another program holds the lock of a uidlist")]
    Locked,
    /// The disk is full.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// The disk refuses in another way, or was taken out of service after a
    /// sync failed.
    #[error("the disk refuses: {0}")]
    Disk(String),
    /// The account's quota would be exceeded. IMAP `[OVERQUOTA]`.
    #[error("the account is over its quota")]
    ExceedsQuota,
    /// No such account in the index.
    #[error("there is no such account")]
    NoSuchAccount,
    /// No such folder. IMAP `[NONEXISTENT]`, or `[TRYCREATE]` for the target
    /// of APPEND and COPY.
    #[error("there is no such folder")]
    NoSuchFolder,
    /// A folder of that name is there. IMAP `[ALREADYEXISTS]`.
    #[error("the folder exists")]
    FolderExists,
    /// What was asked for is not done to this folder (INBOX cannot be
    /// deleted, a folder cannot be moved below itself). IMAP `[CANNOT]`.
    #[error("this cannot be done to that folder")]
    CannotChangeFolder,
    /// The account has as many folders, or the folder as many keywords, as it
    /// can have. IMAP `[LIMIT]`.
    #[error("too many folders or keywords")]
    TooMany,
    /// The message was expunged. IMAP `[EXPUNGEISSUED]`.
    #[error("the message is gone")]
    Expunged,
    /// The message's file is not found at the moment; another program may
    /// just be renaming it. IMAP `[EXPUNGEISSUED]`, try again later.
    #[error("the message's file is missing at the moment")]
    FileMissing,
    /// The text is no folder name. IMAP `[CANNOT]`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The message holds NUL, which no mail may (RFC 5322 §4).
    #[error("the message holds NUL")]
    HoldsNul,
    /// No such object in quarantine.
    #[error("there is no such object in quarantine")]
    NoSuchObject,
    /// An error of our own.
    #[error("internal: {0}")]
    Internal(String),
}

impl Classified for StoreError {
    fn class(&self) -> Class {
        match self {
            Self::Index(_) | Self::Locked => Class::Index,
            Self::DiskFull(_) => Class::DiskFull,
            Self::Disk(_) => Class::Disk,
            Self::ExceedsQuota => Class::Quota,
            Self::NoSuchAccount | Self::NoSuchFolder | Self::Expunged | Self::FileMissing | Self::NoSuchObject => {
                Class::Missing
            }
            Self::FolderExists | Self::CannotChangeFolder | Self::TooMany | Self::Name(_) | Self::HoldsNul => {
                Class::Invalid
            }
            Self::Internal(_) => Class::Internal,
        }
    }
}

impl From<index::IndexError> for StoreError {
    fn from(error: index::IndexError) -> Self {
        match error {
            index::IndexError::NoSuchRow => Self::NoSuchFolder,
            index::IndexError::Exists => Self::FolderExists,
            index::IndexError::TooManyKeywords => Self::TooMany,
            other => by_class(&other),
        }
    }
}

impl From<maildir::Error> for StoreError {
    fn from(error: maildir::Error) -> Self {
        by_class(&error)
    }
}

impl From<spool::Error> for StoreError {
    fn from(error: spool::Error) -> Self {
        by_class(&error)
    }
}

impl From<maildir::BadName> for StoreError {
    fn from(error: maildir::BadName) -> Self {
        Self::Internal(error.to_string())
    }
}

fn by_class(error: &dyn Classified) -> StoreError {
    let text = error.to_string();
    match error.class() {
        Class::Index => StoreError::Index(text),
        Class::DiskFull => StoreError::DiskFull(text),
        Class::Disk => StoreError::Disk(text),
        Class::Missing => StoreError::FileMissing,
        _ => StoreError::Internal(text),
    }
}
