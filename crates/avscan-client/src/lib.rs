//! The daemon's side of the virus scanner: it starts workers, hands them
//! messages, and outlives what happens to them.
//!
//! A worker is the separate program `gatepost-avscan`. One serves; while a new
//! signature set is loaded, a second one takes over from it and the first one
//! drains; and after a crash each message that was in flight is tried alone in
//! a fresh one, so that it is clear which of them is guilty. [`Scanner`] is the
//! only door. What to do next is decided by the pure `board`, done by the
//! `supervisor` and, for one process each, by `worker`.
#![forbid(unsafe_code)]

mod board;
mod error;
mod failures;
mod fingerprint;
mod kept;
mod scanner;
mod scratch;
mod settings;
mod status;
mod supervisor;
mod worker;

pub use avscan_wire::{Confinement, Hello, Limit, Limits, Prefix, Sandbox};
pub use error::{ReloadError, ScanError, StartError};
pub use fingerprint::Fingerprint;
pub use scanner::{Message, Outcome, Scan, Scanner};
pub use settings::{Copies, Settings};
pub use status::{State, Status};
