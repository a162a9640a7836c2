//! Accounts in the index: found by their key in the directory, never renamed
//! on disk.

use mail::Address;
use sql::{Row, SqlError, args, retry};

use crate::{AccountId, Index, IndexError};

/// An account as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its address in normal form, as last seen.
    pub address: String,
    /// Its Maildir, below the folder for all mail.
    pub maildir_path: String,
    /// The bytes it may keep; `None` without limit.
    pub quota: Option<u64>,
    /// When it was removed, in seconds since 1970.
    pub removed: Option<i64>,
}

/// An account that is seen for the first time.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    /// Which directory.
    pub source: &'a str,
    /// The row's key there.
    pub foreign_key: &'a str,
    /// Its address.
    pub address: &'a Address,
    /// The Maildir it gets, below the folder for all mail.
    pub maildir_path: &'a str,
    /// The bytes it may keep; `None` without limit.
    pub quota: Option<u64>,
}

impl Index {
    /// The account with this key.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn account_by_key(&self, source: &str, foreign_key: &str) -> Result<Option<Account>, IndexError> {
        self.ready().await?;
        let text =
            "SELECT id, address, maildir_path, quota, removed FROM mail_account WHERE source = ? AND foreign_key = ?";
        Ok(self.pool.fetch_optional(text, args![source, foreign_key], read).await?)
    }

    /// The account with this id.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchRow`], and as any statement.
    pub async fn account(&self, id: AccountId) -> Result<Account, IndexError> {
        self.ready().await?;
        let text = "SELECT id, address, maildir_path, quota, removed FROM mail_account WHERE id = ?";
        let found = self.pool.fetch_optional(text, args![id.number()], read).await?;
        found.ok_or(IndexError::NoSuchRow)
    }

    /// The account that has this Maildir.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn account_by_path(&self, maildir_path: &str) -> Result<Option<Account>, IndexError> {
        self.ready().await?;
        let text = "SELECT id, address, maildir_path, quota, removed FROM mail_account WHERE maildir_path = ?";
        Ok(self.pool.fetch_optional(text, args![maildir_path], read).await?)
    }

    /// Makes the row of an account; where somebody else made it first, returns
    /// that one.
    ///
    /// # Errors
    ///
    /// [`IndexError::Exists`] where another account has this Maildir path.
    pub async fn create_account(&self, new: &NewAccount<'_>, now: i64) -> Result<Account, IndexError> {
        self.ready().await?;
        let id = self.new_id(now);
        let address = new.address.normal();
        let insert = "INSERT INTO mail_account \
             (id, source, foreign_key, address, maildir_path, quota, last_uidvalidity, created) \
             VALUES (?, ?, ?, ?, ?, ?, 0, ?)";
        let quota = new.quota.map(to_sql);
        let values = args![id, new.source, new.foreign_key, address.as_str(), new.maildir_path, quota, now];
        let inserted = retry(|| async { self.pool.execute(insert, values).await }).await;
        match inserted {
            Ok(_) | Err(SqlError::Duplicate(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.account_by_key(new.source, new.foreign_key).await?.ok_or(IndexError::Exists)
    }

    /// Notes a changed address or quota.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn update_account(&self, id: AccountId, address: &Address, quota: Option<u64>) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mail_account SET address = ?, quota = ? WHERE id = ?";
        let address = address.normal();
        let values = args![address.as_str(), quota.map(to_sql), id.number()];
        retry(|| async { self.pool.execute(text, values).await }).await?;
        Ok(())
    }

    /// Marks an account as removed: from here on it gets no folder. Its key and
    /// its path stay its own until [`Index::free_account`].
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn retire_account(&self, id: AccountId, now: i64) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mail_account SET state = 1, removed = ? WHERE id = ? AND state = 0";
        retry(|| async { self.pool.execute(text, args![now, id.number()]).await }).await?;
        Ok(())
    }

    /// Removes the folders of an account, with all that is known of their
    /// messages, and its subscriptions; may be called again after an error.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn clear_account(&self, id: AccountId) -> Result<(), IndexError> {
        for folder in self.folders(id).await? {
            match self.delete_folder(id, folder.id).await {
                // Somebody else does the same.
                Ok(()) | Err(IndexError::NoSuchRow) => {}
                Err(error) => return Err(error),
            }
        }
        let text = "DELETE FROM subscription WHERE account_id = ?";
        retry(|| async { self.pool.execute(text, args![id.number()]).await }).await?;
        Ok(())
    }

    /// Lets others have the key and the path of an account that was removed.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn free_account(&self, id: AccountId) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE mail_account SET source = 'removed', foreign_key = ?, maildir_path = ? \
             WHERE id = ? AND state = 1";
        let (key, path) = (id.to_string(), format!(".removed/{id}"));
        retry(|| async { self.pool.execute(text, args![&key, &path, id.number()]).await }).await?;
        Ok(())
    }

    /// What all folders of the account hold: messages and bytes.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn usage(&self, id: AccountId) -> Result<(u64, u64), IndexError> {
        self.ready().await?;
        let text = "SELECT CAST(COALESCE(SUM(messages), 0) AS SIGNED), CAST(COALESCE(SUM(bytes), 0) AS SIGNED) \
             FROM mailbox WHERE account_id = ?";
        let read = |row: &Row| Ok((from_sql(row.int(0)?), from_sql(row.int(1)?)));
        Ok(self.pool.fetch_optional(text, args![id.number()], read).await?.unwrap_or_default())
    }
}

fn read(row: &Row) -> Result<Account, SqlError> {
    Ok(Account {
        id: AccountId::new(row.int(0)?),
        address: row.text(1)?.to_owned(),
        maildir_path: row.text(2)?.to_owned(),
        quota: row.opt_int(3)?.map(from_sql),
        removed: row.opt_int(4)?,
    })
}

/// A count or a size for a column.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count or a size from a column; what can be no such thing counts as none.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
