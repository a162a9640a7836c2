//! The one door to a database: a pool for MySQL or SQLite behind which one
//! query text runs on both, with migrations, error classes and retries.
//!
//! ```no_run
//! # async fn example() -> Result<(), sql::SqlError> {
//! use sql::{Pool, Settings, args};
//!
//! let pool = Pool::open(&Settings::new("sqlite:var/index.db"))?;
//! let id = 7_i64;
//! let names = pool
//!     .fetch_all("SELECT name, size FROM folder WHERE account = ?", args![id], |row| {
//!         Ok((row.text(0)?.to_owned(), row.int(1)?))
//!     })
//!     .await?;
//! sql::retry(async || {
//!     let mut tx = pool.begin().await?;
//!     tx.execute("UPDATE folder SET size = size + ? WHERE account = ?", args![1_i64, id]).await?;
//!     tx.commit().await
//! })
//! .await
//! # }
//! ```
//!
//! Placeholders are `?` on both engines. What the text may use is what both
//! understand: no `RETURNING`, no `ON CONFLICT`, no `ON DUPLICATE KEY`.
//! Where the two must differ, [`Pool::engine`] says which one it is.
#![forbid(unsafe_code)]

mod arg;
mod error;
mod migrate;
mod open;
mod pool;
mod retry;
mod row;
mod run;

pub use arg::Arg;
pub use error::SqlError;
pub use migrate::Schema;
pub use open::Settings;
pub use pool::{Engine, Pool, Transaction};
pub use retry::{Conflict, retry};
pub use row::Row;
pub use run::Done;
pub use sqlx::migrate::Migrator;
pub use sqlx::{AssertSqlSafe, SqlSafeStr};
