//! Why a certificate could not be made, read or used, in words for the
//! administrator: the file, what is wrong with it, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use mail::{Class, Classified};
use thiserror::Error;

/// A failure with a certificate or key. `Display` says what is wrong,
/// [`TlsError::hint`] what to do about it. Neither ever shows key material.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written durably.
    #[error("{}: cannot be written: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that must not be overwritten is there already.
    #[error("{}: is there already and is not overwritten", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// A file is far larger than any certificate or key.
    #[error("{}: is too large to be a certificate or a key", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A certificate file without a certificate.
    #[error("{}: holds no certificate in PEM form", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// A certificate that cannot be understood.
    #[error("{}: the certificate in it is damaged ({why})", file.display())]
    BadCertificate {
        /// The file.
        file: PathBuf,
        /// What the parser said.
        why: String,
    },
    /// A key file without a key.
    #[error("{}: holds no private key in PEM form", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// A key protected by a passphrase, which a server cannot type.
    #[error("{}: the private key in it is protected by a passphrase", file.display())]
    EncryptedKey {
        /// The file.
        file: PathBuf,
    },
    /// A key of a kind that is not supported.
    #[error("{}: the private key in it is damaged or of an unknown kind", file.display())]
    BadKey {
        /// The file.
        file: PathBuf,
    },
    /// Certificate and key do not belong together.
    #[error("{} and {}: the key does not belong to the certificate", cert.display(), key.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate's time is over.
    #[error("{}: the certificate has expired", file.display())]
    Expired {
        /// The file.
        file: PathBuf,
    },
    /// The certificate's time has not begun.
    #[error("{}: the certificate is not valid yet", file.display())]
    NotYetValid {
        /// The file.
        file: PathBuf,
    },
    /// A certificate that is no authority of ours.
    #[error("{}: is not a certificate authority made by Gatepost", file.display())]
    NotAnAuthority {
        /// The file.
        file: PathBuf,
    },
    /// A name that the authority's constraints do not cover.
    #[error("{name} is outside the names that this authority may sign for ({allowed})")]
    OutsideScope {
        /// The name that was asked for.
        name: String,
        /// What the authority covers, for people.
        allowed: String,
    },
    /// A certificate needs at least one name.
    #[error("a certificate needs at least one host name")]
    NoName,
    /// The library refused to make or use a certificate or key.
    #[error("the certificate could not be made or used: {0}")]
    Library(String),
}

impl TlsError {
    /// What the administrator can do about it, one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "check the path in [tls], or make a certificate with `gatepost ca init` and `gatepost ca issue`"
            }
            Self::Read { .. } => "let the server's user read the file",
            Self::Write { .. } => "check that the folder is there, is writable and that the disk is not full",
            Self::Exists { .. } => {
                "`gatepost ca init --replace` makes a new authority in its place; clients must then be given that one"
            }
            Self::TooLarge { .. } | Self::NoCertificate { .. } | Self::BadCertificate { .. } => {
                "the file must hold the server's certificate in PEM form, followed by its intermediate certificates"
            }
            Self::NoKey { .. } | Self::BadKey { .. } => {
                "the file must hold the private key in PEM form (PKCS#8, PKCS#1 or SEC1)"
            }
            Self::EncryptedKey { .. } => "store the key without a passphrase, readable only by the server's user",
            Self::KeyMismatch { .. } => "both files must come from the same order: put the matching pair in place",
            Self::Expired { .. } => "renew the certificate (`gatepost ca issue` for our own authority)",
            Self::NotYetValid { .. } => "check this machine's clock and the certificate's dates",
            Self::NotAnAuthority { .. } => "make one with `gatepost ca init`",
            Self::OutsideScope { .. } => {
                "choose a name inside, or make a new authority that covers it (`gatepost ca init --replace`)"
            }
            Self::NoName => "name the host as clients type it, for example mail.example.org",
            Self::Library(_) => "use an ECDSA, Ed25519 or RSA key of usual size",
        }
    }

    pub(crate) fn read(file: &Path, source: io::Error) -> Self {
        Self::Read { file: file.to_owned(), source }
    }

    pub(crate) fn write(file: &Path, source: io::Error) -> Self {
        Self::Write { file: file.to_owned(), source }
    }
}

impl Classified for TlsError {
    fn class(&self) -> Class {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => Class::Missing,
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => Class::DiskFull,
            Self::Read { .. } | Self::Write { .. } => Class::Disk,
            Self::Library(_) => Class::Internal,
            _ => Class::Invalid,
        }
    }
}

impl From<rcgen::Error> for TlsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Library(error.to_string())
    }
}
