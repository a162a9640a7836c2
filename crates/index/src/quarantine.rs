//! Copies of refused messages: whose, why, since when.

use sql::{Row, SqlError, args, retry};
use uidlist::BaseName;

use crate::account::{from_sql, to_sql};
use crate::{AccountId, Index, IndexError, MailboxId, QuarantineId};

/// A copy that is to be noted.
#[derive(Debug, Clone)]
pub struct NewObject<'a> {
    /// SHA-256 of the token in the reply.
    pub token_hash: &'a [u8],
    /// The recipients' domain.
    pub domain: &'a str,
    /// This domain's recipients, separated by line ends.
    pub recipients: String,
    /// The envelope's sender, empty for `<>`.
    pub sender: String,
    /// Where the copy lies.
    pub account: AccountId,
    /// In which folder.
    pub mailbox: MailboxId,
    /// In which file.
    pub base: &'a BaseName,
    /// 1 content or form, 2 virus.
    pub kind: u16,
    /// The reason, at most 500 characters.
    pub reason: String,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A copy in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its id.
    pub id: QuarantineId,
    /// The recipients' domain.
    pub domain: String,
    /// This domain's recipients, separated by line ends.
    pub recipients: String,
    /// The envelope's sender, empty for `<>`.
    pub sender: String,
    /// Where the copy lies.
    pub account: AccountId,
    /// In which folder.
    pub mailbox: MailboxId,
    /// In which file.
    pub base: Vec<u8>,
    /// 1 content or form, 2 virus.
    pub kind: i64,
    /// The reason.
    pub reason: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Seconds since 1970.
    pub created: i64,
    /// When it was first released, in seconds since 1970.
    pub released: Option<i64>,
}

/// The most objects that one list has.
const MAX_LISTED: i64 = 1000;

/// Selects the columns of [`read`].
macro_rules! select_object {
    ($rest:literal) => {
        concat!(
            "SELECT id, domain, recipients, sender, account_id, mailbox_id, base, kind, reason, bytes, created, \
             released FROM quarantine ",
            $rest
        )
    };
}

impl Index {
    /// Notes a copy.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn quarantine(&self, new: &NewObject<'_>, now: i64) -> Result<QuarantineId, IndexError> {
        self.ready().await?;
        let id = self.new_id(now);
        let text = "INSERT INTO quarantine (id, token_hash, domain, recipients, sender, account_id, mailbox_id, base, \
             kind, reason, bytes, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = args![
            id,
            new.token_hash,
            new.domain,
            new.recipients.as_str(),
            new.sender.as_str(),
            new.account.number(),
            new.mailbox.number(),
            new.base.as_bytes(),
            new.kind,
            new.reason.as_str(),
            to_sql(new.bytes),
            now
        ];
        retry(|| async { self.pool.execute(text, values).await }).await?;
        Ok(QuarantineId::new(id))
    }

    /// What is kept, newest first, at most 1,000; of one domain or of all.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn objects(&self, domain: Option<&str>) -> Result<Vec<Object>, IndexError> {
        self.ready().await?;
        let all = select_object!("ORDER BY created DESC, id DESC LIMIT ?");
        let one = select_object!("WHERE domain = ? ORDER BY created DESC, id DESC LIMIT ?");
        let found = match domain {
            None => self.pool.fetch_all(all, args![MAX_LISTED], read).await?,
            Some(domain) => self.pool.fetch_all(one, args![domain, MAX_LISTED], read).await?,
        };
        Ok(found)
    }

    /// One object.
    ///
    /// # Errors
    ///
    /// [`IndexError::NoSuchRow`], and as any statement.
    pub async fn object(&self, id: QuarantineId) -> Result<Object, IndexError> {
        self.ready().await?;
        let found = self.pool.fetch_optional(select_object!("WHERE id = ?"), args![id.number()], read).await?;
        found.ok_or(IndexError::NoSuchRow)
    }

    /// The objects of a token: one for each domain of the recipients.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn objects_by_token(&self, token_hash: &[u8]) -> Result<Vec<Object>, IndexError> {
        self.ready().await?;
        let text = select_object!("WHERE token_hash = ? ORDER BY id LIMIT ?");
        Ok(self.pool.fetch_all(text, args![token_hash, MAX_LISTED], read).await?)
    }

    /// The oldest objects, at most so many, for expiry.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn oldest_objects(&self, limit: u32) -> Result<Vec<Object>, IndexError> {
        self.ready().await?;
        let text = select_object!("ORDER BY created, id LIMIT ?");
        Ok(self.pool.fetch_all(text, args![limit], read).await?)
    }

    /// The bytes of all objects.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn quarantine_bytes(&self) -> Result<u64, IndexError> {
        self.ready().await?;
        let text = "SELECT CAST(COALESCE(SUM(bytes), 0) AS SIGNED) FROM quarantine";
        Ok(from_sql(self.pool.fetch_optional(text, &[], |row| row.int(0)).await?.unwrap_or(0)))
    }

    /// Notes the first release.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn released(&self, id: QuarantineId, now: i64) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "UPDATE quarantine SET released = ? WHERE id = ? AND released IS NULL";
        retry(|| async { self.pool.execute(text, args![now, id.number()]).await }).await?;
        Ok(())
    }

    /// Forgets an object.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn forget_object(&self, id: QuarantineId) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "DELETE FROM quarantine WHERE id = ?";
        retry(|| async { self.pool.execute(text, args![id.number()]).await }).await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<Object, SqlError> {
    Ok(Object {
        id: QuarantineId::new(row.int(0)?),
        domain: row.text(1)?.to_owned(),
        recipients: row.text(2)?.to_owned(),
        sender: row.text(3)?.to_owned(),
        account: AccountId::new(row.int(4)?),
        mailbox: MailboxId::new(row.int(5)?),
        base: row.bytes(6)?.to_vec(),
        kind: row.int(7)?,
        reason: row.text(8)?.to_owned(),
        bytes: from_sql(row.int(9)?),
        created: row.int(10)?,
        released: row.opt_int(11)?,
    })
}
