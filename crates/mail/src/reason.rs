//! Why something did not work, in the few classes that a peer may hear.

use std::fmt;

/// The class of a failure. The log says more; the peer hears only this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The directory of domains and users cannot be asked.
    Directory,
    /// The index of messages cannot be asked.
    Index,
    /// The virus scanner cannot be asked, or its time is spent.
    Scanner,
    /// The disk is full.
    DiskFull,
    /// The disk refuses for another reason (I/O error, read-only).
    Disk,
    /// The account's quota is reached.
    Quota,
    /// What was asked for is not there.
    Missing,
    /// What was given is not acceptable, and will not be next time.
    Invalid,
    /// An error of our own.
    Internal,
}

/// Whether the same request may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Try again later.
    Later,
    /// It will fail in the same way.
    Never,
}

impl Class {
    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self {
            Self::Missing | Self::Invalid => Retry::Never,
            _ => Retry::Later,
        }
    }

    /// The word for it in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Index => "index",
            Self::Scanner => "scanner",
            Self::DiskFull => "disk_full",
            Self::Disk => "disk",
            Self::Quota => "quota",
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that knows its class: what every edge's error type implements.
pub trait Classified: std::error::Error {
    /// The class that the peer may hear.
    fn class(&self) -> Class;
}
