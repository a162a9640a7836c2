//! The administrator's form rules: an ordered list of conditions over the
//! header block and the envelope, each with an action.
//!
//! ```
//! use rules::{Action, Rule};
//! let rule = Rule::new("offers", "header Subject matches /cheap pills/i and count To > 20", Action::Junk);
//! assert!(rule.is_ok());
//! ```
//!
//! The language is described in `docs/rules.md`.
#![forbid(unsafe_code)]

mod condition;
mod decode;
mod error;
mod evaluate;
mod lexer;
mod network;
mod parser;
mod rule;

pub use condition::Condition;
pub use error::{ParseError, RuleError};
pub use evaluate::Facts;
pub use network::Network;
pub use rule::{Action, Hit, Rule, Rules};
