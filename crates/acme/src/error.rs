//! Why there is no certificate for a name, in words for the administrator.

use std::io;
use std::path::{Path, PathBuf};

use mail::{Class, Classified, Domain, Text};
use thiserror::Error;
use tls::TlsError;

/// The longest that is kept of what an authority says, in characters.
const MAX_SAID: usize = 400;

/// A certificate was not ordered, or not received.
#[derive(Debug, Error)]
pub enum AcmeError {
    /// The name does not lead to this server, as far as we can see.
    #[error("{name} does not point here: {why}")]
    NotHere {
        /// The name.
        name: Domain,
        /// What was found instead.
        why: String,
    },
    /// Nobody could tell where the name leads.
    #[error(transparent)]
    Unresolved(#[from] dns::DnsError),
    /// The authority refused, or what it said made no sense.
    #[error("the authority: {0}")]
    Authority(String),
    /// The authority knows nothing of our account.
    #[error("the authority does not know our account any more")]
    UnknownAccount,
    /// The authority took none of several nonces that it had given.
    #[error("the authority refuses its own nonces")]
    BadNonce,
    /// An error of our own.
    #[error("an error of our own: {0}")]
    Internal(String),
    /// The authority could not be reached.
    #[error("the authority cannot be reached: {0}")]
    Unreachable(String),
    /// The authority offers no such challenge for this name.
    #[error("the authority does not offer the challenge {0}")]
    NoSuchChallenge(&'static str),
    /// Another process orders just now.
    #[error("another process is ordering certificates")]
    Busy,
    /// It took longer than an order may take.
    #[error("the order was not done in time")]
    TooSlow,
    /// What came, or what lies on disk, is no usable certificate.
    #[error(transparent)]
    Certificate(#[from] TlsError),
    /// The certificate that came is for somebody else.
    #[error("the authority sent a certificate that is not for {0}")]
    Foreign(Domain),
    /// A file of ours cannot be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The authorities to trust cannot be read from `ca_file`.
    #[error("{}: holds no certificate of an authority in PEM form", .0.display())]
    NoRoots(PathBuf),
}

impl AcmeError {
    pub(crate) fn file(file: &Path, source: io::Error) -> Self {
        Self::File { file: file.to_owned(), source }
    }

    /// Whether the authority was asked for an order, so that it may have
    /// counted it.
    #[must_use]
    pub fn was_ordered(&self) -> bool {
        !matches!(self, Self::NotHere { .. } | Self::Unresolved(_) | Self::Busy | Self::NoRoots(_) | Self::File { .. })
    }
}

/// A line for people, from what the other side says.
pub(crate) fn said(text: &str) -> String {
    let short: String = text.chars().take(MAX_SAID).collect();
    Text::sanitized(&short).as_str().to_owned()
}

impl From<instant_acme::Error> for AcmeError {
    fn from(error: instant_acme::Error) -> Self {
        use instant_acme::Error;
        match error {
            Error::Api(problem) => match problem.r#type.as_deref() {
                Some("urn:ietf:params:acme:error:accountDoesNotExist") => Self::UnknownAccount,
                Some("urn:ietf:params:acme:error:badNonce") => Self::BadNonce,
                _ => Self::Authority(said(&problem.to_string())),
            },
            Error::Timeout(_) => Self::TooSlow,
            Error::Other(source) => Self::Unreachable(said(&source.to_string())),
            other => Self::Authority(said(&other.to_string())),
        }
    }
}

impl Classified for AcmeError {
    fn class(&self) -> Class {
        match self {
            Self::Certificate(error) => error.class(),
            Self::File { source, .. } if source.kind() == io::ErrorKind::StorageFull => Class::DiskFull,
            Self::File { .. } => Class::Disk,
            _ => Class::Internal,
        }
    }
}
