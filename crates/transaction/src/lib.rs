//! An arriving message, stage by stage: who is a recipient, the message into
//! the spool, what it is, where it goes.
//!
//! | stage | file | hands on |
//! |---|---|---|
//! | RCPT | `recipient.rs` | [`LocalRecipient`] |
//! | DATA | `arrival.rs` | [`Arrived`] |
//! | judge | `judge.rs`, `scan.rs` | [`verdict::Record`] |
//! | deliver | `deliver.rs`, `quarantine.rs` | [`smtp::Outcome`] |
//!
//! `ending.rs` runs the last two, and knows what came before: a message that was
//! delivered without its sender knowing (`retries.rs`), one that made us panic
//! (`suspects.rs`), one that nobody waits for any more (`ticket.rs`).
#![forbid(unsafe_code)]

mod arrival;
mod deliver;
mod ending;
mod home;
mod judge;
mod quarantine;
mod recipient;
mod retries;
mod scan;
mod suspects;
mod ticket;
pub mod trace;

pub use arrival::{Arrived, Arriving};
pub use deliver::{Deliverer, later};
pub use ending::{Ended, Ending, Moment};
pub use home::{Home, Owner};
pub use judge::{Envelope, Judge};
pub use quarantine::Quarantine;
pub use recipient::{Copy, LocalRecipient, RecipientError, Recipients};
pub use retries::{Receipt, Retries};
pub use scan::{Examination, Examiner};
pub use suspects::Suspects;
pub use ticket::{GivenUp, Ticket};
pub use trace::Hop;
