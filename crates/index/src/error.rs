//! What went wrong with the index.

use mail::{Class, Classified};
use sql::SqlError;
use thiserror::Error;

/// An error of the index.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The database.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The committer was not able to commit; it told all who waited.
    #[error("{0}")]
    Commit(String),
    /// The server stops.
    #[error("the index is being closed")]
    Closed,
    /// No such account, folder or object.
    #[error("no such row in the index")]
    NoSuchRow,
    /// A folder or account of this name is there.
    #[error("there is such a row in the index")]
    Exists,
    /// A folder has as many keywords as it can have.
    #[error("the folder has too many keywords")]
    TooManyKeywords,
}

impl Classified for IndexError {
    fn class(&self) -> Class {
        match self {
            Self::Sql(error) => error.class(Class::Index),
            Self::Commit(_) | Self::Closed => Class::Index,
            Self::NoSuchRow => Class::Missing,
            Self::Exists | Self::TooManyKeywords => Class::Invalid,
        }
    }
}

impl IndexError {
    /// Whether the database is away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Sql(error) if error.is_away())
    }
}

impl sql::Conflict for IndexError {
    fn is_conflict(&self) -> bool {
        // A duplicate key is met by whoever loses a race for a name or a base;
        // the next attempt sees the winner's row.
        matches!(self, Self::Sql(SqlError::Conflict(_) | SqlError::Duplicate(_)))
    }
}
