//! Two-step login: the secret that an account shares with an app, and what was
//! used up of it, so that a code opens once, whichever process it is shown to.

use mail::{Address, Secret};
use sql::{Row, SqlError, args};

use crate::rows::{self, Checked};
use crate::{Directory, DirectoryError, StoredHash, statements as text};

/// The two-step login of an account.
#[derive(Debug, Clone)]
pub struct TwoStep {
    /// What the app knows too, base32.
    pub secret: Secret,
    /// Since when it is on, RFC 3339.
    pub since: String,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

impl Directory {
    /// The two-step login of an account; `None` where it is off, and in tables
    /// of another program.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked: it may
    /// be on then.
    pub async fn two_step(&self, whose: &Address) -> Result<Option<TwoStep>, DirectoryError> {
        let Ok(own) = self.own() else { return Ok(None) };
        let read = |row: &Row| -> Checked<TwoStep> {
            Ok(TwoStep {
                secret: Secret::from(row.text(0)?),
                since: rows::rfc3339(row.text(1)?),
                recovery_codes: rows::count(row, 2)?,
            })
        };
        own.row(text::TOTP, args![whose.domain().as_str(), whose.local().as_str()], read).await
    }

    /// Switches it on; `step` is that of the code by which the owner has shown
    /// that the app knows the secret.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::TwoStepAlreadyOn`], [`DirectoryError::UnknownAccount`],
    /// [`DirectoryError::ForeignTables`].
    pub async fn switch_two_step_on(
        &self,
        whose: &Address,
        (secret, step): (&str, i64),
        recovery_codes: &[StoredHash],
    ) -> Result<(), DirectoryError> {
        let own = self.own()?;
        let (domain, local) = (whose.domain().as_str(), whose.local().as_str());
        let pool = own.pool().await?;
        let done = sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::ADD_TOTP, args![local, domain, secret, step]).await?;
            for code in recovery_codes {
                tx.execute(text::ADD_RECOVERY_CODE, args![local, domain, code.expose()]).await?;
            }
            tx.commit().await
        });
        done.await.map_err(|error| match error {
            SqlError::Duplicate(_) => DirectoryError::TwoStepAlreadyOn(whose.clone()),
            SqlError::Reference(_) => DirectoryError::UnknownAccount(whose.clone()),
            other => other.into(),
        })
    }

    /// Switches it off, and forgets the recovery codes. Says whether it was on.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::ForeignTables`]; of [`mail::Class::Directory`] where
    /// the directory cannot be asked.
    pub async fn switch_two_step_off(&self, whose: &Address) -> Result<bool, DirectoryError> {
        let own = self.own()?;
        let row = args![whose.domain().as_str(), whose.local().as_str()];
        let pool = own.pool().await?;
        Ok(sql::retry(|| pool.execute(text::REMOVE_TOTP, row)).await?.rows > 0)
    }

    /// Counts an attempt at a code on this day (since 1970), unless there were
    /// as many as may be. Says whether it may be looked at.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn count_code(&self, whose: &Address, day: i64, most: i64) -> Result<bool, DirectoryError> {
        let row = args![day, day, whose.domain().as_str(), whose.local().as_str(), day, most];
        let pool = self.own()?.pool().await?;
        Ok(sql::retry(|| pool.execute(text::COUNT_CODE, row)).await?.rows > 0)
    }

    /// Uses the code of this step up, and with it all before. Says whether
    /// nobody did before, and the secret is still the same.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn use_step(&self, whose: &Address, secret: &Secret, step: i64) -> Result<bool, DirectoryError> {
        let Ok(secret) = std::str::from_utf8(secret.expose()) else { return Ok(false) };
        let row = args![step, whose.domain().as_str(), whose.local().as_str(), secret, step];
        let pool = self.own()?.pool().await?;
        Ok(sql::retry(|| pool.execute(text::USE_STEP, row)).await?.rows > 0)
    }

    /// Uses a recovery code up. Says whether there was such a one.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn use_recovery_code(&self, whose: &Address, code: &StoredHash) -> Result<bool, DirectoryError> {
        let row = args![whose.domain().as_str(), whose.local().as_str(), code.expose()];
        let pool = self.own()?.pool().await?;
        Ok(sql::retry(|| pool.execute(text::USE_RECOVERY_CODE, row)).await?.rows > 0)
    }
}
