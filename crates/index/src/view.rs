//! What a session reads: a folder with all its messages, and what changed in
//! it since.

use sql::{Arg, AssertSqlSafe, Row, SqlError, args};
use uidlist::BaseName;

use crate::account::{from_sql, to_sql};
use crate::folder::{self, FolderRow};
use crate::list::{MAX_LIST, padded, placeholders};
use crate::{AccountId, Flags, Index, IndexError, InternalDate, KeywordSet, Known, MailboxId, Message, ModSeq, Uid};

/// A folder at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its row.
    pub folder: FolderRow,
    /// Its messages by ascending UID.
    pub messages: Vec<Message>,
}

/// What changed in a folder.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Its row.
    pub folder: FolderRow,
    /// New messages and those with other flags, by ascending UID.
    pub messages: Vec<Message>,
    /// Those that are gone, by ascending UID.
    pub vanished: Vec<Uid>,
}

impl Index {
    /// The folder with all messages, as of one moment.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchRow`] where it is not this account's or is gone.
    pub async fn snapshot(&self, account: AccountId, id: MailboxId) -> Result<Snapshot, IndexError> {
        let changed = self.read_since(account, id, None).await?;
        Ok(Snapshot { folder: changed.folder, messages: changed.messages })
    }

    /// What changed after `since`.
    ///
    /// # Errors
    ///
    /// As [`Index::snapshot`].
    pub async fn changed_since(&self, account: AccountId, id: MailboxId, since: ModSeq) -> Result<Changed, IndexError> {
        self.read_since(account, id, Some(since)).await
    }

    async fn read_since(
        &self,
        account: AccountId,
        id: MailboxId,
        since: Option<ModSeq>,
    ) -> Result<Changed, IndexError> {
        self.ready().await?;
        let mut tx = self.pool.begin_read().await?;
        let folder = folder::row(&mut tx, id).await?;
        if folder.account != account {
            return Err(IndexError::NoSuchRow);
        }
        let mut changed = Changed { folder, messages: Vec::new(), vanished: Vec::new() };
        if since.is_some_and(|since| since >= changed.folder.modseq) {
            return Ok(changed);
        }
        // MODSEQs begin at 1, so a whole reading asks for those above 0.
        let after = args![id.number(), since.unwrap_or_default().to_sql()];
        let text = "SELECT uid, modseq, flags, keywords, size, wsize, internal_secs, internal_offset FROM message \
             WHERE mailbox_id = ? AND modseq > ? ORDER BY uid";
        changed.messages = tx.fetch_all(text, after, read_message).await?.into_iter().flatten().collect();
        if since.is_some() {
            let text = "SELECT uid FROM vanished WHERE mailbox_id = ? AND modseq > ? ORDER BY uid";
            let gone = tx.fetch_all(text, after, |row| Ok(Uid::from_sql(row.int(0)?))).await?;
            changed.vanished = gone.into_iter().flatten().collect();
        }
        tx.rollback().await?;
        Ok(changed)
    }

    /// Those of these messages that are there, with their files' names, by
    /// ascending UID.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn messages(&self, id: MailboxId, uids: &[Uid]) -> Result<Vec<Known>, IndexError> {
        self.ready().await?;
        let mut found = Vec::with_capacity(uids.len());
        for piece in uids.chunks(MAX_LIST) {
            let mut values = vec![Arg::Int(id.number())];
            values.extend(padded(piece.iter().map(|uid| Arg::from(uid.get()))));
            let text = format!(
                "SELECT uid, modseq, flags, keywords, size, wsize, internal_secs, internal_offset, base, disk_flags \
                 FROM message WHERE mailbox_id = ? AND uid IN ({})",
                placeholders(values.len() - 1)
            );
            found.extend(self.pool.fetch_all(AssertSqlSafe(text), &values, read_known).await?.into_iter().flatten());
        }
        found.sort_unstable_by_key(|known| known.message.uid);
        found.dedup_by_key(|known| known.message.uid);
        Ok(found)
    }
}

/// A row that people spoilt is left out rather than ending every session.
pub(crate) fn read_message(row: &Row) -> Result<Option<Message>, SqlError> {
    let Some(uid) = Uid::from_sql(row.int(0)?) else { return Ok(None) };
    Ok(Some(Message {
        uid,
        modseq: ModSeq::from_sql(row.int(1)?),
        flags: Flags::from_bits(u8::try_from(row.int(2)?).unwrap_or(0)),
        keywords: KeywordSet::from_bits(from_sql(row.int(3)?)),
        size: from_sql(row.int(4)?),
        wsize: from_sql(row.int(5)?),
        internal_date: InternalDate { secs: row.int(6)?, offset_minutes: i16::try_from(row.int(7)?).unwrap_or(0) },
    }))
}

/// [`read_message`], with base name and letters behind it.
pub(crate) fn read_known(row: &Row) -> Result<Option<Known>, SqlError> {
    let (Some(message), Ok(base)) = (read_message(row)?, BaseName::new(row.bytes(8)?)) else { return Ok(None) };
    Ok(Some(Known { message, base, letters: letters(row.int(9)?) }))
}

pub(crate) fn letters(column: i64) -> uidlist::Flags {
    uidlist::Flags::from_bits(from_sql(column))
}

pub(crate) fn letters_to_sql(letters: uidlist::Flags) -> i64 {
    to_sql(letters.bits())
}
