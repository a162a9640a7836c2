//! When each account last logged in, for the administrator. It is noted now and
//! then, by whoever collects it, and never on the way of a login.

use mail::Address;
use sql::{Row, SqlError, Transaction, args, retry};

use crate::list::MAX_LIST;
use crate::{Index, IndexError};

/// A moment and the network that somebody came from then, such as
/// `192.0.2.0/24`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Seconds since 1970.
    pub at: i64,
    /// The network.
    pub network: String,
}

/// What happened at one door of an account since it was noted last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginNote {
    /// Whose.
    pub address: Address,
    /// Its number in the directory.
    pub account: i64,
    /// Which door.
    pub service: &'static str,
    /// The last login, if there was one.
    pub succeeded: Option<Seen>,
    /// How many were refused since that login, or since it was noted last.
    pub failures: u32,
    /// The last one that was refused, if any was.
    pub failed: Option<Seen>,
}

/// What is known of one door of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLogin {
    /// Which door.
    pub service: String,
    /// The last login.
    pub succeeded: Option<Seen>,
    /// How many were refused since.
    pub failures: u64,
    /// The last one that was refused, before or since.
    pub failed: Option<Seen>,
}

impl Index {
    /// Adds what happened, many in one transaction, and takes out of the list
    /// what is written: it counts, and would count twice if it came again.
    ///
    /// # Errors
    ///
    /// As any statement; what is not written is still in the list then.
    pub async fn note_logins(&self, notes: &mut Vec<LoginNote>, now: i64) -> Result<(), IndexError> {
        self.ready().await?;
        while let Some(piece) = notes.chunks(MAX_LIST).next() {
            let many = piece.len();
            retry(|| async {
                let mut tx = self.pool.begin().await?;
                for note in piece {
                    add(&mut tx, note, now).await?;
                }
                tx.commit().await
            })
            .await?;
            notes.drain(..many);
        }
        Ok(())
    }

    /// What is known of an account with this number in the directory, by door.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn last_logins(&self, address: &Address, account: i64) -> Result<Vec<LastLogin>, IndexError> {
        self.ready().await?;
        let text = "SELECT service, succeeded, network, failures, failed, failed_from FROM last_login \
             WHERE address = ? AND account = ? ORDER BY service";
        let address = address.normal();
        Ok(self.pool.fetch_all(text, args![address.as_str(), account], read).await?)
    }

    /// Forgets what is known of an account with this number in the directory.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn forget_logins_of(&self, address: &Address, account: i64) -> Result<(), IndexError> {
        self.ready().await?;
        let (text, address) = ("DELETE FROM last_login WHERE address = ? AND account = ?", address.normal());
        retry(|| async { self.pool.execute(text, args![address.as_str(), account]).await }).await?;
        Ok(())
    }

    /// Forgets what was noted before this time.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn forget_logins(&self, before: i64) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "DELETE FROM last_login WHERE noted < ?";
        retry(|| async { self.pool.execute(text, args![before]).await }).await?;
        Ok(())
    }
}

/// A login ends the count of what was refused before it.
async fn add(tx: &mut Transaction, note: &LoginNote, now: i64) -> Result<(), SqlError> {
    let (address, service) = (note.address.normal(), note.service);
    let (at, network) = parts(note.succeeded.as_ref());
    let (failed, failed_from) = parts(note.failed.as_ref());
    let counted = "UPDATE last_login SET noted = ?, failures = failures + ?, failed = COALESCE(?, failed), \
         failed_from = COALESCE(?, failed_from) WHERE address = ? AND service = ? AND account = ?";
    let entered = "UPDATE last_login SET noted = ?, failures = ?, failed = COALESCE(?, failed), \
         failed_from = COALESCE(?, failed_from), succeeded = ?, network = ? \
         WHERE address = ? AND service = ? AND account = ?";
    let values = args![now, note.failures, failed, failed_from, address.as_str(), service, note.account];
    let done = match at {
        None => tx.execute(counted, values).await?,
        Some(_) => {
            let values =
                args![now, note.failures, failed, failed_from, at, network, address.as_str(), service, note.account];
            tx.execute(entered, values).await?
        }
    };
    if done.rows > 0 {
        return Ok(());
    }
    // Of an account that had this address before, or of none.
    tx.execute("DELETE FROM last_login WHERE address = ? AND service = ?", args![address.as_str(), service]).await?;
    let insert = "INSERT INTO last_login \
         (address, service, account, succeeded, network, failures, failed, failed_from, noted) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = args![address.as_str(), service, note.account, at, network, note.failures, failed, failed_from, now];
    tx.execute(insert, values).await.map(drop)
}

fn parts(seen: Option<&Seen>) -> (Option<i64>, Option<&str>) {
    (seen.map(|seen| seen.at), seen.map(|seen| seen.network.as_str()))
}

fn read(row: &Row) -> Result<LastLogin, SqlError> {
    let seen = |at: usize, network: usize| -> Result<Option<Seen>, SqlError> {
        let network = row.opt_text(network)?.unwrap_or_default().to_owned();
        Ok(row.opt_int(at)?.map(|at| Seen { at, network }))
    };
    Ok(LastLogin {
        service: row.text(0)?.to_owned(),
        succeeded: seen(1, 2)?,
        failures: u64::try_from(row.int(3)?).unwrap_or(0),
        failed: seen(4, 5)?,
    })
}
