//! An arriving message, stage by stage: who is a recipient, the message into
//! the spool, what it is, where it goes.
//!
//! | stage | file | hands on |
//! |---|---|---|
//! | RCPT | `recipient.rs` | [`LocalRecipient`] |
//! | DATA | `arrival.rs` | [`Arrived`] |
//! | judge | `judge.rs`, `scan.rs` | [`verdict::Record`] |
//! | deliver | `deliver.rs`, `quarantine.rs` | [`smtp::Outcome`] |
#![forbid(unsafe_code)]

mod arrival;
mod deliver;
mod home;
mod judge;
mod quarantine;
mod recipient;
mod scan;
pub mod trace;

pub use arrival::{Arrived, Arriving};
pub use deliver::{Deliverer, later};
pub use home::{Home, Owner};
pub use judge::{Envelope, Judge};
pub use quarantine::Quarantine;
pub use recipient::{Copy, LocalRecipient, RecipientError, Recipients};
pub use scan::scan;
pub use trace::Hop;
