//! Passwords verified at an even pace: the one place that makes a [`Login`],
//! the proof without which nobody reads a mailbox or sends through us.
#![forbid(unsafe_code)]
// A future holds those it waits for, down to the database's driver; an optimized
// build looks through all of them at once.
#![recursion_limit = "256"]

mod account;
mod app;
mod attempt;
mod blocks;
mod change;
mod clock;
mod common;
mod elsewhere;
mod factor;
mod ground;
mod hash;
mod kin;
mod policy;
mod pool;
mod remember;
mod scheme;
#[cfg(test)]
mod siege;
mod tally;
mod throttle;
mod totp;
mod turns;
mod verify;

pub use account::TwoStepError;
pub use app::Letters;
pub use attempt::{Attempt, Verdict};
pub use change::{ChangeError, Changed, NewPassword, Others};
pub use clock::{Clock, SystemClock};
pub use ground::{Ground, Opener};
pub use hash::{Cost, HashError, hash_password};
pub use kin::hash_like;
pub use policy::{Policy, Weakness};
pub use remember::Known;
pub use scheme::{Match, Scheme, check};
pub use throttle::Limits;
pub use totp::Totp;
pub use verify::{Login, LoginError, Logins, Service, Settings};
