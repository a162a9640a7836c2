//! Why a question was not answered; "there is none" is no such reason.

use mail::{Class, Classified};
use thiserror::Error;

/// A question was not answered. Nothing follows from it about the domain that
/// was asked for; the same question may be answered later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DnsError {
    /// The name cannot be asked for.
    #[error("{name:?} is no domain name: {reason}")]
    BadName {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No server answered, or it answered that it cannot.
    #[error("{name}: {reason}")]
    Unanswered {
        /// What was asked for, such as `MX example.org`.
        name: String,
        /// What happened instead.
        reason: String,
    },
    /// There are no servers that could be asked.
    #[error("no name server can be asked: {0}")]
    NoServers(String),
}

impl Classified for DnsError {
    fn class(&self) -> Class {
        match self {
            Self::BadName { .. } => Class::Invalid,
            Self::Unanswered { .. } | Self::NoServers(_) => Class::Internal,
        }
    }
}
