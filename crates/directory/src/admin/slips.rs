//! `gatepost check`: rows that people wrote by hand and that cannot be used.

use crate::rows::{self, Checked};
use crate::{Directory, DirectoryError, Tables, statements as text};

use super::alias::target_row;

impl Directory {
    /// What is wrong with rows of our own tables, one sentence each: columns
    /// that cannot be read, and users of domains that are not there. Of other
    /// programs' tables nothing is said here.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn slips(&self) -> Result<Vec<String>, DirectoryError> {
        if self.tables != Tables::Own {
            return Ok(Vec::new());
        }
        let domains = self.rows(text::DOMAINS, &[], rows::hosted).await?;
        let accounts = self.rows(text::ACCOUNTS, &[], rows::account).await?;
        let aliases = self.rows(text::ALIASES, &[], target_row).await?;
        let mut found: Vec<String> = domains.iter().flatten().filter_map(|domain| domain.unusable.clone()).collect();
        let is_there = |name: &mail::Domain| domains.iter().flatten().any(|domain| domain.name == *name);
        let lost = accounts.iter().flatten().filter(|account| !is_there(account.address.domain()));
        found.extend(lost.map(|account| format!("user {}: there is no such domain", account.address)));
        found.extend(wrong(&domains).chain(wrong(&accounts)).chain(wrong(&aliases)));
        Ok(found)
    }
}

fn wrong<T>(rows: &[Checked<T>]) -> impl Iterator<Item = String> {
    rows.iter().filter_map(|row| row.as_ref().err().map(ToString::to_string))
}
