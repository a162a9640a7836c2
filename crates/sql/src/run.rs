//! A statement with its arguments, run on whichever engine it meets.

use sqlx::database::HasStatementCache;
use sqlx::query::Query;
use sqlx::{Database, Encode, Executor, IntoArguments, MySql, SqlSafeStr, SqlStr, Sqlite, Type};

use crate::row::{Inner, Row};
use crate::{Arg, SqlError};

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Rows that matched, on both engines: an UPDATE that sets what is there
    /// already counts as well.
    pub rows: u64,
    /// The id that the database gave to the inserted row, where it gave one.
    pub last_id: i64,
}

pub(crate) async fn execute_mysql<'c, E>(on: E, sql: SqlStr, args: &[Arg<'_>]) -> Result<Done, SqlError>
where
    E: Executor<'c, Database = MySql>,
{
    let done = bound::<MySql>(sql, args).execute(on).await?;
    let last_id = i64::try_from(done.last_insert_id()).unwrap_or(0);
    Ok(Done { rows: done.rows_affected(), last_id })
}

pub(crate) async fn execute_sqlite<'c, E>(on: E, sql: SqlStr, args: &[Arg<'_>]) -> Result<Done, SqlError>
where
    E: Executor<'c, Database = Sqlite>,
{
    let done = bound::<Sqlite>(sql, args).execute(on).await?;
    Ok(Done { rows: done.rows_affected(), last_id: done.last_insert_rowid() })
}

pub(crate) async fn fetch_mysql<'c, E, T, F>(
    on: E,
    sql: SqlStr,
    args: &[Arg<'_>],
    mut read: F,
) -> Result<Vec<T>, SqlError>
where
    E: Executor<'c, Database = MySql>,
    F: FnMut(&Row) -> Result<T, SqlError> + Send,
    T: Send + Unpin,
{
    let query = bound::<MySql>(sql, args).map(move |row| read(&Row(Inner::MySql(row))));
    query.fetch_all(on).await?.into_iter().collect()
}

pub(crate) async fn fetch_sqlite<'c, E, T, F>(
    on: E,
    sql: SqlStr,
    args: &[Arg<'_>],
    mut read: F,
) -> Result<Vec<T>, SqlError>
where
    E: Executor<'c, Database = Sqlite>,
    F: FnMut(&Row) -> Result<T, SqlError> + Send,
    T: Send + Unpin,
{
    let query = bound::<Sqlite>(sql, args).map(move |row| read(&Row(Inner::Sqlite(row))));
    query.fetch_all(on).await?.into_iter().collect()
}

fn bound<DB>(sql: SqlStr, args: &[Arg<'_>]) -> Query<'static, DB, DB::Arguments>
where
    DB: Database + HasStatementCache,
    DB::Arguments: IntoArguments<DB>,
    for<'a> i64: Encode<'a, DB> + Type<DB>,
    for<'a> Option<i64>: Encode<'a, DB> + Type<DB>,
    for<'a> &'a str: Encode<'a, DB> + Type<DB>,
    for<'a> &'a [u8]: Encode<'a, DB> + Type<DB>,
{
    let query = sqlx::query::<DB>(sql.into_sql_str());
    args.iter().fold(query, |query, arg| match *arg {
        Arg::Null => query.bind(None::<i64>),
        Arg::Int(number) => query.bind(number),
        Arg::Text(text) => query.bind(text),
        Arg::Bytes(bytes) => query.bind(bytes),
    })
}
