//! The directory: opened once, asked at every RCPT and every login.

use mail::Domain;
use sql::Pool;
use tracing::warn;

use crate::source::{Foreign, LdapSource, Own, Sources, UsersFile, ask};
use crate::{DirectoryError, Queries, Tables};

/// Where the directory is, and how addresses are read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The database.
    pub sql: sql::Settings,
    /// What separates a subaddress from its detail (RFC 5233); `None`: there
    /// are no subaddresses.
    pub separator: Option<char>,
    /// Whose tables it has.
    pub tables: Tables,
}

impl Settings {
    /// The database at this URL, with our own tables and `+` as separator.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { sql: sql::Settings::new(url), separator: Some('+'), tables: Tables::Own }
    }
}

/// The directory of domains, accounts and aliases. Nothing is cached: a change
/// made with any tool counts from the next question on.
#[derive(Debug)]
pub struct Directory {
    pub(crate) source: Sources,
    pub(crate) separator: Option<char>,
}

impl Directory {
    /// Opens the directory and brings its schema up to date. A server that is
    /// away is no error here: each question fails until it is back.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where waiting would cure nothing: a URL that
    /// cannot be used, a SQLite file that cannot be made, a schema that does
    /// not fit. [`DirectoryError::UsersFile`] where a users file cannot be read.
    pub async fn open(settings: &Settings) -> Result<Self, DirectoryError> {
        let source = match &settings.tables {
            Tables::Own => Sources::Own(Own::new(Pool::open(&settings.sql)?)),
            Tables::Foreign(queries) => {
                Sources::Foreign(Box::new(Foreign::new(Pool::open(&settings.sql)?, Queries::clone(queries))))
            }
            Tables::Users(path) => Sources::Users(UsersFile::open(path).await?),
            Tables::Ldap(settings) => Sources::Ldap(Box::new(LdapSource::open(settings).await?)),
        };
        let directory = Self { source, separator: settings.separator };
        match directory.ping().await {
            Err(error) if error.is_away() => {
                warn!(%error, "the directory is away");
                Ok(directory)
            }
            done => done.map(|()| directory),
        }
    }

    /// Asks whether the directory can be asked.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where it cannot.
    pub async fn ping(&self) -> Result<(), DirectoryError> {
        ask!(self.source, ping())
    }

    /// The active domains, sorted.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where the directory cannot be asked.
    pub async fn active_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        ask!(self.source, active_domains())
    }

    /// The domains that were removed on purpose, sorted. One that was active a
    /// while ago and is neither here nor there vanished by accident.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where the directory cannot be asked.
    pub async fn removed_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        ask!(self.source, removed_domains())
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        ask!(self.source, close());
    }

    /// Our own tables, for what only they have, and for changes.
    pub(crate) fn own(&self) -> Result<&Own, DirectoryError> {
        match &self.source {
            Sources::Own(own) => Ok(own),
            Sources::Foreign(_) => Err(DirectoryError::ForeignTables),
            Sources::Ldap(_) => Err(DirectoryError::KeptByLdap),
            Sources::Users(file) => Err(DirectoryError::EditFile(file.path().to_owned())),
        }
    }
}
