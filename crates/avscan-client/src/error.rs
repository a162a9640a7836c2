//! Why a message could not be scanned: always a reason to try again later.

use std::path::PathBuf;

use mail::{Class, Classified};
use thiserror::Error;

/// A message was not scanned. None of these says anything against it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    /// There is no worker, and none is being loaded right now; the reason.
    #[error("the virus scanner is away: {0}")]
    Away(String),
    /// Too many messages wait already.
    #[error("too many messages wait for the virus scanner")]
    Busy,
    /// The message's time was spent, waiting or scanning.
    #[error("the time for the virus scan is spent")]
    Deadline,
    /// It ended a worker that scanned nothing else.
    #[error("the virus scanner crashed on this message")]
    Crashed,
    /// A worker did not come back from it.
    #[error("the virus scanner hung on this message")]
    Hung,
    /// The scan failed in an orderly way; libclamav's words.
    #[error("the virus scan failed: {0}")]
    Failed(String),
    /// The scanner was stopped.
    #[error("the virus scanner is shutting down")]
    Stopped,
}

impl Classified for ScanError {
    fn class(&self) -> Class {
        Class::Scanner
    }
}

/// The scanner cannot even be tried.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// The worker's program is not there, or is no file.
    #[error("there is no scanner worker at {0}")]
    NoWorker(PathBuf),
    /// A setting is outside its range.
    #[error("the scanner's setting {0} must be at least 1")]
    Zero(&'static str),
}

impl Classified for StartError {
    fn class(&self) -> Class {
        Class::Invalid
    }
}

/// A new signature set was not taken over; the old one is still in use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReloadError {
    /// A new worker could not load it; the reason.
    #[error("the new signature set cannot be loaded: {0}")]
    Refused(String),
    /// Another reload is under way.
    #[error("another signature set is being loaded")]
    UnderWay,
    /// The scanner was stopped.
    #[error("the virus scanner is shutting down")]
    Stopped,
}

impl Classified for ReloadError {
    fn class(&self) -> Class {
        Class::Scanner
    }
}
