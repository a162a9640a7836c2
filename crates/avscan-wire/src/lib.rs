//! What the daemon and the virus scanner's worker say to each other: the
//! worker's options, and one frame per packet of a `SEQPACKET` socket pair.
//!
//! The daemon sends a [`Request`] with the message's file descriptor beside it
//! (`SCM_RIGHTS`); the worker sends one [`Report`] when its engine is loaded
//! (or cannot be), then one for each request, in any order. Nothing here opens
//! a socket or a file. The licence is permissive because the two programs that
//! share this have different ones.
#![forbid(unsafe_code)]

mod codec;
mod options;
mod report;
mod request;

pub use codec::{MAX_FRAME, VERSION, WireError};
pub use options::{Limits, Options, OptionsError, Sandbox};
pub use report::{Confinement, Hello, Limit, Outcome, Report};
pub use request::{Prefix, Request};
