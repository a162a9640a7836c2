//! What went wrong with a database, sorted by what can be done about it.

use mail::Class;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::migrate::MigrateError;
use sqlx::mysql::MySqlDatabaseError;
use thiserror::Error;

/// An error of a statement, a transaction or a pool. None of its texts holds
/// the password of the URL.
#[derive(Debug, Error)]
pub enum SqlError {
    /// The URL or another setting cannot be used. Trying again is of no use.
    #[error("the database setting cannot be used: {0}")]
    Setting(String),
    /// The database cannot be reached, refuses us, or does not answer in time.
    /// A commit that ends so may have happened or not.
    #[error("the database cannot be asked: {0}")]
    Away(#[source] sqlx::Error),
    /// It did not answer within the statement's time limit.
    #[error("the database did not answer within {seconds} seconds")]
    Silent {
        /// The limit.
        seconds: u64,
    },
    /// Somebody else was in the way (deadlock, lock wait, busy, a cluster's
    /// certification): roll back and try the whole transaction again.
    #[error("another transaction was in the way: {0}")]
    Conflict(#[source] sqlx::Error),
    /// A row with this key is already there.
    #[error("such a row is already there: {0}")]
    Duplicate(#[source] sqlx::Error),
    /// A foreign key points nowhere, or something still points here.
    #[error("a foreign key does not allow it: {0}")]
    Reference(#[source] sqlx::Error),
    /// The schema refuses the value (CHECK, NOT NULL, too long, wrong kind).
    #[error("the schema does not allow this value: {0}")]
    Refused(#[source] sqlx::Error),
    /// The database has no room left.
    #[error("the database has no room left: {0}")]
    Full(#[source] sqlx::Error),
    /// A column does not hold what it should.
    #[error("column {column} of a row is not what it should be: {reason}")]
    BadRow {
        /// Which column, counted from 0.
        column: usize,
        /// What was found.
        reason: String,
    },
    /// A migration cannot be applied.
    #[error("the schema cannot be brought up to date: {0}")]
    Migration(#[source] MigrateError),
    /// A migration was begun and not ended, and cannot simply be run again.
    #[error(
        "migration {version} of the schema was interrupted: undo by hand what is there of it (or restore the \
         database), then run DELETE FROM {table} WHERE version = {version}"
    )]
    HalfApplied {
        /// The table of what was applied.
        table: &'static str,
        /// Which migration.
        version: i64,
    },
    /// Anything else: as a rule an error of ours in the text of a statement.
    #[error("the database refused a statement: {0}")]
    Failed(#[source] sqlx::Error),
}

impl SqlError {
    /// Whether a text was compared with a column whose character set does not
    /// have its characters (MySQL's 1267): no row can have it.
    #[must_use]
    pub fn is_of_other_characters(&self) -> bool {
        let Self::Failed(sqlx::Error::Database(error)) = self else { return false };
        error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == 1267)
    }

    /// Whether the whole transaction should be tried again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether the database is away.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Silent { .. })
    }

    /// Whether a row was already there, by the key that says so: the name of
    /// the index on MySQL (`PRIMARY`, `folder_name`), a `table.column` of it on
    /// SQLite. Give both.
    #[must_use]
    pub fn is_duplicate_of(&self, names: &[&str]) -> bool {
        let Self::Duplicate(sqlx::Error::Database(error)) = self else { return false };
        // The value stands before the key, so only the tail is looked at.
        let message = error.message();
        let tail = message.rsplit("for key").next().unwrap_or(message);
        names.iter().any(|name| tail.contains(name))
    }

    /// The class for a peer; `away` is the class of the database that this is
    /// ([`Class::Directory`] or [`Class::Index`]).
    #[must_use]
    pub fn class(&self, away: Class) -> Class {
        match self {
            Self::Full(_) => Class::DiskFull,
            Self::Away(_) | Self::Silent { .. } | Self::Conflict(_) | Self::Migration(_) | Self::Failed(_) => away,
            Self::Setting(_) | Self::BadRow { .. } | Self::HalfApplied { .. } => away,
            Self::Duplicate(_) | Self::Reference(_) | Self::Refused(_) => Class::Internal,
        }
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Configuration(reason) => Self::Setting(reason.to_string()),
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Away(error)
            }
            E::BeginFailed => Self::Away(error),
            E::Database(database) => match classify(&**database) {
                Kind::Away => Self::Away(error),
                Kind::Conflict => Self::Conflict(error),
                Kind::Duplicate => Self::Duplicate(error),
                Kind::Reference => Self::Reference(error),
                Kind::Refused => Self::Refused(error),
                Kind::Full => Self::Full(error),
                Kind::Other => Self::Failed(error),
            },
            _ => Self::Failed(error),
        }
    }
}

impl From<MigrateError> for SqlError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => match Self::from(error) {
                Self::Failed(error) => Self::Migration(MigrateError::Execute(error)),
                known => known,
            },
            other => Self::Migration(other),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Away,
    Conflict,
    Duplicate,
    Reference,
    Refused,
    Full,
    Other,
}

fn classify(error: &dyn DatabaseError) -> Kind {
    let by_code = match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(mysql) => mysql_kind(mysql.number(), mysql.message()),
        None => error.code().and_then(|code| code.parse().ok()).map_or(Kind::Other, sqlite_kind),
    };
    if by_code != Kind::Other {
        return by_code;
    }
    match error.kind() {
        ErrorKind::UniqueViolation => Kind::Duplicate,
        ErrorKind::ForeignKeyViolation => Kind::Reference,
        ErrorKind::NotNullViolation | ErrorKind::CheckViolation => Kind::Refused,
        _ => Kind::Other,
    }
}

