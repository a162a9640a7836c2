//! Folders: the rows that are the locks and hold the counters.

use sql::{Row, SqlError, Transaction, args, retry};

use crate::account::{from_sql, to_sql};
use crate::{AccountId, Index, IndexError, Keyword, MAX_ROWS, MailboxId, ModSeq, SpecialUse, UidValidity};

/// A folder as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRow {
    /// Its id.
    pub id: MailboxId,
    /// Whose it is.
    pub account: AccountId,
    /// Its name in UTF-8.
    pub shown_name: String,
    /// Its folder in the Maildir, empty for INBOX.
    pub disk_name: String,
    /// See [`UidValidity`].
    pub uid_validity: UidValidity,
    /// The UID that the next message gets, at least.
    pub uid_next: u32,
    /// The last change.
    pub modseq: ModSeq,
    /// UIDs from here on were shown to no session as `\Recent`.
    pub first_recent: u32,
    /// How many messages it has.
    pub messages: u64,
    /// The bytes of their files.
    pub bytes: u64,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Its keywords; the n-th is bit n of a message's set.
    pub keywords: Vec<Keyword>,
    /// Whether what was on disk when the row was made is in.
    pub adopted: bool,
    /// No UID from here on is given out before [`Index::promise_uids`].
    pub uid_promised: u32,
    /// Tombstones of changes up to here may be gone: who knows the folder from
    /// before cannot be told what vanished.
    pub vanished_floor: ModSeq,
}

/// A folder that is to be made.
#[derive(Debug, Clone)]
pub struct NewFolder<'a> {
    /// Whose.
    pub account: AccountId,
    /// Its name in UTF-8.
    pub shown_name: &'a str,
    /// Its folder in the Maildir.
    pub disk_name: &'a str,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// UIDVALIDITY and next UID of a folder that was numbered before.
    pub numbered: Option<(UidValidity, u32)>,
    /// Its keywords, where it had some before.
    pub keywords: &'a [Keyword],
}

/// What STATUS counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Messages.
    pub messages: u64,
    /// Without `\Seen`.
    pub unseen: u64,
    /// With `\Deleted`.
    pub deleted: u64,
    /// Not yet shown as `\Recent`.
    pub recent: u64,
    /// Bytes on the wire.
    pub size: u64,
}

/// Selects the columns of [`read`]; `concat!` gives each use one constant text.
macro_rules! select_folder {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, shown_name, disk_name, uidvalidity, uidnext, modseq, first_recent, messages, bytes, \
             special_use, keywords, adopted, uid_promised, vanished_floor FROM mailbox ",
            $rest
        )
    };
}

