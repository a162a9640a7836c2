//! The index itself: its pool, its ids, its committer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mail::IdSource;
use sql::{Engine, Pool, Row, Schema, SqlError};
use tokio::sync::OnceCell;

use crate::committer::Committer;
use crate::{IndexError, NewMessage, Outcome};

/// How long a database that was away is not asked again for its schema.
const PAUSE: Duration = Duration::from_millis(500);

/// The index. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) pool: Pool,
    ids: Arc<IdSource>,
    migrated: Arc<OnceCell<()>>,
    /// When the schema was asked for in vain.
    refused: Arc<Mutex<Option<Instant>>>,
    committer: Committer,
}

impl Index {
    /// The index in this database, for a node numbered 0 to 1023. Nothing is
    /// asked yet: a database that is away is used as soon as it is there, and
    /// its schema is brought up to date before the first statement. Starts the
    /// committer on the runtime it is called in.
    #[must_use]
    pub fn open(pool: Pool, node: u16) -> Self {
        let committer = Committer::start(pool.clone());
        // A command beside the server is another process and makes ids too.
        let ids = Arc::new(IdSource::starting(node, std::process::id()));
        Self { pool, ids, migrated: Arc::default(), refused: Arc::default(), committer }
    }

    /// Inserts rows for new messages, together with what others insert at the
    /// moment, and returns when they are durable: for each message its UID.
    ///
    /// A base name that has a row or a tombstone in its folder gets no second
    /// one, so the same messages may be handed in again after an error.
    ///
    /// # Errors
    ///
    /// [`IndexError`]; whether the rows were inserted is then not known.
    pub async fn commit(&self, messages: Vec<NewMessage>) -> Result<Vec<Outcome>, IndexError> {
        self.ready().await?;
        self.committer.commit(messages).await
    }

    /// Whether a delivery may begin: asks the database only where the last
    /// commit failed, and then by writing, since one that is full or read-only
    /// still answers.
    ///
    /// # Errors
    ///
    /// [`IndexError`] where the database is away.
    pub async fn is_there(&self) -> Result<(), IndexError> {
        self.ready().await?;
        if self.committer.failed_last() {
            self.pool.execute("UPDATE generation SET number = number + 0 WHERE one = 1", &[]).await?;
        }
        Ok(())
    }

    /// The file of the database, where it is one of SQLite on this machine.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn file(&self) -> Result<Option<PathBuf>, IndexError> {
        if self.pool.engine() != Engine::Sqlite {
            return Ok(None);
        }
        let read = |row: &Row| Ok((row.text(1)? == "main").then(|| PathBuf::from(row.text(2).unwrap_or_default())));
        let files = self.pool.fetch_all("PRAGMA database_list", &[], read).await?;
        Ok(files.into_iter().flatten().find(|file| !file.as_os_str().is_empty()))
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Brings the schema up to date, once. One at a time tries it; where the
    /// database is away those who waited for him do not each wait anew.
    pub(crate) async fn ready(&self) -> Result<(), IndexError> {
        let migrate = || async {
            let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.is_some_and(|at| at.elapsed() < PAUSE) {
                return Err(SqlError::Away(sqlx::Error::PoolTimedOut));
            }
            let migrated = self.pool.migrate(&schema()).await;
            if migrated.is_err() {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            }
            migrated
        };
        self.migrated.get_or_try_init(migrate).await?;
        Ok(())
    }

    /// A new id for a row.
    pub(crate) fn new_id(&self, now_secs: i64) -> i64 {
        self.ids.next(u64::try_from(now_secs).unwrap_or(0).saturating_mul(1000))
    }
}

fn schema() -> Schema {
    Schema::new(
        "_gatepost_index_migrations",
        sqlx::migrate!("../../schema/index/mysql"),
        sqlx::migrate!("../../schema/index/sqlite"),
    )
}
