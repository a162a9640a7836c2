//! Certificates: our own CA, and what TLS listeners use.
//!
//! [`Authority`] makes a certificate authority for an installation and signs
//! server certificates with it; [`ServerTls`] holds the certificate that the
//! ports show, and takes a new one in without dropping a connection;
//! [`CertificateInfo`] says what is in a certificate file. Time is always an
//! argument.
#![forbid(unsafe_code)]

mod authority;
mod error;
mod files;
mod inspect;
mod names;
mod scope;
mod server;

pub use authority::{Authority, KeyChoice};
pub use error::TlsError;
pub use files::{Owner, others_can_read};
pub use inspect::{CertificateInfo, Fingerprint, Maker};
pub use names::{CertFolder, HostName, HostNameError};
pub use scope::Scope;
pub use server::{CertFiles, Protocol, ServerTls};
