//! Passwords verified at an even pace: the one place that makes a [`Login`],
//! the proof without which nobody reads a mailbox or sends through us.
#![forbid(unsafe_code)]

mod clock;
mod hash;
mod pool;
mod scheme;
mod tally;
mod throttle;
mod verify;

pub use clock::{Clock, SystemClock};
pub use hash::{Cost, HashError, hash_password};
pub use scheme::{Match, Scheme, check};
pub use throttle::Limits;
pub use verify::{Login, LoginError, Logins, Service, Settings};
