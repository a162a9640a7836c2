//! `gatepost user`.

use std::collections::HashSet;

use mail::{Address, Domain};
use sql::{Arg, SqlError, args};

use super::fits;
use crate::rows::usable;
use crate::source::ask;
use crate::{Account, AliasEntry, Directory, DirectoryError, StoredHash, statements as text};

const MAX_NAME: usize = 255;

/// An account to be added.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its address.
    pub address: Address,
    /// The hash of its password; `None`: nobody can log in yet.
    pub password: Option<StoredHash>,
    /// What the person is called.
    pub name: String,
    /// The most bytes of mail; `None`: no limit.
    pub quota: Option<u64>,
}

/// What to change: `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    /// Switches it on or off.
    pub active: Option<bool>,
    /// What the person is called.
    pub name: Option<String>,
    /// The most bytes of mail; `Some(None)`: no limit.
    pub quota: Option<Option<u64>>,
    /// A new password.
    pub password: Option<StoredHash>,
}

impl Directory {
    /// All accounts, or those of one domain, sorted by domain and local part.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`].
    pub async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Account>, DirectoryError> {
        if let Some(domain) = of {
            self.must_be_hosted(domain).await?;
        }
        let rows = usable(ask!(self.source, accounts(of))?);
        Ok(rows.into_iter().map(|(account, _)| account).collect())
    }

    /// One account, active or not, by its own address.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAccount`].
    pub async fn account(&self, address: &Address) -> Result<Account, DirectoryError> {
        let found = self.account_row(address).await?;
        found.ok_or_else(|| DirectoryError::UnknownAccount(address.clone()))
    }

    /// Whether an account could have this address, before anybody is asked for
    /// its password.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`],
    /// [`DirectoryError::AccountAlreadyThere`],
    /// [`DirectoryError::AddressIsAlias`].
    pub async fn is_free(&self, address: &Address) -> Result<(), DirectoryError> {
        self.own()?;
        self.must_be_hosted(address.domain()).await?;
        match self.account(address).await {
            Ok(account) => return Err(DirectoryError::AccountAlreadyThere(account.address)),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
        match self.alias(address).await {
            Ok(AliasEntry { address, .. }) => Err(DirectoryError::AddressIsAlias(address)),
            Err(error) if error.is_missing() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// [`Account::identity`] of every row, also of those that are switched off
    /// or cannot be used.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NoQuery`] where nothing lists another program's
    /// accounts; of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn identities(&self) -> Result<HashSet<String>, DirectoryError> {
        ask!(self.source, identities())
    }

    /// The stored passwords of all accounts that have one, for looking at
    /// their form.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NoQuery`] where nothing lists another program's
    /// accounts; of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn stored_passwords(&self) -> Result<Vec<(Address, StoredHash)>, DirectoryError> {
        ask!(self.source, passwords())
    }

    /// Adds an account; its address is no longer a retired one.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`],
    /// [`DirectoryError::AccountAlreadyThere`],
    /// [`DirectoryError::AddressIsAlias`], [`DirectoryError::TooLong`].
    pub async fn add_account(&self, new: &NewAccount) -> Result<Account, DirectoryError> {
        let own = self.own()?;
        fits("the name", &new.name, MAX_NAME)?;
        self.is_free(&new.address).await?;
        let (domain, local) = key(&new.address);
        let password = new.password.as_ref().map(StoredHash::expose);
        let row = args![local, domain, password, &new.name, new.quota.map(as_stored)];
        let pool = own.pool().await?;
        sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::ADD_ACCOUNT, row).await?;
            tx.execute(text::UNRETIRE, args![domain, local]).await?;
            tx.commit().await
        })
        .await
        .map_err(|error| match error {
            SqlError::Duplicate(_) => DirectoryError::AccountAlreadyThere(new.address.clone()),
            SqlError::Reference(_) => DirectoryError::UnknownDomain(new.address.domain().clone()),
            other => other.into(),
        })?;
        self.account(&new.address).await
    }

    /// Changes an account.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAccount`], [`DirectoryError::TooLong`].
    pub async fn change_account(&self, address: &Address, change: &AccountChange) -> Result<Account, DirectoryError> {
        let own = match self.own() {
            Ok(own) => own,
            Err(not_ours) => return self.replace_password(address, change, not_ours).await,
        };
        if let Some(name) = &change.name {
            fits("the name", name, MAX_NAME)?;
        }
        let address = self.account(address).await?.address;
        let (domain, local) = key(&address);
        let row = args![
            change.active,
            change.name.as_ref(),
            change.quota.is_some(),
            change.quota.flatten().map(as_stored),
            change.password.as_ref().map(StoredHash::expose),
            domain,
            local,
        ];
        let pool = own.pool().await?;
        sql::retry(|| pool.execute(text::CHANGE_ACCOUNT, row)).await?;
        self.account(&address).await
    }

    /// Removes an account and retires its address, which the catch-all does
    /// not take from then on. The mail is not touched here.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAccount`].
    pub async fn remove_account(&self, address: &Address) -> Result<Account, DirectoryError> {
        let own = self.own()?;
        let account = self.account(address).await?;
        let (domain, local) = key(&account.address);
        let row: &[Arg<'_>] = args![domain, local];
        let pool = own.pool().await?;
        sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::REMOVE_ACCOUNT, row).await?;
            tx.execute(text::UNRETIRE, row).await?;
            tx.execute(text::RETIRE, row).await?;
            tx.commit().await
        })
        .await?;
        Ok(account)
    }
}

impl Directory {
    /// All that can be changed in another program's tables is a password that
    /// is there already.
    async fn replace_password(
        &self,
        address: &Address,
        change: &AccountChange,
        not_ours: DirectoryError,
    ) -> Result<Account, DirectoryError> {
        let AccountChange { active: None, name: None, quota: None, password: Some(new) } = change else {
            return Err(not_ours);
        };
        let unknown = || DirectoryError::UnknownAccount(address.clone());
        let credentials = ask!(self.source, credentials(address))?.ok_or_else(unknown)?;
        if credentials.hash.is_none() {
            return Err(not_ours);
        }
        match ask!(self.source, replace_hash(&credentials, new))? {
            true => self.account(&credentials.address).await,
            false => Err(DirectoryError::NotReplaced(credentials.address)),
        }
    }

    /// The account, active or not.
    pub(super) async fn account_row(&self, address: &Address) -> Result<Option<Account>, DirectoryError> {
        Ok(ask!(self.source, account(address))?.map(|(account, _)| account))
    }
}

pub(super) fn key(address: &Address) -> (&str, &str) {
    (address.domain().as_str(), address.local().as_str())
}

/// A quota beyond what the column holds is as good as its largest number.
fn as_stored(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
