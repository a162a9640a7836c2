//! What becomes of a message: evidence as plain data in, one verdict with its
//! reasons out.
//!
//! [`judge`] is a pure function, so a verdict can be explained, tested as a
//! table and replayed later under another policy; [`Record`] keeps what such a
//! replay needs.
#![forbid(unsafe_code)]

mod clean;
mod decide;
mod evidence;
mod header;
mod policy;
mod record;
mod reply;
mod token;

pub use decide::{Decision, Disposition, Place, Reason, ReasonClass, RejectClass, Verdict, judge};
pub use evidence::{Arrival, Evidence, Recipients, RuleAction, RuleHit, Scan, Unscannable};
pub use header::{HeaderError, Kind, VerdictHeader};
pub use policy::{OnUnscannable, Policy, RelayReject};
pub use record::Record;
pub use reply::MAX_REPORT_BASE;
pub use token::{Token, TokenError};
