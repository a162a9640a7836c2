//! Who sent, and to whom: the two paths of the SMTP envelope.

use std::fmt;

use crate::{Address, Domain};

/// The `MAIL FROM` of an envelope (RFC 5321 §4.1.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: the message itself reports a failure, and must never cause one.
    Null,
    /// Where reports of failure go.
    Address(Address),
}

impl ReversePath {
    /// The address, where there is one.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// Without angle brackets; the null path is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().map_or(Ok(()), |address| address.fmt(f))
    }
}

/// A `RCPT TO` of an envelope (RFC 5321 §4.1.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, which every server takes
    /// (RFC 5321 §4.5.1).
    Postmaster,
    /// An ordinary recipient.
    Address(Address),
}

impl ForwardPath {
    /// The domain, where one was given.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Postmaster => None,
            Self::Address(address) => Some(address.domain()),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("postmaster"),
            Self::Address(address) => address.fmt(f),
        }
    }
}
