//! Tombstones are not kept for ever: the old ones go, and the folder remembers
//! from which change on it can still tell what vanished.

use std::collections::BTreeMap;

use sql::{Arg, AssertSqlSafe, Row, args, retry};

use crate::list::{MAX_LIST, padded, placeholders};
use crate::{Index, IndexError, MAX_ROWS, MailboxId, Uid};

/// The UIDs of tombstones in a folder, and the last change among them.
type Pieces = BTreeMap<MailboxId, (Vec<Uid>, i64)>;

impl Index {
    /// Removes up to [`MAX_ROWS`] tombstones from before `before` (seconds since
    /// 1970), in one transaction, and returns how many went. One that owes an
    /// unlink stays.
    ///
    /// # Errors
    ///
    /// As any statement; nothing is removed then.
    pub async fn purge_tombstones(&self, before: i64) -> Result<usize, IndexError> {
        self.ready().await?;
        let text = "SELECT mailbox_id, uid, modseq FROM vanished WHERE at < ? AND unlink_owed = 0 ORDER BY at LIMIT ?";
        let most = i64::try_from(MAX_ROWS).unwrap_or(1000);
        let read = |row: &Row| Ok((row.int(0)?, row.int(1)?, row.int(2)?));
        let found = self.pool.fetch_all(text, args![before, most], read).await?;
        let mut pieces = Pieces::new();
        let mut count = 0;
        for (mailbox, uid, modseq) in found {
            let Some(uid) = Uid::from_sql(uid) else { continue };
            let (uids, last) = pieces.entry(MailboxId::new(mailbox)).or_default();
            uids.push(uid);
            *last = modseq.max(*last);
            count += 1;
        }
        if count > 0 {
            retry(|| self.purge_pieces(&pieces)).await?;
        }
        Ok(count)
    }

    /// Folders are locked in the order of their ids; one that is deleted
    /// meanwhile has no row, and its tombstones go all the same.
    async fn purge_pieces(&self, pieces: &Pieces) -> Result<(), IndexError> {
        let mut tx = self.pool.begin().await?;
        for (id, (_, last)) in pieces {
            let text = "UPDATE mailbox SET vanished_floor = CASE WHEN vanished_floor < ? THEN ? ELSE vanished_floor END \
                 WHERE id = ?";
            tx.execute(text, args![*last, *last, id.number()]).await?;
        }
        for (id, (uids, _)) in pieces {
            for piece in uids.chunks(MAX_LIST) {
                let mut values = vec![Arg::Int(id.number())];
                values.extend(padded(piece.iter().map(|uid| Arg::from(uid.get()))));
                let marks = placeholders(values.len() - 1);
                let text =
                    format!("DELETE FROM vanished WHERE mailbox_id = ? AND unlink_owed = 0 AND uid IN ({marks})");
                tx.execute(AssertSqlSafe(text), &values).await?;
            }
        }
        Ok(tx.commit().await?)
    }
}