impl Index {
    /// The folder of this name.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn folder_by_name(&self, account: AccountId, name: &str) -> Result<Option<FolderRow>, IndexError> {
        self.ready().await?;
        let text = select_folder!("WHERE account_id = ? AND shown_name = ?");
        Ok(self.pool.fetch_optional(text, args![account.number(), name], read).await?)
    }

    /// The folder that has this directory in the Maildir.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn folder_by_disk(&self, account: AccountId, disk: &str) -> Result<Option<FolderRow>, IndexError> {
        self.ready().await?;
        let text = select_folder!("WHERE account_id = ? AND disk_name = ?");
        Ok(self.pool.fetch_optional(text, args![account.number(), disk], read).await?)
    }

    /// The folder with this special use, the oldest of several.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn folder_for(&self, account: AccountId, use_: SpecialUse) -> Result<Option<FolderRow>, IndexError> {
        self.ready().await?;
        let text = select_folder!("WHERE account_id = ? AND special_use = ? ORDER BY id LIMIT 1");
        Ok(self.pool.fetch_optional(text, args![account.number(), use_.attribute()], read).await?)
    }

    /// The folder of this id, if it is this account's.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchRow`], and as any statement.
    pub async fn folder(&self, account: AccountId, id: MailboxId) -> Result<FolderRow, IndexError> {
        self.ready().await?;
        let text = select_folder!("WHERE id = ? AND account_id = ?");
        let found = self.pool.fetch_optional(text, args![id.number(), account.number()], read).await?;
        found.ok_or(IndexError::NoSuchRow)
    }

    /// The folder of this id, whosever it is.
    ///
    /// # Errors
    ///
    /// As [`Index::folder`].
    pub async fn folder_by_id(&self, id: MailboxId) -> Result<FolderRow, IndexError> {
        self.ready().await?;
        let found = self.pool.fetch_optional(select_folder!("WHERE id = ?"), args![id.number()], read).await?;
        found.ok_or(IndexError::NoSuchRow)
    }

    /// All folders of an account, sorted by the bytes of their names.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn folders(&self, account: AccountId) -> Result<Vec<FolderRow>, IndexError> {
        self.ready().await?;
        let text = select_folder!("WHERE account_id = ? ORDER BY shown_name");
        Ok(self.pool.fetch_all(text, args![account.number()], read).await?)
    }

    /// Makes a folder. A UIDVALIDITY that is not given is one that no folder
    /// of the account had.
    ///
    /// # Errors
    ///
    /// [`IndexError::Exists`], [`IndexError::NoSuchRow`] without the account, or
    /// where it was removed.
    pub async fn create_folder(&self, new: &NewFolder<'_>, now: i64) -> Result<FolderRow, IndexError> {
        self.ready().await?;
        let id = MailboxId::new(self.new_id(now));
        let made = retry(|| async {
            let mut tx = self.pool.begin().await?;
            let made = insert_folder(&mut tx, new, id, now).await?;
            tx.commit().await?;
            Ok(made)
        })
        .await;
        match made {
            Err(IndexError::Sql(SqlError::Duplicate(_))) => Err(IndexError::Exists),
            other => other,
        }
    }

    /// Gives folders other names, all or none.
    ///
    /// # Errors
    ///
    /// [`IndexError::Exists`] where a name is taken.
    pub async fn rename_folders(
        &self,
        account: AccountId,
        renames: &[(MailboxId, String, String)],
    ) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mailbox SET shown_name = ?, disk_name = ? WHERE id = ? AND account_id = ?";
        let done = retry(|| async {
            let mut tx = self.pool.begin().await?;
            for (id, shown, disk) in renames {
                tx.execute(text, args![shown, disk, id.number(), account.number()]).await?;
            }
            tx.commit().await
        })
        .await;
        match done {
            Err(SqlError::Duplicate(_)) => Err(IndexError::Exists),
            other => Ok(other?),
        }
    }

    /// Removes a folder's row, then those of its messages in pieces.
    ///
    /// # Errors
    ///
    /// As any statement; after the first the folder is gone for everybody.
    pub async fn delete_folder(&self, account: AccountId, id: MailboxId) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "DELETE FROM mailbox WHERE id = ? AND account_id = ?";
        let done = retry(|| async { self.pool.execute(text, args![id.number(), account.number()]).await }).await?;
        if done.rows == 0 {
            return Err(IndexError::NoSuchRow);
        }
        let pieces = [
            (
                "SELECT uid FROM message WHERE mailbox_id = ? ORDER BY uid LIMIT ?",
                "DELETE FROM message WHERE mailbox_id = ? AND uid <= ?",
            ),
            (
                "SELECT uid FROM vanished WHERE mailbox_id = ? ORDER BY uid LIMIT ?",
                "DELETE FROM vanished WHERE mailbox_id = ? AND uid <= ?",
            ),
        ];
        for (select, delete) in pieces {
            let piece = i64::try_from(MAX_ROWS).unwrap_or(1000);
            loop {
                let uids = self.pool.fetch_all(select, args![id.number(), piece], |row| row.int(0)).await?;
                let Some(last) = uids.last() else { break };
                retry(|| async { self.pool.execute(delete, args![id.number(), *last]).await }).await?;
            }
        }
        Ok(())
    }

    /// Notes that what was on disk when the row was made is in.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn set_adopted(&self, id: MailboxId) -> Result<(), IndexError> {
        let text = "UPDATE mailbox SET adopted = 1 WHERE id = ?";
        retry(|| async { self.pool.execute(text, args![id.number()]).await }).await?;
        Ok(())
    }

    /// Notes that the folder's sidecar file says, durably, that `next` is the
    /// next UID: those below may be given out. Never takes a promise back.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn promise_uids(&self, id: MailboxId, next: u32) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mailbox SET uid_promised = ? WHERE id = ? AND uid_promised < ?";
        retry(|| async { self.pool.execute(text, args![next, id.number(), next]).await }).await?;
        Ok(())
    }

    /// Takes the `\Recent` messages for one session: from `first_recent` up to
    /// `uid_next`, both as the session saw them. Tells whether it got them;
    /// where not, another session did.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn claim_recent(&self, seen: &FolderRow) -> Result<bool, IndexError> {
        let text = "UPDATE mailbox SET first_recent = ? WHERE id = ? AND first_recent = ?";
        let values = args![seen.uid_next, seen.id.number(), seen.first_recent];
        let done = retry(|| async { self.pool.execute(text, values).await }).await?;
        Ok(done.rows > 0)
    }

    /// What STATUS counts.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn totals(&self, folder: &FolderRow) -> Result<Totals, IndexError> {
        self.ready().await?;
        let text = "SELECT COUNT(*), \
             CAST(COALESCE(SUM(CASE WHEN (flags & 16) = 0 THEN 1 ELSE 0 END), 0) AS SIGNED), \
             CAST(COALESCE(SUM(CASE WHEN (flags & 32) <> 0 THEN 1 ELSE 0 END), 0) AS SIGNED), \
             CAST(COALESCE(SUM(CASE WHEN uid >= ? THEN 1 ELSE 0 END), 0) AS SIGNED), \
             CAST(COALESCE(SUM(wsize), 0) AS SIGNED) FROM message WHERE mailbox_id = ?";
        let read = |row: &Row| {
            Ok(Totals {
                messages: from_sql(row.int(0)?),
                unseen: from_sql(row.int(1)?),
                deleted: from_sql(row.int(2)?),
                recent: from_sql(row.int(3)?),
                size: from_sql(row.int(4)?),
            })
        };
        let values = args![folder.first_recent, folder.id.number()];
        Ok(self.pool.fetch_optional(text, values, read).await?.unwrap_or_default())
    }
}

