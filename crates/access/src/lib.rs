//! What IMAP and POP3 requests do to a mailbox: one file for each command.
//!
//! Nothing here opens a socket: the shell hands bytes in and takes bytes out.
//! Every way to a mailbox leads through [`gate`], which wants a login.
#![forbid(unsafe_code)]

pub mod gate;
pub mod imap;
pub mod pop3;
mod seats;
mod sessions;
mod standing;

pub use seats::Ending;
pub use sessions::{Session, State};
