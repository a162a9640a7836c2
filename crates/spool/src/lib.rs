//! The spool: a message while it arrives, and what is owed to its recipients
//! from the moment the first of them can see it until all of them can.
//!
//! In the spool folder lie `<id>.msg` (our trace header, then the message with
//! LF line ends), `<id>.owed` (which deliveries of it are owed, as JSON), and
//! `broken/` (entries that could not be read, for a human).
#![forbid(unsafe_code)]

mod error;
mod folder;
mod incoming;
mod owed;
mod recover;
mod spooled;
mod survey;

pub use error::Error;
pub use folder::{Removal, Spool};
pub use incoming::Incoming;
pub use owed::{Owed, OwedDelivery};
pub use recover::{Broken, Moved, Pending, Recovery};
pub use spooled::{Opener, Spooled};
pub use survey::{HEADER_CAP, Survey};
