//! The words of mail: addresses, header blocks, ids, secrets and reason
//! classes, as types that only a check can make.
//!
//! Every other crate speaks in these. Nothing here opens a file, reads a clock
//! or knows a protocol.
#![forbid(unsafe_code)]

mod address;
mod domain;
pub mod header;
mod id;
mod ledger;
mod local_part;
mod path;
mod plain;
mod reason;
mod secret;
mod text;

pub use address::{Address, AddressError};
pub use domain::{Domain, DomainError};
pub use id::{IdSource, SessionId, SpoolId};
pub use ledger::Ledger;
pub use local_part::LocalPart;
pub use path::{ForwardPath, ReversePath};
pub use plain::{Plain, PlainError};
pub use reason::{Class, Classified, Retry};
pub use secret::Secret;
pub use text::{Text, TextError};
