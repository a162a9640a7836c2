//! What can go wrong with an LDAP server.

use mail::{Class, Classified};
use thiserror::Error;

/// An error of a question. None of its texts holds a password.
#[derive(Debug, Error)]
pub enum LdapError {
    /// A setting that cannot work, however long one waits.
    #[error("the LDAP setting cannot be used: {0}")]
    Setting(String),
    /// It cannot be reached, or does not answer in time.
    #[error("the LDAP server cannot be asked: {0}")]
    Away(String),
    /// It answers, but not what was asked.
    #[error("the LDAP server refused: {text} (result {code})")]
    Refused {
        /// The result code (RFC 4511 appendix A).
        code: u32,
        /// What it said.
        text: String,
    },
    /// It does not let us in to look things up.
    #[error("the LDAP server does not accept {0} and its password")]
    NotLetIn(String),
    /// Where one entry was to be found there are two.
    #[error("{filter} finds more than one entry")]
    Several {
        /// The filter.
        filter: String,
    },
    /// All connections are in use.
    #[error("too many questions to the LDAP server wait")]
    Busy,
}

impl LdapError {
    /// Whether the server cannot be reached, or lets us in no more than if it
    /// were away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Busy | Self::NotLetIn(_))
    }
}

impl Classified for LdapError {
    fn class(&self) -> Class {
        Class::Directory
    }
}
