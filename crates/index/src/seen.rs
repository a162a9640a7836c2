//! The memory of which domains were active: one that vanishes from the
//! directory without a command is answered with "later" for a day.

use mail::Domain;
use sql::{SqlError, args, retry};

use crate::{Index, IndexError};

impl Index {
    /// Notes that a domain is active now (seconds since 1970).
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn remember_domain(&self, domain: &Domain, now: i64) -> Result<(), IndexError> {
        self.ready().await?;
        let update = "UPDATE seen_domain SET last_seen = ? WHERE domain = ?";
        let insert = "INSERT INTO seen_domain (last_seen, domain) VALUES (?, ?)";
        let values = args![now, domain.as_str()];
        let done = retry(|| async { self.pool.execute(update, values).await }).await?;
        if done.rows > 0 {
            return Ok(());
        }
        match retry(|| async { self.pool.execute(insert, values).await }).await {
            Ok(_) | Err(SqlError::Duplicate(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// When a domain was last seen, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn domain_last_seen(&self, domain: &Domain) -> Result<Option<i64>, IndexError> {
        self.ready().await?;
        let text = "SELECT last_seen FROM seen_domain WHERE domain = ?";
        Ok(self.pool.fetch_optional(text, args![domain.as_str()], |row| row.int(0)).await?)
    }

    /// Forgets a domain that was removed by command.
    ///
    /// # Errors
    ///
    /// As any statement.
    pub async fn forget_domain(&self, domain: &Domain) -> Result<(), IndexError> {
        self.ready().await?;
        let text = "DELETE FROM seen_domain WHERE domain = ?";
        retry(|| async { self.pool.execute(text, args![domain.as_str()]).await }).await?;
        Ok(())
    }
}
