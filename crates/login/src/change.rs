//! A new password, set by its owner: the old one proves who it is, and goes
//! only if nobody has changed it in the meantime.

use std::net::IpAddr;

use directory::{AccountKey, AppPasswordKey, Credentials, DirectoryError, Replaced};
use mail::{Address, Class, Classified, Secret};
use thiserror::Error;
use tracing::{error, info};

use crate::factor::Given;
use crate::hash::HashError;
use crate::policy::{Policy, Weakness};
use crate::{LoginError, Logins, Service};

/// Proof that an account has a new password; its old sessions are to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    account: AccountKey,
    address: Address,
    revoked: Vec<AppPasswordKey>,
}

/// What somebody types to change a password.
#[derive(Debug)]
pub struct NewPassword {
    /// The present one.
    pub old: Secret,
    /// The code of two-step login, or a recovery code; empty where it is off.
    pub code: String,
    /// The new one.
    pub new: Secret,
    /// What becomes of the app passwords.
    pub others: Others,
}

/// What becomes of the app passwords when the password is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They open as before.
    Keep,
    /// All are revoked.
    Revoke,
}

impl Changed {
    /// The account.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        self.account
    }

    /// Its address, in normal form.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The app passwords that were revoked with it; their sessions are to end too.
    #[must_use]
    pub fn revoked(&self) -> &[AppPasswordKey] {
        &self.revoked
    }
}

/// Why the password is the old one still.
#[derive(Debug, Error)]
pub enum ChangeError {
    /// The new password will not do.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The old password was not accepted, or could not be verified.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// Somebody else has changed it since it was verified.
    #[error("the password was changed by somebody else meanwhile")]
    ChangedMeanwhile,
    /// The directory does not take the new one.
    #[error("the new password cannot be stored: {0}")]
    NotStored(#[source] DirectoryError),
    /// The new password holds, but the app passwords are there still.
    #[error("the app passwords could not be revoked: {0}")]
    NotRevoked(#[source] DirectoryError),
}

impl Classified for ChangeError {
    fn class(&self) -> Class {
        match self {
            Self::Weak(_) => Class::Invalid,
            Self::Login(error) => error.class(),
            Self::ChangedMeanwhile => Class::Internal,
            Self::NotStored(error) | Self::NotRevoked(error) => error.class(),
        }
    }
}

impl Logins {
    /// Sets a new password for the account `who`, an address.
    ///
    /// What is known without asking the directory is judged first and counts
    /// for nothing; the owner's name only when the old password was right,
    /// since the answer tells it.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; the old password holds then, but for the last of them.
    pub async fn change(
        &self,
        who: &str,
        wanted: NewPassword,
        from: IpAddr,
        policy: Policy,
    ) -> Result<Changed, ChangeError> {
        let NewPassword { old, code, new, others } = wanted;
        policy.judge(&new, &[who])?;
        if new.expose() == old.expose() {
            return Err(Weakness::Unchanged.into());
        }
        let proven = self.prove(who, Given::new(&old, &code), (from, Service::Web)).await;
        self.tally().count(Service::Web, &proven);
        let credentials = proven?.credentials;
        let account = self.directory().account(&credentials.address).await;
        let name = account.map_err(ChangeError::NotStored)?.name;
        policy.judge(&new, &[who, &name])?;
        self.replace(&credentials, &old, new).await?;
        info!(address = %credentials.address, %from, "password changed by its owner");
        let revoked = match others {
            Others::Revoke if self.has_factors() => {
                self.revoke_all(credentials.key, &credentials.address).await.map_err(ChangeError::NotRevoked)?
            }
            Others::Revoke | Others::Keep => Vec::new(),
        };
        Ok(Changed { account: credentials.key, address: credentials.address, revoked })
    }

    async fn replace(&self, proven: &Credentials, old: &Secret, new: Secret) -> Result<(), ChangeError> {
        if self.directory().hashes_passwords() {
            return self.change_elsewhere(proven, (old, &new)).await;
        }
        let hashed = self.hash_for(new, proven.hash.clone()).await.map_err(|_| LoginError::Busy)?;
        let new = hashed.map_err(|error| match error {
            HashError::TooLongForScheme { most } => ChangeError::Weak(Weakness::TooLong { most }),
            error => {
                error!(%error, "a new password cannot be hashed");
                LoginError::Busy.into()
            }
        })?;
        let replaced = self.directory().store_hash(proven, &new).await;
        match replaced.map_err(ChangeError::NotStored)? {
            Replaced::Yes => {
                self.memory().forget(proven.key);
                Ok(())
            }
            Replaced::ChangedMeanwhile => Err(ChangeError::ChangedMeanwhile),
        }
    }
}
