//! Bringing a schema up to date when the server or a command starts.

use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, MySql, MySqlPool};
use tracing::warn;

use crate::pool::Pools;
use crate::{Engine, Pool, Row, SqlError, args};

/// How often SQLite is tried when another process migrates at the same time.
const ATTEMPTS: u32 = 5;
/// Keeps two processes that start together from applying the same migration
/// twice; it ends with its connection. A Galera cluster has no lock that holds
/// on all its nodes and may refuse it, so there it is not taken.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('gatepost_migrations.', MD5(DATABASE())), 30)";
/// How a migration says that it may be run again after it was interrupted.
const REPEATABLE: &str = "-- Repeatable:";
/// As long as `LOCK` waits.
const LOCK_SECONDS: u64 = 30;

/// A set of migrations in both dialects, with a bookkeeping table of its own,
/// since two sets may live in one database:
///
/// ```ignore
/// let schema = sql::Schema::new(
///     "_gatepost_index_migrations",
///     sqlx::migrate!("../../schema/index/mysql"),
///     sqlx::migrate!("../../schema/index/sqlite"),
/// );
/// pool.migrate(&schema).await?;
/// ```
///
/// (The macro wants `sqlx` among the caller's dependencies.)
///
/// A migration that was applied somewhere is never edited again; a `build.rs`
/// with `cargo::rerun-if-changed=../../schema/…` notices new files.
///
/// MySQL commits each statement that changes a table by itself, so that whoever
/// is killed in the middle of a migration leaves it half applied. One that says
/// `-- Repeatable:` in a line of its own, since each of its statements may be run
/// again, is then run again; of any other the error says what to do.
#[derive(Debug)]
pub struct Schema {
    table: &'static str,
    mysql: Migrator,
    sqlite: Migrator,
}

impl Schema {
    /// Puts the two dialects together; `table` is the bookkeeping table.
    #[must_use]
    pub fn new(table: &'static str, mut mysql: Migrator, mut sqlite: Migrator) -> Self {
        mysql.dangerous_set_table_name(table);
        // The migrator's own lock waits for -1 seconds, which MariaDB takes for
        // an error and does not wait at all; see `LOCK`.
        mysql.set_locking(false);
        sqlite.dangerous_set_table_name(table);
        Self { table, mysql, sqlite }
    }
}

impl Pool {
    /// Applies what is missing. Several processes may do so at the same time.
    /// Where nothing is missing nothing is written, so that a user of the
    /// database who may only read is enough.
    ///
    /// # Errors
    ///
    /// [`SqlError::Migration`] where the database does not fit (changed by
    /// hand, newer than this program), [`SqlError::HalfApplied`], otherwise as
    /// any statement.
    pub async fn migrate(&self, schema: &Schema) -> Result<(), SqlError> {
        if self.is_up_to_date(schema).await? {
            return Ok(());
        }
        match &self.pools {
            Pools::MySql(pool) => {
                let cluster = self.is_cluster().await?;
                let _held = if cluster { None } else { Some(lock(pool).await?) };
                self.forget_interrupted(schema).await?;
                match schema.mysql.run(pool).await {
                    Err(MigrateError::Dirty(version)) => Err(SqlError::HalfApplied { table: schema.table, version }),
                    done => Ok(done?),
                }
            }
            Pools::Sqlite { writer, .. } => {
                // A migration is one transaction here: whoever comes second
                // fails, and finds it applied when it tries again.
                for _ in 1..ATTEMPTS {
                    if schema.sqlite.run(writer).await.is_ok() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(schema.sqlite.run(writer).await?)
            }
        }
    }

    /// Whether exactly our migrations are applied. Anything else is for the
    /// migrator, which says what is wrong.
    async fn is_up_to_date(&self, schema: &Schema) -> Result<bool, SqlError> {
        let text = format!("SELECT version, checksum, success FROM {} ORDER BY version", schema.table);
        let read = |row: &Row| Ok((row.int(0)?, row.bytes(1)?.to_vec(), row.int(2)? != 0));
        let applied = match self.fetch_all(AssertSqlSafe(text), &[], read).await {
            Ok(applied) => applied,
            // There is no such table yet.
            Err(SqlError::Failed(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let migrator = match self.engine() {
            Engine::MySql => &schema.mysql,
            Engine::Sqlite => &schema.sqlite,
        };
        let wanted = migrator.iter().map(|migration| (migration.version, migration.checksum.to_vec(), true));
        Ok(applied.into_iter().eq(wanted))
    }

    /// Of what was begun and may be run again nothing is known any more, so that
    /// the migrator runs it. Whoever began it is not at it still: the lock is
    /// ours, and a connection keeps it until its last statement ended. (In a
    /// cluster two may be at it, which statements that may be repeated bear.)
    async fn forget_interrupted(&self, schema: &Schema) -> Result<(), SqlError> {
        let text = format!("SELECT version FROM {} WHERE success = FALSE", schema.table);
        let begun = match self.fetch_all(AssertSqlSafe(text), &[], |row| row.int(0)).await {
            // There is no such table yet.
            Err(SqlError::Failed(_)) => return Ok(()),
            begun => begun?,
        };
        for version in begun {
            let ours = schema.mysql.iter().find(|migration| migration.version == version);
            if !ours.is_some_and(|ours| ours.sql.as_str().lines().any(|line| line.starts_with(REPEATABLE))) {
                continue;
            }
            warn!(table = schema.table, version, "a change of the schema was interrupted; it is made again");
            let text = format!("DELETE FROM {} WHERE version = ? AND success = FALSE", schema.table);
            self.execute(AssertSqlSafe(text), args![version]).await?;
        }
        Ok(())
    }

    async fn is_cluster(&self) -> Result<bool, SqlError> {
        let on = self.fetch_optional("SHOW VARIABLES LIKE 'wsrep_on'", &[], |row| Ok(row.text(1)? == "ON")).await?;
        Ok(on.unwrap_or(false))
    }
}

/// Holds `LOCK` as long as the connection lives, and gives neither back to the
/// pool.
async fn lock(pool: &MySqlPool) -> Result<PoolConnection<MySql>, SqlError> {
    let mut connection = pool.acquire().await?;
    connection.close_on_drop();
    let got: Option<i64> = sqlx::query_scalar(LOCK).fetch_one(&mut *connection).await?;
    if got == Some(1) { Ok(connection) } else { Err(SqlError::Silent { seconds: LOCK_SECONDS }) }
}
