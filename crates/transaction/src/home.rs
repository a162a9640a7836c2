//! Whose mailbox gets what belongs to nobody: mail to postmaster and abuse
//! where the domain names nobody, and the copies of what was refused.

use std::sync::Arc;

use directory::{Account, Directory, Resolution};
use mail::{Address, Class, Classified, Domain, LocalPart};
use mailbox::{AccountId, AccountKey, Quota, Store, StoreError};
use thiserror::Error;

/// The name of the site's own account, where the configuration names none.
const SYSTEM_ACCOUNT: &str = "postmaster";

/// Finds such mailboxes.
#[derive(Clone)]
pub struct Home {
    directory: Arc<Directory>,
    store: Store,
    site: Option<Address>,
    hostname: Domain,
}

/// A mailbox, and the address that its mail is delivered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The mailbox.
    pub account: AccountId,
    /// Its address, for `Delivered-To`.
    pub address: Address,
}

/// The mailbox could not be found out.
#[derive(Debug, Error)]
pub enum HomeError {
    /// The directory.
    #[error(transparent)]
    Directory(#[from] directory::DirectoryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for HomeError {
    fn class(&self) -> Class {
        match self {
            Self::Directory(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl Home {
    /// With the address of the site's account, where the configuration names
    /// one. It may be an alias; the first account behind it is taken.
    #[must_use]
    pub fn new(directory: Arc<Directory>, store: Store, site: Option<Address>, hostname: Domain) -> Self {
        Self { directory, store, site, hostname }
    }

    /// The mailbox of a domain, or of the site.
    ///
    /// # Errors
    ///
    /// [`HomeError`] where directory or index are away.
    pub async fn of(&self, domain: Option<&Domain>) -> Result<Owner, HomeError> {
        if let Some(domain) = domain {
            let postmaster = LocalPart::parse("postmaster").ok().map(|local| Address::new(local, domain.clone()));
            if let Some(owner) = self.behind(postmaster.as_ref()).await? {
                return Ok(owner);
            }
        }
        match self.behind(self.site.as_ref()).await? {
            Some(owner) => Ok(owner),
            None => self.system().await,
        }
    }

    /// The mailbox of an account of the directory.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the index or the disk are away.
    pub async fn mailbox(&self, account: &Account) -> Result<AccountId, StoreError> {
        let key = key_of(account);
        let quota = account.quota.map_or(Quota::Unlimited, Quota::Bytes);
        self.store.account(&key, &account.address, quota).await
    }

    /// Lets go of the mail of an account that was removed from the directory;
    /// see [`Store::remove_account`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] where the index or the disk are away.
    pub async fn remove(&self, account: &Account) -> Result<Option<AccountId>, StoreError> {
        self.store.remove_account(&key_of(account)).await
    }

    async fn behind(&self, address: Option<&Address>) -> Result<Option<Owner>, HomeError> {
        let Some(address) = address else { return Ok(None) };
        let Resolution::Deliver { accounts, .. } = self.directory.resolve_address(address).await? else {
            return Ok(None);
        };
        let Some(account) = accounts.into_iter().next() else { return Ok(None) };
        Ok(Some(Owner { account: self.mailbox(&account).await?, address: account.address }))
    }

    async fn system(&self) -> Result<Owner, HomeError> {
        let account = self.store.system_account(SYSTEM_ACCOUNT).await?;
        let local = LocalPart::parse(SYSTEM_ACCOUNT).map_err(|error| StoreError::Internal(error.to_string()))?;
        Ok(Owner { account, address: Address::new(local, self.hostname.clone()) })
    }
}

fn key_of(account: &Account) -> AccountKey {
    AccountKey { source: "directory", foreign_key: account.identity() }
}