/// Numbers of MySQL and MariaDB servers.
fn mysql_kind(number: u16, message: &str) -> Kind {
    match number {
        // Deadlock, lock wait timeout, a record that changed since it was
        // read (MariaDB 11's snapshot isolation), and what Galera says when a
        // node is not ready or certification fails at commit.
        1213 | 1205 | 1020 | 1047 | 1180 => Kind::Conflict,
        // Too many connections, bad handshake, access denied, unknown
        // database, shutdown, host blocked or not allowed, network errors,
        // limits of the user, read-only server, killed, out of time.
        1040
        | 1043
        | 1044
        | 1045
        | 1049
        | 1053
        | 1129
        | 1130
        | 1158..=1161
        | 1203
        | 1226
        | 1290
        | 1317
        | 1698
        | 1792
        | 1836
        | 1927
        | 1969
        | 3024 => Kind::Away,
        1021 | 1114 => Kind::Full,
        // "Got error 28": ENOSPC from the storage engine.
        1026 | 1030 if message.contains("error 28") || message.contains("rrcode: 28") => Kind::Full,
        // Too long, wrong kind, out of range, bad date, a column without
        // default.
        1406 | 1366 | 1264 | 1265 | 1292 | 1364 | 4025 | 3819 => Kind::Refused,
        _ => Kind::Other,
    }
}

/// Extended result codes of SQLite; the low byte is the primary code.
fn sqlite_kind(code: i32) -> Kind {
    match code {
        2067 | 1555 | 2579 => return Kind::Duplicate,
        787 | 1811 => return Kind::Reference,
        _ => {}
    }
    match code & 0xff {
        // BUSY, LOCKED.
        5 | 6 => Kind::Conflict,
        13 => Kind::Full,
        // PERM, READONLY, IOERR, CORRUPT, CANTOPEN, PROTOCOL, AUTH, NOTADB.
        3 | 8 | 10 | 11 | 14 | 15 | 23 | 26 => Kind::Away,
        // TOOBIG, CONSTRAINT, MISMATCH.
        18..=20 => Kind::Refused,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_what_can_be_done() {
        let mysql = [
            (1213, Kind::Conflict),
            (1205, Kind::Conflict),
            (1047, Kind::Conflict),
            (1180, Kind::Conflict),
            (1045, Kind::Away),
            (1040, Kind::Away),
            (1114, Kind::Full),
            (1406, Kind::Refused),
            (1064, Kind::Other),
            (1030, Kind::Other),
        ];
        for (number, kind) in mysql {
            assert_eq!(mysql_kind(number, ""), kind, "{number}");
        }
        assert_eq!(mysql_kind(1030, "Got error 28 from storage engine"), Kind::Full);
        let sqlite = [
            (5, Kind::Conflict),
            (517, Kind::Conflict),
            (6, Kind::Conflict),
            (13, Kind::Full),
            (14, Kind::Away),
            (2067, Kind::Duplicate),
            (787, Kind::Reference),
            (275, Kind::Refused),
            (3091, Kind::Refused),
            (1, Kind::Other),
        ];
        for (code, kind) in sqlite {
            assert_eq!(sqlite_kind(code), kind, "{code}");
        }
    }

    #[test]
    fn classes() {
        let away = SqlError::from(sqlx::Error::PoolTimedOut);
        assert!(away.is_away() && !away.is_conflict());
        assert_eq!(away.class(Class::Index), Class::Index);
        assert_eq!(SqlError::from(sqlx::Error::RowNotFound).class(Class::Directory), Class::Directory);
    }
}
