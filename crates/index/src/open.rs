//! The index itself: its pool, its ids, its committer.

use std::sync::Arc;

use mail::IdSource;
use sql::{Pool, Schema};
use tokio::sync::OnceCell;

use crate::committer::Committer;
use crate::{IndexError, NewMessage, Outcome};

/// The index. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Index {
    pub(crate) pool: Pool,
    ids: Arc<IdSource>,
    migrated: Arc<OnceCell<()>>,
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
        Self { pool, ids: Arc::new(IdSource::new(node)), migrated: Arc::default(), committer }
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

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Brings the schema up to date, once.
    pub(crate) async fn ready(&self) -> Result<(), IndexError> {
        let migrate = || async { self.pool.migrate(&schema()).await };
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
