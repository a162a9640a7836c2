//! `gatepost check`: rows that people wrote by hand and that cannot be used.

use crate::source::ask;
use crate::{Directory, DirectoryError};

impl Directory {
    /// What is wrong with rows of our own tables, one sentence each: columns
    /// that cannot be read, and users of domains that are not there. Of other
    /// programs' tables nothing is said here.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn slips(&self) -> Result<Vec<String>, DirectoryError> {
        ask!(self.source, slips())
    }
}