/// Takes the next MODSEQ, which locks the folder, and reads the row.
pub(crate) async fn lock(tx: &mut Transaction, id: MailboxId) -> Result<FolderRow, IndexError> {
    let text = "UPDATE mailbox SET modseq = modseq + 1 WHERE id = ?";
    if tx.execute(text, args![id.number()]).await?.rows == 0 {
        return Err(IndexError::NoSuchRow);
    }
    row(tx, id).await
}

/// Reads the row within a transaction.
pub(crate) async fn row(tx: &mut Transaction, id: MailboxId) -> Result<FolderRow, IndexError> {
    let found = tx.fetch_optional(select_folder!("WHERE id = ?"), args![id.number()], read).await?;
    found.ok_or(IndexError::NoSuchRow)
}

/// The positions of these keywords in a folder that is locked; new ones are
/// added to its list.
pub(crate) async fn resolve_keywords(
    tx: &mut Transaction,
    folder: &mut FolderRow,
    wanted: &[Keyword],
) -> Result<crate::KeywordSet, IndexError> {
    let before = folder.keywords.len();
    let mut bits = 0;
    for keyword in wanted {
        let at = folder.keywords.iter().position(|known| known == keyword).unwrap_or_else(|| {
            folder.keywords.push(keyword.clone());
            folder.keywords.len() - 1
        });
        if at >= crate::KeywordSet::MAX {
            return Err(IndexError::TooManyKeywords);
        }
        bits |= 1 << at;
    }
    if folder.keywords.len() > before {
        let text = "UPDATE mailbox SET keywords = ? WHERE id = ?";
        tx.execute(text, args![&joined(&folder.keywords), folder.id.number()]).await?;
    }
    Ok(crate::KeywordSet::from_bits(bits))
}

async fn insert_folder(
    tx: &mut Transaction,
    new: &NewFolder<'_>,
    id: MailboxId,
    now: i64,
) -> Result<FolderRow, IndexError> {
    let account = new.account.number();
    let (validity, next) = match new.numbered {
        Some((validity, next)) => (i64::from(validity.0), next),
        None => (now.clamp(1, i64::from(u32::MAX)), 1),
    };
    let (raise, then) = if new.numbered.is_some() { (0, 0) } else { (1, 1) };
    let text = "UPDATE mail_account SET last_uidvalidity = \
         CASE WHEN last_uidvalidity + ? > ? THEN last_uidvalidity + ? ELSE ? END WHERE id = ? AND state = 0";
    if tx.execute(text, args![raise, validity, then, validity, account]).await?.rows == 0 {
        return Err(IndexError::NoSuchRow);
    }
    let text = "SELECT last_uidvalidity FROM mail_account WHERE id = ?";
    let last = tx.fetch_optional(text, args![account], |row| row.int(0)).await?.unwrap_or(validity);
    let validity = if new.numbered.is_some() { validity } else { last };
    let text = "INSERT INTO mailbox (id, account_id, shown_name, disk_name, uidvalidity, uidnext, first_recent, \
         special_use, keywords, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let words = joined(new.keywords);
    let use_ = new.special_use.map(SpecialUse::attribute);
    let values =
        args![id.number(), account, new.shown_name, new.disk_name, validity, next, next, use_, words.as_str(), now];
    tx.execute(text, values).await?;
    row(tx, id).await
}

fn joined(keywords: &[Keyword]) -> String {
    keywords.iter().take(crate::KeywordSet::MAX).map(Keyword::as_str).collect::<Vec<_>>().join(" ")
}

fn read(row: &Row) -> Result<FolderRow, SqlError> {
    let narrow = |number: i64| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    Ok(FolderRow {
        id: MailboxId::new(row.int(0)?),
        account: AccountId::new(row.int(1)?),
        shown_name: row.text(2)?.to_owned(),
        disk_name: row.text(3)?.to_owned(),
        uid_validity: UidValidity(narrow(row.int(4)?)),
        uid_next: narrow(row.int(5)?),
        modseq: ModSeq::from_sql(row.int(6)?),
        first_recent: narrow(row.int(7)?),
        messages: from_sql(row.int(8)?),
        bytes: from_sql(row.int(9)?),
        special_use: row.opt_text(10)?.and_then(SpecialUse::parse),
        keywords: row.text(11)?.split_ascii_whitespace().filter_map(Keyword::new).collect(),
        adopted: row.int(12)? != 0,
        uid_promised: u32::try_from(row.int(13)?.max(0)).unwrap_or(u32::MAX),
        vanished_floor: ModSeq::from_sql(row.int(14)?),
    })
}

/// Takes messages and bytes off the counters of a folder that is locked.
pub(crate) async fn shrink(tx: &mut Transaction, id: MailboxId, messages: u64, bytes: u64) -> Result<(), IndexError> {
    let text = "UPDATE mailbox SET messages = messages - ?, bytes = bytes - ? WHERE id = ?";
    tx.execute(text, args![to_sql(messages), to_sql(bytes), id.number()]).await?;
    Ok(())
}
