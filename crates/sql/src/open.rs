//! From a URL to a pool: what each connection is told before it is used.

use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, SqliteConnection};

use crate::pool::Pools;
use crate::{Pool, SqlError};

/// How long a connection is kept without use.
const IDLE: Duration = Duration::from_secs(300);
/// How long a connection is kept at all, so that a failover of the server or a
/// changed password is noticed.
const LIFETIME: Duration = Duration::from_secs(1800);
/// What MySQL connections are told first. Strict, since a value that was cut
/// silently would be another address; `SET SESSION` cannot be refused for want
/// of a privilege.
const MYSQL_SESSION: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
     ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES', \
     SESSION innodb_lock_wait_timeout = 5, SESSION time_zone = '+00:00'";

/// Which database, and how patient to be with it.
#[derive(Clone)]
pub struct Settings {
    /// `sqlite:path`, or `mysql://user:password@host[:port]/database` with
    /// `?socket=/path` for a Unix socket. `?ssl-mode=` and `?ssl-ca=` are
    /// known; without the first, TLS is required unless the host is this one.
    pub url: String,
    /// The most connections at a time (SQLite: readers besides the writer).
    pub connections: u32,
    /// How long to wait for a free connection or a new one.
    pub acquire_timeout: Duration,
    /// How long a statement, or a wait for a transaction to begin, may take.
    pub statement_timeout: Duration,
}

impl Settings {
    /// This URL, 10 connections, 5 s for a connection, 20 s for a statement.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(20),
        }
    }
}

impl std::fmt::Debug for Settings {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Pool {
    /// Makes the pool without connecting: a database that is away shows itself
    /// at the first statement, or at [`Pool::ping`], and is used again as soon
    /// as it is back. A SQLite file is created (mode 0600) if it is not there.
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`SqlError::Setting`] where the URL cannot be used, or
    /// [`SqlError::Away`] where the SQLite file cannot be created.
    pub fn open(settings: &Settings) -> Result<Self, SqlError> {
        let pools = match settings.url.split_once(':') {
            Some(("mysql" | "mariadb", rest)) => mysql(settings, &format!("mysql:{rest}"))?,
            Some(("sqlite", _)) => sqlite(settings)?,
            _ => return Err(SqlError::Setting("it must begin with mysql:// or sqlite:".to_owned())),
        };
        Ok(Self { pools, limit: settings.statement_timeout })
    }
}

fn mysql(settings: &Settings, url: &str) -> Result<Pools, SqlError> {
    let mut options = MySqlConnectOptions::from_str(url)?.charset("utf8mb4").disable_statement_logging();
    if options.get_database().is_none() {
        return Err(SqlError::Setting("the name of the database is missing at the end of mysql://…/".to_owned()));
    }
    let mode_given = url.contains("ssl-mode=") || url.contains("sslmode=");
    if !mode_given && options.get_socket().is_none() && !is_this_host(options.get_host()) {
        options = options.ssl_mode(MySqlSslMode::Required);
    }
    let pool = MySqlPoolOptions::new()
        .max_connections(settings.connections.max(2)) // one may hold the lock of the migrations
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(IDLE)
        .max_lifetime(LIFETIME)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(MYSQL_SESSION).await.map(drop) }))
        .connect_lazy_with(options);
    Ok(Pools::MySql(pool))
}

fn sqlite(settings: &Settings) -> Result<Pools, SqlError> {
    if settings.url.contains(":memory:") || settings.url.contains("mode=memory") {
        return Err(SqlError::Setting("a database in memory cannot be shared by connections".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(&settings.url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(settings.acquire_timeout)
        .disable_statement_logging();
    create(options.get_filename())?;
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(settings.acquire_timeout)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(is_out_of_transaction(connection)))
    };
    let writer = pool(1).connect_lazy_with(options.clone());
    let readers = pool(settings.connections.max(1)).connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Pools::Sqlite { writer, readers })
}

/// Whether a connection can be used again. SQLite itself takes a transaction
/// back where the disk is full; the ROLLBACK that follows fails then, the
/// connection goes on believing that it is in a transaction, and as the only
/// writer it would refuse all that comes after.
async fn is_out_of_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // The ROLLBACK of one that was dropped may be under way.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// The file holds password hashes, so nobody else may read it; SQLite gives
/// its companions (`-wal`, `-shm`) the same mode.
fn create(path: &Path) -> Result<(), SqlError> {
    let opened = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    opened.map(drop).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        SqlError::Away(sqlx::Error::Io(error))
    })
}

fn is_this_host(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn settings_that_cannot_be_used() {
        for url in
            ["", "postgres://x", "mysql://root@localhost", "sqlite::memory:", "sqlite:x?nonsense=1", "mysql://a b/"]
        {
            let refused = Pool::open(&Settings::new(url));
            assert!(matches!(refused, Err(SqlError::Setting(_))), "{url}");
        }
        let refused = Pool::open(&Settings::new("sqlite:/nowhere/at/all.db"));
        assert!(refused.is_err_and(|error| error.is_away()));
    }

    #[test]
    fn a_password_is_not_shown() {
        assert!(!format!("{:?}", Settings::new("mysql://u:hunter2@h/d")).contains("hunter2"));
    }

    #[test]
    fn where_plain_text_stays_on_this_machine() {
        for (host, here) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("192.0.2.1", false),
            ("localhost.example", false),
        ] {
            assert_eq!(is_this_host(host), here, "{host}");
        }
    }
}
