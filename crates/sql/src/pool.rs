//! The pool, and transactions on it.

use std::pin::Pin;
use std::time::Duration;

use sqlx::{MySql, MySqlPool, SqlSafeStr, Sqlite, SqlitePool};

use crate::run::{execute_mysql, execute_sqlite, fetch_mysql, fetch_sqlite};
use crate::{Arg, Done, Row, SqlError};

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// MySQL or MariaDB.
    MySql,
    /// SQLite.
    Sqlite,
}

/// A pool of connections; cheap to clone, all clones share the connections.
#[derive(Debug, Clone)]
pub struct Pool {
    pub(crate) pools: Pools,
    pub(crate) limit: Duration,
}

/// SQLite has one writer, so that writers wait in our queue and not in its
/// busy handler, and readers that never wait for it.
#[derive(Debug, Clone)]
pub(crate) enum Pools {
    MySql(MySqlPool),
    Sqlite { writer: SqlitePool, readers: SqlitePool },
}

/// A transaction: rolled back when it is dropped without
/// [`Transaction::commit`].
#[derive(Debug)]
pub struct Transaction {
    inner: Inner,
    limit: Duration,
}

#[derive(Debug)]
enum Inner {
    MySql(sqlx::Transaction<'static, MySql>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Pool {
    /// Which engine it speaks to.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.pools {
            Pools::MySql(_) => Engine::MySql,
            Pools::Sqlite { .. } => Engine::Sqlite,
        }
    }

    /// Asks whether the database answers.
    ///
    /// # Errors
    ///
    /// [`SqlError::Away`] or [`SqlError::Silent`] where it does not.
    pub async fn ping(&self) -> Result<(), SqlError> {
        self.fetch_all("SELECT 1", &[], |row| row.int(0)).await.map(drop)
    }

    /// Runs one writing statement in a transaction of its own.
    ///
    /// # Errors
    ///
    /// [`SqlError`] by what can be done about it.
    pub async fn execute(&self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Done, SqlError> {
        let sql = sql.into_sql_str();
        within(self.limit, async {
            match &self.pools {
                Pools::MySql(pool) => execute_mysql(pool, sql, args).await,
                Pools::Sqlite { writer, .. } => execute_sqlite(writer, sql, args).await,
            }
        })
        .await
    }

    /// Runs a reading statement; `read` makes something of each row while the
    /// answer comes in, and its first error is the answer.
    ///
    /// # Errors
    ///
    /// [`SqlError`] by what can be done about it, or what `read` says.
    pub async fn fetch_all<T, F>(&self, sql: impl SqlSafeStr, args: &[Arg<'_>], read: F) -> Result<Vec<T>, SqlError>
    where
        F: FnMut(&Row) -> Result<T, SqlError> + Send,
        T: Send + Unpin,
    {
        let sql = sql.into_sql_str();
        within(self.limit, async {
            match &self.pools {
                Pools::MySql(pool) => fetch_mysql(pool, sql, args, read).await,
                Pools::Sqlite { readers, .. } => fetch_sqlite(readers, sql, args, read).await,
            }
        })
        .await
    }

    /// Runs a reading statement that finds at most one row; of several, the
    /// first is taken.
    ///
    /// # Errors
    ///
    /// As [`Pool::fetch_all`].
    pub async fn fetch_optional<T, F>(
        &self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: F,
    ) -> Result<Option<T>, SqlError>
    where
        F: FnMut(&Row) -> Result<T, SqlError> + Send,
        T: Send + Unpin,
    {
        Ok(self.fetch_all(sql, args, read).await?.into_iter().next())
    }

    /// Begins a writing transaction. On SQLite it is the only one in this
    /// process from here on (`BEGIN IMMEDIATE`), and the next one waits.
    ///
    /// # Errors
    ///
    /// [`SqlError::Away`], or [`SqlError::Conflict`] where another process
    /// holds SQLite's lock.
    pub async fn begin(&self) -> Result<Transaction, SqlError> {
        let inner = within(self.limit, async {
            Ok(match &self.pools {
                Pools::MySql(pool) => Inner::MySql(pool.begin().await?),
                Pools::Sqlite { writer, .. } => Inner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            })
        })
        .await?;
        Ok(Transaction { inner, limit: self.limit })
    }

    /// Begins a transaction that only reads: all its statements see one
    /// snapshot.
    ///
    /// # Errors
    ///
    /// [`SqlError::Away`] where the database is.
    pub async fn begin_read(&self) -> Result<Transaction, SqlError> {
        let inner = within(self.limit, async {
            Ok(match &self.pools {
                Pools::MySql(pool) => {
                    Inner::MySql(pool.begin_with("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?)
                }
                Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.begin().await?),
            })
        })
        .await?;
        Ok(Transaction { inner, limit: self.limit })
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        match &self.pools {
            Pools::MySql(pool) => pool.close().await,
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Transaction {
    /// Runs one writing statement.
    ///
    /// # Errors
    ///
    /// [`SqlError`]; after [`SqlError::Conflict`] drop the transaction and
    /// begin anew ([`crate::retry`]).
    pub async fn execute(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>]) -> Result<Done, SqlError> {
        let sql = sql.into_sql_str();
        within(self.limit, async {
            match &mut self.inner {
                Inner::MySql(tx) => execute_mysql(&mut **tx, sql, args).await,
                Inner::Sqlite(tx) => execute_sqlite(&mut **tx, sql, args).await,
            }
        })
        .await
    }

    /// As [`Pool::fetch_all`], within the transaction.
    ///
    /// # Errors
    ///
    /// As [`Pool::fetch_all`].
    pub async fn fetch_all<T, F>(&mut self, sql: impl SqlSafeStr, args: &[Arg<'_>], read: F) -> Result<Vec<T>, SqlError>
    where
        F: FnMut(&Row) -> Result<T, SqlError> + Send,
        T: Send + Unpin,
    {
        let sql = sql.into_sql_str();
        within(self.limit, async {
            match &mut self.inner {
                Inner::MySql(tx) => fetch_mysql(&mut **tx, sql, args, read).await,
                Inner::Sqlite(tx) => fetch_sqlite(&mut **tx, sql, args, read).await,
            }
        })
        .await
    }

    /// As [`Pool::fetch_optional`], within the transaction.
    ///
    /// # Errors
    ///
    /// As [`Pool::fetch_all`].
    pub async fn fetch_optional<T, F>(
        &mut self,
        sql: impl SqlSafeStr,
        args: &[Arg<'_>],
        read: F,
    ) -> Result<Option<T>, SqlError>
    where
        F: FnMut(&Row) -> Result<T, SqlError> + Send,
        T: Send + Unpin,
    {
        Ok(self.fetch_all(sql, args, read).await?.into_iter().next())
    }

    /// Makes it durable: after `Ok` it survives kill -9 and power loss.
    ///
    /// # Errors
    ///
    /// [`SqlError::Conflict`]: nothing happened. [`SqlError::Away`] or
    /// [`SqlError::Silent`]: it may have happened or not.
    pub async fn commit(self) -> Result<(), SqlError> {
        within(self.limit, async {
            match self.inner {
                Inner::MySql(tx) => tx.commit().await?,
                Inner::Sqlite(tx) => tx.commit().await?,
            }
            Ok(())
        })
        .await
    }

    /// Takes everything back, and waits until that is done.
    ///
    /// # Errors
    ///
    /// [`SqlError::Away`]; nothing happened then either.
    pub async fn rollback(self) -> Result<(), SqlError> {
        within(self.limit, async {
            match self.inner {
                Inner::MySql(tx) => tx.rollback().await?,
                Inner::Sqlite(tx) => tx.rollback().await?,
            }
            Ok(())
        })
        .await
    }
}

/// A server that accepts a statement and falls silent must not hold a session
/// for ever: the protocol itself has no time limit. Each question is a box of
/// its own: the futures of those who ask stay small, and the compiler need not
/// look into the driver for each of them.
fn within<'a, T: 'a>(
    limit: Duration,
    work: impl Future<Output = Result<T, SqlError>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<T, SqlError>> + Send + 'a>> {
    Box::pin(async move {
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(SqlError::Silent { seconds: limit.as_secs() }),
        }
    })
}
