//! Messages that go: the row becomes a tombstone, so that clients are told and
//! an owed unlink is not forgotten.

use sql::{Arg, AssertSqlSafe, Transaction, args, retry};
use uidlist::BaseName;

use crate::flags::rows;
use crate::folder::{lock, shrink};
use crate::list::{MAX_LIST, padded, placeholders};
use crate::view::read_known;
use crate::{Flags, Index, IndexError, Known, MailboxId, Uid};

/// Which messages go.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// All with `\Deleted`; their files are to be unlinked.
    Deleted,
    /// Those among these with `\Deleted`; their files are to be unlinked.
    DeletedAmong(&'a [Uid]),
    /// These; their files are to be unlinked.
    These(&'a [Uid]),
    /// These, whose files another program took away: nothing is owed.
    Lost(&'a [Uid]),
}

/// A message that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its number.
    pub uid: Uid,
    /// Its file.
    pub base: BaseName,
    /// The letters that the file's name is believed to have.
    pub letters: uidlist::Flags,
}

impl Index {
    /// Turns rows into tombstones, in transactions of at most 512, and returns
    /// what went, by ascending UID.
    ///
    /// # Errors
    ///
    /// As any statement; earlier pieces are then done, and those files that
    /// were owed an unlink are found by the next scan.
    pub async fn remove(&self, id: MailboxId, which: Which<'_>, now: i64) -> Result<Vec<Removed>, IndexError> {
        self.ready().await?;
        let mut all: Vec<Removed> = Vec::new();
        match which {
            Which::Deleted => loop {
                let piece = retry(|| self.remove_piece(id, Which::Deleted, now)).await?;
                let last = piece.len() < MAX_LIST;
                all.extend(piece);
                if last {
                    break;
                }
            },
            Which::DeletedAmong(uids) | Which::These(uids) | Which::Lost(uids) => {
                for piece in uids.chunks(MAX_LIST) {
                    let piece = which.of(piece);
                    all.extend(retry(|| self.remove_piece(id, piece, now)).await?);
                }
            }
        }
        all.sort_unstable_by_key(|removed| removed.uid);
        Ok(all)
    }

    async fn remove_piece(&self, id: MailboxId, which: Which<'_>, now: i64) -> Result<Vec<Removed>, IndexError> {
        let mut tx = self.pool.begin().await?;
        let folder = lock(&mut tx, id).await?;
        let going = going(&mut tx, id, which).await?;
        if going.is_empty() {
            tx.rollback().await?;
            return Ok(Vec::new());
        }
        shrink(&mut tx, id, going.len() as u64, going.iter().map(|known| known.message.size).sum()).await?;
        let owed = i64::from(!matches!(which, Which::Lost(_)));
        for known in &going {
            let text =
                "INSERT INTO vanished (mailbox_id, uid, base, modseq, unlink_owed, at) VALUES (?, ?, ?, ?, ?, ?)";
            let base = known.base.as_bytes();
            let values = args![id.number(), known.message.uid.get(), base, folder.modseq.to_sql(), owed, now];
            tx.execute(text, values).await?;
        }
        let mut values = vec![Arg::Int(id.number())];
        values.extend(padded(going.iter().map(|known| Arg::from(known.message.uid.get()))));
        let marks = placeholders(values.len() - 1);
        let text = format!("DELETE FROM message WHERE mailbox_id = ? AND uid IN ({marks})");
        tx.execute(AssertSqlSafe(text), &values).await?;
        tx.commit().await?;
        let removed = |known: Known| Removed { uid: known.message.uid, base: known.base, letters: known.letters };
        Ok(going.into_iter().map(removed).collect())
    }

    /// Notes that the files of these tombstones are unlinked, durably.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn unlinked(&self, id: MailboxId, uids: &[Uid]) -> Result<(), IndexError> {
        self.ready().await?;
        for piece in uids.chunks(MAX_LIST) {
            let mut values = vec![Arg::Int(id.number())];
            values.extend(padded(piece.iter().map(|uid| Arg::from(uid.get()))));
            let text = format!(
                "UPDATE vanished SET unlink_owed = 0 WHERE mailbox_id = ? AND uid IN ({})",
                placeholders(values.len() - 1)
            );
            retry(|| async { self.pool.execute(AssertSqlSafe(text.clone()), &values).await }).await?;
        }
        Ok(())
    }
}

impl<'a> Which<'a> {
    fn of(self, piece: &'a [Uid]) -> Self {
        match self {
            Self::Deleted => Self::Deleted,
            Self::DeletedAmong(_) => Self::DeletedAmong(piece),
            Self::These(_) => Self::These(piece),
            Self::Lost(_) => Self::Lost(piece),
        }
    }
}

async fn going(tx: &mut Transaction, id: MailboxId, which: Which<'_>) -> Result<Vec<Known>, IndexError> {
    let deleted = |known: &Known| known.message.flags.has(Flags::DELETED);
    match which {
        Which::Deleted => {
            let text = "SELECT uid, modseq, flags, keywords, size, wsize, internal_secs, internal_offset, base, \
                 disk_flags FROM message WHERE mailbox_id = ? AND (flags & 32) <> 0 ORDER BY uid LIMIT ?";
            let limit = i64::try_from(MAX_LIST).unwrap_or(1);
            let found = tx.fetch_all(text, args![id.number(), limit], read_known).await?;
            Ok(found.into_iter().flatten().collect())
        }
        Which::DeletedAmong(uids) => {
            let mut found = rows(tx, id, uids).await?;
            found.retain(deleted);
            Ok(found)
        }
        Which::These(uids) | Which::Lost(uids) => rows(tx, id, uids).await,
    }
}
