//! What the index knows of accounts, and which of them the directory has lost:
//! their mail waits for nobody. Only looked at, beside a running server too.

use std::collections::HashSet;
use std::path::PathBuf;

use directory::Directory;
use sql::{Row, SqlError};

use super::table::told;
use crate::config::Config;
use crate::output::{Exit, Failure, with_causes};

/// An account of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number there.
    pub id: i64,
    /// Which directory it is of: `directory`, or `system` for the site's own.
    pub source: String,
    /// [`directory::Account::identity`] of its row.
    pub foreign_key: String,
    /// Its address when it was last seen.
    pub address: String,
    /// Its folder below `[mail] path`.
    pub path: String,
}

/// The source of accounts that stand in the directory.
pub const DIRECTORY: &str = "directory";

/// All accounts whose mail has not been moved away, sorted by address. Empty
/// where the index was never used.
///
/// # Errors
///
/// [`SqlError`] where the index does not answer.
pub async fn accounts(config: &Config) -> Result<Vec<Known>, SqlError> {
    if config.index.url.sqlite_path().is_some_and(|path| !path.exists()) {
        return Ok(Vec::new());
    }
    let pool = sql::Pool::open(&sql::Settings { acquire_timeout: super::CONNECT, ..config.index_sql() })?;
    let text = "SELECT id, source, foreign_key, address, maildir_path, state FROM mail_account \
         WHERE source <> 'removed' ORDER BY address, id";
    let found = pool.fetch_all(text, &[], read).await;
    pool.close().await;
    match found {
        // There is no such table yet: the tables are made at the first start.
        Err(SqlError::Failed(_)) => Ok(Vec::new()),
        found => Ok(found?.into_iter().filter_map(|(known, removed)| in_place(config, known, removed)).collect()),
    }
}

/// The key and the path of a removed account stay its own for a while; a
/// removal that was interrupted has not moved the mail yet.
fn in_place(config: &Config, known: Known, removed: bool) -> Option<Known> {
    let moved = removed && kept(config, known.id).exists();
    if moved { None } else { Some(known) }
}

/// Where the mail of a removed account is kept.
#[must_use]
pub fn kept(config: &Config, id: i64) -> PathBuf {
    absolute(config.mail.path.join(".removed").join(id.to_string()))
}

/// As people can use it in any folder.
#[must_use]
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// Accounts that have mail and no row in the directory any more.
///
/// # Errors
///
/// [`Failure`] where the index or the directory does not answer.
pub async fn orphans(config: &Config, directory: &Directory) -> Result<Vec<Known>, Failure> {
    let known = accounts(config).await.map_err(|error| away(&error))?;
    let there = directory.identities().await.map_err(|error| told(&error))?;
    Ok(without_a_row(known, &there))
}

fn without_a_row(known: Vec<Known>, there: &HashSet<String>) -> Vec<Known> {
    known.into_iter().filter(|known| known.source == DIRECTORY && !there.contains(&known.foreign_key)).collect()
}

fn away(error: &SqlError) -> Failure {
    Failure::new(Exit::Database, "index", format!("the index does not answer: {}", with_causes(error)))
        .hint("is [index] url right, and is its database running? `gatepost check` says more")
}

/// The row, and whether the account is marked as removed.
fn read(row: &Row) -> Result<(Known, bool), SqlError> {
    let known = Known {
        id: row.int(0)?,
        source: row.text(1)?.to_owned(),
        foreign_key: row.text(2)?.to_owned(),
        address: row.text(3)?.to_owned(),
        path: row.text(4)?.to_owned(),
    };
    Ok((known, row.int(5)? != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_of_the_directory_can_be_lost() {
        let known = |id, source: &str, key: &str| Known {
            id,
            source: source.to_owned(),
            foreign_key: key.to_owned(),
            address: "a@example.org".to_owned(),
            path: "example.org/a".to_owned(),
        };
        let all = vec![known(1, DIRECTORY, "1@x"), known(2, DIRECTORY, "1@y"), known(3, "system", "postmaster")];
        let lost = without_a_row(all, &HashSet::from(["1@x".to_owned()]));
        assert_eq!(lost.iter().map(|known| known.id).collect::<Vec<_>>(), [2]);
    }
}
