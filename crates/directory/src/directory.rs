//! The directory: opened once, asked at every RCPT and every login.

use mail::Domain;
use sql::{Arg, Pool, Row, Schema, SqlError, args};
use tokio::sync::OnceCell;
use tracing::warn;

use crate::rows::{Checked, domain_at, usable};
use crate::{DirectoryError, Tables, statements as text};

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
    pool: Pool,
    /// Set when the schema was seen to be there. A database that is away at
    /// the start is brought up to date when it answers for the first time.
    migrated: OnceCell<()>,
    pub(crate) separator: Option<char>,
    pub(crate) tables: Tables,
}

/// The migrations of the directory.
pub(crate) fn schema() -> Schema {
    Schema::new(
        "_gatepost_directory_migrations",
        sqlx::migrate!("../../schema/directory/mysql"),
        sqlx::migrate!("../../schema/directory/sqlite"),
    )
}

impl Directory {
    /// Opens the directory and brings its schema up to date. A server that is
    /// away is no error here: each question fails until it is back.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where waiting would cure nothing: a URL that
    /// cannot be used, a SQLite file that cannot be made, a schema that does
    /// not fit.
    pub async fn open(settings: &Settings) -> Result<Self, DirectoryError> {
        let pool = Pool::open(&settings.sql)?;
        let directory =
            Self { pool, migrated: OnceCell::new(), separator: settings.separator, tables: settings.tables.clone() };
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
        Ok(self.pool().await?.ping().await?)
    }

    /// The active domains, sorted.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where the directory cannot be asked.
    pub async fn active_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        if let Tables::Foreign(queries) = &self.tables {
            let all = self.foreign_domains(queries).await?.into_iter();
            return Ok(all.filter(|domain| domain.active).map(|domain| domain.name).collect());
        }
        Ok(usable(self.rows(text::ACTIVE_DOMAINS, &[], |row| domain_at(row, 0)).await?))
    }

    /// The domains that were removed on purpose, sorted. One that was active a
    /// while ago and is neither here nor there vanished by accident.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`] where the directory cannot be asked.
    pub async fn removed_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        if self.tables != Tables::Own {
            // Nobody notes it there: for a day it counts as an accident.
            return Ok(Vec::new());
        }
        Ok(usable(self.rows(text::REMOVED_DOMAINS, &[], |row| domain_at(row, 0)).await?))
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The pool, with the schema known to be there. Another program's is none
    /// of our business.
    pub(crate) async fn pool(&self) -> Result<&Pool, SqlError> {
        if self.tables != Tables::Own {
            return Ok(&self.pool);
        }
        self.migrated.get_or_try_init(|| async { self.pool.migrate(&schema()).await }).await?;
        Ok(&self.pool)
    }

    /// Rows, each checked by itself.
    pub(crate) async fn rows<T: Send + Unpin>(
        &self,
        statement: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Checked<T> + Send + Sync,
    ) -> Result<Vec<Checked<T>>, DirectoryError> {
        Ok(self.pool().await?.fetch_all(statement, args, |row| Ok(read(row))).await?)
    }

    /// One row by a key; a row that cannot be used is an error, since taking
    /// it for missing would bounce mail.
    pub(crate) async fn row<T: Send + Unpin>(
        &self,
        statement: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Checked<T> + Send + Sync,
    ) -> Result<Option<T>, DirectoryError> {
        self.rows(statement, args, read).await?.into_iter().next().transpose()
    }

    /// How many, by a statement that counts.
    pub(crate) async fn count(&self, statement: &'static str, domain: &Domain) -> Result<u64, DirectoryError> {
        let read = |row: &Row| Ok(crate::rows::count(row, 0)?);
        Ok(self.row(statement, args![domain.as_str()], read).await?.unwrap_or(0))
    }
}
