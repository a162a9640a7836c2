//! One row of an answer, read by position and checked.

use sqlx::mysql::MySqlRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Column as _, ColumnIndex, Decode, Row as _, Type, TypeInfo as _, ValueRef as _};

use crate::SqlError;

/// A row. Columns are counted from 0; a value of another kind than asked for
/// is [`SqlError::BadRow`], since people write into the tables too.
#[derive(Debug)]
pub struct Row(pub(crate) Inner);

#[derive(Debug)]
pub(crate) enum Inner {
    MySql(MySqlRow),
    Sqlite(SqliteRow),
}

impl Row {
    /// A number; MySQL's unsigned and boolean columns too.
    ///
    /// # Errors
    ///
    /// [`SqlError::BadRow`] where it is NULL, no number, or above `i64`.
    pub fn int(&self, column: usize) -> Result<i64, SqlError> {
        self.opt_int(column)?.ok_or_else(|| null(column))
    }

    /// A number or NULL.
    ///
    /// # Errors
    ///
    /// As [`Row::int`].
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, SqlError> {
        match &self.0 {
            Inner::MySql(row) => mysql_int(row, column),
            Inner::Sqlite(row) => row.try_get(column).map_err(|error| bad(column, &error)),
        }
    }

    /// Text.
    ///
    /// # Errors
    ///
    /// [`SqlError::BadRow`] where it is NULL or no UTF-8 text.
    pub fn text(&self, column: usize) -> Result<&str, SqlError> {
        self.opt_text(column)?.ok_or_else(|| null(column))
    }

    /// Text or NULL.
    ///
    /// # Errors
    ///
    /// As [`Row::text`].
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, SqlError> {
        self.read(column)
    }

    /// The column of this name, in any case; for statements that others wrote.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        fn find<C: sqlx::Column>(columns: &[C], name: &str) -> Option<usize> {
            columns.iter().position(|column| column.name().eq_ignore_ascii_case(name))
        }
        match &self.0 {
            Inner::MySql(row) => find(row.columns(), name),
            Inner::Sqlite(row) => find(row.columns(), name),
        }
    }

    /// The names of the columns, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        fn names<C: sqlx::Column>(columns: &[C]) -> Vec<&str> {
            columns.iter().map(sqlx::Column::name).collect()
        }
        match &self.0 {
            Inner::MySql(row) => names(row.columns()),
            Inner::Sqlite(row) => names(row.columns()),
        }
    }

    /// A text or a whole number, as text; for columns of tables that others
    /// made.
    ///
    /// # Errors
    ///
    /// [`SqlError::BadRow`] where it is something else.
    pub fn any(&self, column: usize) -> Result<Option<String>, SqlError> {
        match self.opt_text(column) {
            Ok(text) => Ok(text.map(str::to_owned)),
            Err(error) => self.opt_int(column).map(|n| n.map(|n| n.to_string())).map_err(|_| error),
        }
    }

    /// Bytes.
    ///
    /// # Errors
    ///
    /// [`SqlError::BadRow`] where it is NULL or a number.
    pub fn bytes(&self, column: usize) -> Result<&[u8], SqlError> {
        self.opt_bytes(column)?.ok_or_else(|| null(column))
    }

    /// Bytes or NULL.
    ///
    /// # Errors
    ///
    /// As [`Row::bytes`].
    pub fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, SqlError> {
        self.read(column)
    }

    fn read<'r, T>(&'r self, column: usize) -> Result<Option<T>, SqlError>
    where
        T: Decode<'r, sqlx::MySql> + Type<sqlx::MySql> + Decode<'r, sqlx::Sqlite> + Type<sqlx::Sqlite>,
        usize: ColumnIndex<MySqlRow> + ColumnIndex<SqliteRow>,
    {
        match &self.0 {
            Inner::MySql(row) => row.try_get(column),
            Inner::Sqlite(row) => row.try_get(column),
        }
        .map_err(|error| bad(column, &error))
    }
}

fn mysql_int(row: &MySqlRow, column: usize) -> Result<Option<i64>, SqlError> {
    let unsigned = row.try_column(column).is_ok_and(|c| c.type_info().name().ends_with("UNSIGNED"));
    if unsigned {
        let value: Option<u64> = row.try_get(column).map_err(|error| bad(column, &error))?;
        return value.map(|n| i64::try_from(n).map_err(|_| bad(column, &"a number too large"))).transpose();
    }
    if row.try_get_raw(column).is_ok_and(|value| value.is_null()) {
        return Ok(None);
    }
    row.try_get(column).map(Some).map_err(|error| bad(column, &error))
}

fn bad(column: usize, reason: &dyn std::fmt::Display) -> SqlError {
    SqlError::BadRow { column, reason: reason.to_string() }
}

fn null(column: usize) -> SqlError {
    bad(column, &"it is NULL")
}
