//! The memory of which domains were active: one that vanishes from the
//! directory without a command is answered with "later" for a day.

use mail::Domain;
use sql::{args, retry};

use crate::list::MAX_LIST;
use crate::{Index, IndexError};

impl Index {
    /// Notes that these domains are active now (seconds since 1970), many in one
    /// transaction: each alone would cost a synchronisation, every minute.
    ///
    /// # Errors
    ///
    /// As any statement; earlier pieces are then done.
    pub async fn remember_domains(&self, domains: &[Domain], now: i64) -> Result<(), IndexError> {
        self.ready().await?;
        for piece in domains.chunks(MAX_LIST) {
            retry(|| self.remember_piece(piece, now)).await?;
        }
        Ok(())
    }

    async fn remember_piece(&self, domains: &[Domain], now: i64) -> Result<(), IndexError> {
        let update = "UPDATE seen_domain SET last_seen = ? WHERE domain = ?";
        let insert = "INSERT INTO seen_domain (last_seen, domain) VALUES (?, ?)";
        let mut tx = self.pool.begin().await?;
        for domain in domains {
            let values = args![now, domain.as_str()];
            if tx.execute(update, values).await?.rows == 0 {
                tx.execute(insert, values).await?;
            }
        }
        Ok(tx.commit().await?)
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
