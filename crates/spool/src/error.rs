//! What can go wrong with the spool.

use mail::{Class, Classified};
use thiserror::Error;

/// Why the spool failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The disk.
    #[error("spool: {0}")]
    Disk(#[from] maildir::Error),
    /// An entry cannot be written as JSON.
    #[error("spool entry: {0}")]
    Entry(#[from] serde_json::Error),
    /// An earlier write of this message failed, so it has a hole.
    #[error("an earlier write of the spool file failed")]
    Incomplete,
    /// An entry is empty: the power went while it was made.
    #[error("the spool entry is empty")]
    EmptyEntry,
    /// An entry or its message makes no sense.
    #[error("spool: {0}")]
    Garbage(&'static str),
    /// An entry would be larger than is read again.
    #[error("the spool entry is too large")]
    LargeEntry,
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            // A spool id that is taken, or a name that cannot be, is our own
            // mistake and not the sender's; a spool that is not there is the
            // disk's, and says nothing of a recipient.
            Self::Disk(error) => match error.class() {
                Class::Invalid => Class::Internal,
                Class::Missing => Class::Disk,
                class => class,
            },
            Self::Incomplete => Class::Disk,
            Self::Entry(_) | Self::EmptyEntry | Self::Garbage(_) | Self::LargeEntry => Class::Internal,
        }
    }
}

impl From<maildir::BadName> for Error {
    fn from(error: maildir::BadName) -> Self {
        Self::Disk(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_ours_is_permanent() {
        for error in [maildir::Error::Missing("x"), maildir::Error::Exists("x"), maildir::BadName.into()] {
            assert_eq!(Error::Disk(error).class().retry(), mail::Retry::Later);
        }
        assert_eq!(Error::Disk(maildir::Error::Missing("x")).class(), Class::Disk);
    }
}
