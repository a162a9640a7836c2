//! Certificates: our own CA, and what TLS listeners use.
//!
//! [`Authority`] makes a certificate authority for an installation and signs
//! server certificates with it; [`ServerTls`] holds the certificates that the
//! ports show, chosen by name, and takes new ones in without dropping a
//! connection; [`Challenges`] answers an authority that asks over TLS;
//! [`CertificateInfo`] says what is in a certificate file. Time is always an
//! argument.
#![forbid(unsafe_code)]

mod alpn;
mod authority;
mod choice;
mod error;
mod files;
mod inspect;
mod names;
mod scope;
mod server;
mod shelf;

pub use alpn::{ACME_TLS, Armed, Challenges};
pub use authority::{Authority, KeyChoice};
pub use error::TlsError;
pub use files::{Owner, others_can_read, private_folder, replace_private};
pub use inspect::{CertificateInfo, Fingerprint, Maker};
pub use names::{CertFolder, HostName, HostNameError};
pub use scope::Scope;
pub use server::{Protocol, ServerTls};
pub use shelf::{CertFiles, Report, Shown, Sources};
