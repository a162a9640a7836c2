//! What can go wrong with message files, and the class that a peer may hear.

use std::io;

use mail::{Class, Classified};
use rustix::io::Errno;
use thiserror::Error;

use crate::BadName;

/// Why an operation on message files failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory could not be made durable after a name was put into it. The
    /// file system is out of service from now on.
    #[error("making a directory durable failed, the file system is out of service: {source}")]
    DirectorySync {
        /// What the operating system said.
        source: io::Error,
        /// Whether the names could be taken out again.
        names: Withdrawn,
    },
    /// An earlier failure took the file system out of service.
    #[error("the file system is out of service since making a directory durable failed")]
    OutOfService,
    /// The name of a message says another size than the message has.
    #[error("the name says {claimed} octets, the file has {written}")]
    WrongSize {
        /// What `S=` says.
        claimed: u64,
        /// What was written.
        written: u64,
    },
    /// The name is taken.
    #[error("{0}: the name is taken")]
    Exists(&'static str),
    /// There is no such file or folder (any more).
    #[error("{0}: not there")]
    Missing(&'static str),
    /// The name may not be used in a path.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// A file beside the messages is larger than it may be.
    #[error("{0}: the file is too large")]
    TooLarge(&'static str),
}

/// What became of names that could not be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// No name was given in this operation.
    None,
    /// They are gone; nobody will see the message.
    All,
    /// At least one is still there, since removing it failed too.
    NotAll,
}

impl Error {
    /// Wraps an error of the operating system; `NotFound` and `AlreadyExists`
    /// become variants of their own.
    pub fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(doing),
            io::ErrorKind::AlreadyExists => Self::Exists(doing),
            _ => Self::Io { doing, source },
        }
    }
}

impl Classified for Error {
    fn class(&self) -> Class {
        match self {
            Self::Io { source, .. } => class_of(source),
            Self::DirectorySync { .. } | Self::OutOfService => Class::Disk,
            Self::Exists(_) | Self::BadName(_) | Self::TooLarge(_) => Class::Invalid,
            Self::Missing(_) => Class::Missing,
            Self::WrongSize { .. } => Class::Internal,
        }
    }
}

/// The class of an error of the operating system.
fn class_of(error: &io::Error) -> Class {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => Class::DiskFull,
        _ => Class::Disk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        let cases = [
            (Errno::NOSPC, Class::DiskFull),
            (Errno::DQUOT, Class::DiskFull),
            (Errno::IO, Class::Disk),
            (Errno::ROFS, Class::Disk),
            (Errno::ACCESS, Class::Disk),
            (Errno::NOENT, Class::Missing),
            (Errno::EXIST, Class::Invalid),
        ];
        for (errno, class) in cases {
            assert_eq!(Error::io("testing")(errno.into()).class(), class, "{errno}");
        }
        assert_eq!(Error::OutOfService.class(), Class::Disk);
    }
}
