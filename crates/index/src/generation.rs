//! Whether this database is older than what was told to clients: after a
//! restore, numbers jump instead of being used twice.

use sql::{args, retry};

use crate::account::{from_sql, to_sql};
use crate::{Index, IndexError};

/// How far UIDs jump.
const UID_JUMP: i64 = 1_000_000;
/// How far MODSEQs jump.
const MODSEQ_JUMP: i64 = 1 << 32;

/// What [`Index::begin_generation`] began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// Whether all numbers jumped, since the database was older than the file.
    pub jumped: bool,
}

impl Index {
    /// Begins a new generation, given the number that stands in the file
    /// beside the Maildirs (0 without one), and returns the number to write
    /// there. Where the file is ahead, the numbers of all folders jump.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn begin_generation(&self, in_file: u64) -> Result<Generation, IndexError> {
        self.ready().await?;
        retry(|| async {
            let mut tx = self.pool.begin().await?;
            let raised = tx.execute("UPDATE generation SET number = number + 1 WHERE one = 1", &[]).await?;
            if raised.rows == 0 {
                // A restore that left it out: without the row numbers would
                // jump each time.
                tx.execute("INSERT INTO generation (one, number) VALUES (1, 1)", &[]).await?;
            }
            let ours = tx.fetch_optional("SELECT number FROM generation WHERE one = 1", &[], |row| row.int(0)).await?;
            let ours = from_sql(ours.unwrap_or(1));
            let mut next = Generation { number: ours, jumped: false };
            if in_file >= ours {
                tracing::warn!(in_file, ours, "the index is older than the mail: UIDs and MODSEQs jump");
                next = Generation { number: in_file.saturating_add(1), jumped: true };
                let jump = "UPDATE mailbox SET uidnext = uidnext + ?, modseq = modseq + ?";
                tx.execute(jump, args![UID_JUMP, MODSEQ_JUMP]).await?;
                tx.execute("UPDATE generation SET number = ? WHERE one = 1", args![to_sql(next.number)]).await?;
            }
            tx.commit().await?;
            Ok(next)
        })
        .await
    }

    /// The number of the generation; 0 where there is none.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn generation(&self) -> Result<u64, IndexError> {
        self.ready().await?;
        let text = "SELECT number FROM generation WHERE one = 1";
        Ok(from_sql(self.pool.fetch_optional(text, &[], |row| row.int(0)).await?.unwrap_or(0)))
    }

    /// Makes the numbers of one folder jump: its sidecar file names UIDs up to
    /// `last` that the index has not given out. No later look finds it so again.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn jump(&self, mailbox: crate::MailboxId, last: u32) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mailbox SET uidnext = CASE WHEN uidnext + ? > ? THEN uidnext + ? ELSE ? END, \
             modseq = modseq + ? WHERE id = ?";
        let (last, id) = (i64::from(last), mailbox.number());
        let values = args![UID_JUMP, last, UID_JUMP, last + 1, MODSEQ_JUMP, id];
        retry(|| async { self.pool.execute(text, values).await }).await?;
        Ok(())
    }
}
