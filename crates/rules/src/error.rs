//! What is wrong with a rule, and what would be right.

use mail::{Class, Classified};
use thiserror::Error;

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {what}; {expected}")]
pub struct ParseError {
    /// Where, in characters of the condition, from 1.
    pub column: usize,
    /// The same place in bytes, from 0.
    pub offset: usize,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub expected: String,
}

/// A rule that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The name is empty, too long, or has a control character in it.
    #[error("a rule's name has 1 to {max} printable characters", max = crate::rule::MAX_NAME)]
    BadName,
    /// The condition cannot be read.
    #[error(transparent)]
    BadCondition(#[from] ParseError),
    /// Two rules have the same name.
    #[error("there are two rules with the name {0:?}")]
    SameName(String),
    /// More rules than anybody can oversee.
    #[error("there are more than {max} rules", max = crate::rule::MAX_RULES)]
    TooMany,
}

impl Classified for RuleError {
    fn class(&self) -> Class {
        Class::Invalid
    }
}
