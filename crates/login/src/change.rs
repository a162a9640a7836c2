//! A new password, set by its owner: the old one proves who it is, and goes
//! only if nobody has changed it in the meantime.

use std::net::IpAddr;

use directory::{AccountKey, Credentials, DirectoryError, Replaced};
use mail::{Address, Class, Classified, Secret};
use thiserror::Error;
use tracing::{error, info};

use crate::hash::HashError;
use crate::policy::{Policy, Weakness};
use crate::{LoginError, Logins, Service};

/// Proof that an account has a new password; its old sessions are to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    account: AccountKey,
    address: Address,
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
}

impl Classified for ChangeError {
    fn class(&self) -> Class {
        match self {
            Self::Weak(_) => Class::Invalid,
            Self::Login(error) => error.class(),
            Self::ChangedMeanwhile => Class::Internal,
            Self::NotStored(error) => error.class(),
        }
    }
}

impl Logins {
    /// Sets a new password for the account `who`, an address, whose present
    /// password is `old`.
    ///
    /// What is known without asking the directory is judged first and counts
    /// for nothing; the owner's name only when the old password was right,
    /// since the answer tells it.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; the old password holds then.
    pub async fn change(
        &self,
        who: &str,
        (old, new): (Secret, Secret),
        from: IpAddr,
        policy: Policy,
    ) -> Result<Changed, ChangeError> {
        policy.judge(&new, &[who])?;
        if new.expose() == old.expose() {
            return Err(Weakness::Unchanged.into());
        }
        let proven = self.prove(who, &old, from, Service::Web).await;
        self.tally().count(Service::Web, &proven);
        let (credentials, _) = proven?;
        let account = self.directory().account(&credentials.address).await;
        let name = account.map_err(ChangeError::NotStored)?.name;
        policy.judge(&new, &[who, &name])?;
        self.replace(&credentials, new).await?;
        info!(address = %credentials.address, %from, "password changed by its owner");
        Ok(Changed { account: credentials.key, address: credentials.address })
    }

    async fn replace(&self, proven: &Credentials, new: Secret) -> Result<(), ChangeError> {
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
            Replaced::Yes => Ok(()),
            Replaced::ChangedMeanwhile => Err(ChangeError::ChangedMeanwhile),
        }
    }
}
