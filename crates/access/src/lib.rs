//! What IMAP and POP3 requests do to a mailbox: one file for each command.
//!
//! Nothing here opens a socket: the shell hands bytes in and takes bytes out.
//! Every way to a mailbox leads through [`gate`], which wants a login.
#![forbid(unsafe_code)]
// A future holds those it waits for, down to the database's driver; an optimized
// build looks through all of them at once.
#![recursion_limit = "256"]

pub mod gate;
pub mod imap;
pub mod pop3;
mod seats;
mod sessions;
mod standing;

pub use seats::Ending;
pub use sessions::{Session, State};
