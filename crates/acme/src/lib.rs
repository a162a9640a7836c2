//! Certificates from an authority that speaks ACME (RFC 8555), such as Let's
//! Encrypt: which name is due, whether it points here, the order itself, and
//! what is kept of it on disk.
//!
//! [`Keeper`] does the work; [`Answers`] is what the listeners ask when the
//! authority looks whether a name is ours. One certificate is ordered for each
//! name, so that a name that fails keeps no other one from its certificate.
//! Time is always an argument.
#![forbid(unsafe_code)]

mod answers;
mod client;
mod error;
mod keeper;
mod order;
mod reach;
mod schedule;
mod settings;
mod store;

pub use answers::{Answers, Tokens};
pub use error::AcmeError;
pub use keeper::{Clock, Keeper, Outcome};
pub use settings::{Challenge, DirectoryUrl, SelfCheck, Settings};
pub use store::{Listed, list};
