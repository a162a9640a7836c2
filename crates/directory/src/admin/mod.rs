//! What `gatepost domain`, `user` and `alias` do: the same rows that an
//! administrator may edit by hand, with more checks.

mod account;
mod alias;
mod domain;
mod slips;

pub use account::{AccountChange, NewAccount};
pub use domain::{DomainChange, NewDomain};

use mail::Domain;

use crate::{Directory, DirectoryError};

/// A text that a column must hold; the schema would refuse it less clearly.
fn fits(what: &'static str, text: &str, max: usize) -> Result<(), DirectoryError> {
    if text.chars().count() > max { Err(DirectoryError::TooLong { what, max }) } else { Ok(()) }
}

impl Directory {
    async fn must_be_hosted(&self, domain: &Domain) -> Result<(), DirectoryError> {
        match self.hosted(domain).await? {
            Some(_) => Ok(()),
            None => Err(DirectoryError::UnknownDomain(domain.clone())),
        }
    }
}
