//! Which folder names a user subscribed to (RFC 3501 §6.3.6): names alone,
//! whether or not such a folder exists.

use sql::{SqlError, args, retry};

use crate::{AccountId, Index, IndexError};

impl Index {
    /// All subscribed names, sorted by bytes.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<String>, IndexError> {
        self.ready().await?;
        let text = "SELECT shown_name FROM subscription WHERE account_id = ? ORDER BY shown_name";
        Ok(self.pool.fetch_all(text, args![account.number()], |row| Ok(row.text(0)?.to_owned())).await?)
    }

    /// Subscribes; nothing happens where it is subscribed already.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn subscribe(&self, account: AccountId, name: &str) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "INSERT INTO subscription (account_id, shown_name) VALUES (?, ?)";
        match retry(|| async { self.pool.execute(text, args![account.number(), name]).await }).await {
            Ok(_) | Err(SqlError::Duplicate(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Unsubscribes.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn unsubscribe(&self, account: AccountId, name: &str) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "DELETE FROM subscription WHERE account_id = ? AND shown_name = ?";
        retry(|| async { self.pool.execute(text, args![account.number(), name]).await }).await?;
        Ok(())
    }
}
