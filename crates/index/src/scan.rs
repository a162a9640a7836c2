//! What a scan of a folder compares the directory with.

use sql::{Row, args};
use uidlist::BaseName;

use crate::folder::{self, FolderRow};
use crate::view::read_known;
use crate::{AccountId, Index, IndexError, MailboxId, Message, Uid};

/// A message with its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The message.
    pub message: Message,
    /// Its file's name without flags.
    pub base: BaseName,
    /// The letters that the file's name is believed to have.
    pub letters: uidlist::Flags,
}

/// All that the index knows of a folder's files.
#[derive(Debug, Clone)]
pub struct KnownFolder {
    /// The folder's row.
    pub folder: FolderRow,
    /// Its messages by ascending UID.
    pub messages: Vec<Known>,
    /// Files that we owe an unlink.
    pub owed: Vec<(Uid, BaseName)>,
}

/// A file whose name says something else than was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskChange {
    /// The message.
    pub uid: Uid,
    /// The letters that the name has.
    pub letters: uidlist::Flags,
}

impl Index {
    /// All files that the folder should have, as of one moment.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchRow`] where it is not this account's or is gone.
    pub async fn known_files(&self, account: AccountId, id: MailboxId) -> Result<KnownFolder, IndexError> {
        self.known_files_after(account, id, 0).await
    }

    /// Those of [`Index::known_files`] whose UID is above `after`.
    ///
    /// # Errors
    ///
    /// As [`Index::known_files`].
    pub async fn known_files_after(
        &self,
        account: AccountId,
        id: MailboxId,
        after: u32,
    ) -> Result<KnownFolder, IndexError> {
        self.ready().await?;
        let mut tx = self.pool.begin_read().await?;
        let folder = folder::row(&mut tx, id).await?;
        if folder.account != account {
            return Err(IndexError::NoSuchRow);
        }
        let text = "SELECT uid, modseq, flags, keywords, size, wsize, internal_secs, internal_offset, base, \
             disk_flags FROM message WHERE mailbox_id = ? AND uid > ? ORDER BY uid";
        let messages = tx.fetch_all(text, args![id.number(), after], read_known).await?.into_iter().flatten().collect();
        let text = "SELECT uid, base FROM vanished WHERE mailbox_id = ? AND unlink_owed = 1";
        let read_owed = |row: &Row| Ok(Uid::from_sql(row.int(0)?).zip(BaseName::new(row.bytes(1)?).ok()));
        let owed = tx.fetch_all(text, args![id.number()], read_owed).await?.into_iter().flatten().collect();
        tx.rollback().await?;
        Ok(KnownFolder { folder, messages, owed })
    }

    /// The message that has this base name, where there is one.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn uid_of(&self, id: MailboxId, base: &BaseName) -> Result<Option<Uid>, IndexError> {
        self.ready().await?;
        let text = "SELECT uid FROM message WHERE mailbox_id = ? AND base = ?";
        let values = args![id.number(), base.as_bytes()];
        let found = self.pool.fetch_optional(text, values, |row| Ok(Uid::from_sql(row.int(0)?))).await?;
        Ok(found.flatten())
    }

    /// Whether a base name has a row or a tombstone in a folder.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn knows(&self, id: MailboxId, base: &BaseName) -> Result<bool, IndexError> {
        self.ready().await?;
        let text = "SELECT uid FROM message WHERE mailbox_id = ? AND base = ? \
             UNION ALL SELECT uid FROM vanished WHERE mailbox_id = ? AND base = ?";
        let values = args![id.number(), base.as_bytes(), id.number(), base.as_bytes()];
        Ok(!self.pool.fetch_all(text, values, |row| row.int(0)).await?.is_empty())
    }
}
