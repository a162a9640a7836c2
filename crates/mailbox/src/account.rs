//! Accounts: made with their Maildir when they are first seen, found by their
//! key in the directory, never moved on disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use index::{Account, AccountId, IndexError, MailboxId, NewAccount, SpecialUse};
use mail::{Address, Domain, LocalPart};
use maildir::{AccountPath, RemovalId};
use uidlist::FolderDir;

use crate::store::REMEMBERED;
use crate::{AccountKey, FolderName, Quota, Store, StoreError, Target, Usage};

/// What is remembered of an account in use.
#[derive(Debug)]
pub(crate) struct AccountState {
    pub(crate) path: AccountPath,
    pub(crate) address: String,
    pub(crate) quota: Option<u64>,
    /// Where deliveries go; forgotten when a folder of the account changes.
    pub(crate) targets: Mutex<HashMap<Target, (MailboxId, FolderDir)>>,
}

/// The folders that a new account has besides INBOX, all subscribed.
const USUAL: [(&str, SpecialUse); 5] = [
    ("Drafts", SpecialUse::Drafts),
    ("Sent", SpecialUse::Sent),
    ("Archive", SpecialUse::Archive),
    ("Junk", SpecialUse::Junk),
    ("Trash", SpecialUse::Trash),
];

/// How many paths are tried for a new account before giving up.
const PATHS: u32 = 20;
/// How long key and path of a removed account are nobody else's, in seconds:
/// far longer than another process remembers where its mail was.
const KEPT_FREE_SECS: i64 = 86_400;

impl Store {
    /// The account of a directory row; made with its Maildir and the usual
    /// folders when it is seen for the first time. Address and quota follow
    /// what is given here, the Maildir's path never changes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::Disk`], [`StoreError::DiskFull`];
    /// [`StoreError::NoSuchAccount`] within a day of [`Store::remove_account`].
    pub async fn account(&self, key: &AccountKey, address: &Address, quota: Quota) -> Result<AccountId, StoreError> {
        let quota = quota.bytes();
        let known = self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        if let Some(id) = known {
            let state = self.account_state(id).await?;
            if state.address == address.normal() && state.quota == quota {
                return Ok(id);
            }
        }
        let found = self.inner.index.account_by_key(key.source, &key.foreign_key).await?;
        let id = match found {
            Some(account) if account.removed.is_none() => Box::pin(self.follow(key, account, address, quota)).await?,
            // Whoever asks has not heard of it yet. A directory that was
            // restored may bring it back.
            Some(removed) if !self.free(&removed).await? => return Err(StoreError::NoSuchAccount),
            _ => Box::pin(self.create(key, address, quota)).await?,
        };
        let mut keys = self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= REMEMBERED {
            keys.clear();
        }
        keys.insert(key.clone(), id);
        Ok(id)
    }

    /// Lets go of an account that was removed from the directory: its mail
    /// moves to `.removed/<id>` in the folder for all mail, what the index knew
    /// of it is forgotten. `None` where there is nothing to let go of: it never
    /// had mail, or an earlier call has done it.
    ///
    /// To be called behind the removal from the directory, from any process,
    /// beside a running server or without one; after an error it may be called
    /// again, and goes on where it stopped. What others do meanwhile:
    ///
    /// - Whoever asks [`Store::account`] for it hears
    ///   [`StoreError::NoSuchAccount`] for a day, so that a recipient who was
    ///   resolved just before gets no empty mailbox anew.
    /// - The path belongs to it for the same day: another process that remembers
    ///   where its mail was finds nothing there, and never the next owner's.
    /// - A delivery under way is a 4xx, or is in the folder that moves.
    /// - Sessions hear that their folder is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::Disk`].
    pub async fn remove_account(&self, key: &AccountKey) -> Result<Option<AccountId>, StoreError> {
        let Some(account) = self.inner.index.account_by_key(key.source, &key.foreign_key).await? else {
            return Ok(None);
        };
        let path = AccountPath::parse(&account.maildir_path)?;
        let id = RemovalId(account.id.number());
        // The mark comes first: from there on nobody makes a folder of it.
        self.inner.index.retire_account(account.id, self.now_secs()).await?;
        self.forget_account(account.id);
        let moved = self
            .blocking(move |store| match store.inner.root.remove_account(&path, id) {
                // An earlier call came so far. What somebody made there just
                // then is empty: nothing is delivered without the index.
                Err(maildir::Error::Missing(_) | maildir::Error::Exists(_)) => Ok(false),
                removed => removed.map(|()| true),
            })
            .await?;
        let folders = self.inner.index.folders(account.id).await?;
        self.inner.index.clear_account(account.id).await?;
        folders.iter().for_each(|folder| self.inner.watches.wake(folder.id));
        let anything = account.removed.is_none() || moved || !folders.is_empty();
        Ok(anything.then_some(account.id))
    }

    /// Lets others have key and path of an account that was removed, where that
    /// is long enough ago.
    async fn free(&self, account: &Account) -> Result<bool, StoreError> {
        let long_ago = account.removed.is_some_and(|at| self.now_secs().saturating_sub(at) >= KEPT_FREE_SECS);
        if long_ago {
            self.inner.index.free_account(account.id).await?;
        }
        Ok(long_ago)
    }

    /// An account of the site itself, such as its quarantine: outside the
    /// directory, without a quota. Its mail is in `localhost/NAME`.
    ///
    /// # Errors
    ///
    /// As [`Store::account`]; [`StoreError::Internal`] where the name is no
    /// local part of an address.
    pub async fn system_account(&self, name: &str) -> Result<AccountId, StoreError> {
        let bad = |error: &dyn std::fmt::Display| StoreError::Internal(error.to_string());
        let local = LocalPart::parse(name).map_err(|error| bad(&error))?;
        let domain = Domain::parse("localhost").map_err(|error| bad(&error))?;
        let key = AccountKey { source: "system", foreign_key: local.as_str().to_owned() };
        self.account(&key, &Address::new(local, domain), Quota::Unlimited).await
    }

    /// Whether a message of so many bytes fits into the quota and on the disk,
    /// which is full when only a reserve is left: asked at RCPT, with SIZE where
    /// it was given.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`], [`StoreError::DiskFull`] where it does not,
    /// [`StoreError::Index`].
    pub async fn room_for(&self, account: AccountId, size: u64) -> Result<(), StoreError> {
        let state = self.account_state(account).await?;
        if let Some(quota) = state.quota {
            let (_, used) = self.inner.index.usage(account).await?;
            if used.saturating_add(size) > quota {
                return Err(StoreError::ExceedsQuota);
            }
        }
        self.has_room(size).await
    }

    /// Whether the account is below its quota, so that it takes one more message
    /// of any size: its recipient was accepted when nobody knew the size.
    pub(crate) async fn is_below_quota(&self, account: AccountId) -> Result<(), StoreError> {
        let state = self.account_state(account).await?;
        let Some(quota) = state.quota else { return Ok(()) };
        let (_, used) = self.inner.index.usage(account).await?;
        if used >= quota { Err(StoreError::ExceedsQuota) } else { Ok(()) }
    }

    /// What the account keeps.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::NoSuchAccount`].
    pub async fn usage(&self, account: AccountId) -> Result<Usage, StoreError> {
        let state = self.account_state(account).await?;
        let (messages, bytes) = self.inner.index.usage(account).await?;
        Ok(Usage { messages, bytes, quota: state.quota.map_or(Quota::Unlimited, Quota::Bytes) })
    }

    /// Notes that these domains are active in the directory now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn remember_domains(&self, domains: &[Domain]) -> Result<(), StoreError> {
        Ok(self.inner.index.remember_domains(domains, self.now_secs()).await?)
    }

    /// Whether the domain was noted as active within this time.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn domain_seen(&self, domain: &Domain, within: Duration) -> Result<bool, StoreError> {
        let within = i64::try_from(within.as_secs()).unwrap_or(i64::MAX);
        let since = self.now_secs().saturating_sub(within);
        Ok(self.inner.index.domain_last_seen(domain).await?.is_some_and(|seen| seen >= since))
    }

    /// Forgets a domain that was removed by command.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn forget_domain(&self, domain: &Domain) -> Result<(), StoreError> {
        Ok(self.inner.index.forget_domain(domain).await?)
    }

    pub(crate) async fn account_state(&self, id: AccountId) -> Result<Arc<AccountState>, StoreError> {
        let known = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(state) = known {
            return Ok(state);
        }
        match self.inner.index.account(id).await {
            Ok(account) => self.note(&account),
            Err(IndexError::NoSuchRow) => Err(StoreError::NoSuchAccount),
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets all that is remembered of an account: the index may know it no
    /// more, after it was restored or an account removed by another process.
    pub(crate) fn forget_account(&self, id: AccountId) {
        self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| *known != id);
    }

    /// Forgets where the account's deliveries go.
    pub(crate) fn forget_targets(&self, id: AccountId) {
        let known = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(state) = known {
            state.targets.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn note(&self, account: &Account) -> Result<Arc<AccountState>, StoreError> {
        let state = Arc::new(AccountState {
            path: AccountPath::parse(&account.maildir_path)?,
            address: account.address.clone(),
            quota: account.quota,
            targets: Mutex::default(),
        });
        let mut accounts = self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= REMEMBERED {
            accounts.clear();
        }
        accounts.insert(account.id, Arc::clone(&state));
        Ok(state)
    }

    async fn follow(
        &self,
        key: &AccountKey,
        mut account: Account,
        address: &Address,
        quota: Option<u64>,
    ) -> Result<AccountId, StoreError> {
        if account.address != address.normal() || account.quota != quota {
            match self.inner.index.update_account(account.id, address, quota).await.map_err(StoreError::from) {
                // It holds as long as this process remembers it.
                Err(error) if self.lacks_room(&error).await => {}
                updated => updated?,
            }
            account.address = address.normal();
            account.quota = quota;
        }
        let state = self.note(&account)?;
        // A crash may have come between the row and the folders.
        if self.inner.index.folder_by_name(account.id, "INBOX").await?.is_none() {
            self.furnish(key, account.id, state.path.clone()).await?;
        }
        Ok(account.id)
    }

    /// The row comes first: it reserves the path. An account of an earlier
    /// owner of the address keeps its own path, and the new one gets another,
    /// also where the index that knew the earlier one is gone; then a Maildir
    /// that says whose it is goes before a path that is free.
    async fn create(&self, key: &AccountKey, address: &Address, quota: Option<u64>) -> Result<AccountId, StoreError> {
        let wanted = AccountPath::for_address(address)?;
        let mut paths = Vec::new();
        for attempt in 1..=PATHS {
            let path = if attempt == 1 { wanted.to_string() } else { format!("{wanted}~{attempt}") };
            paths.push(AccountPath::parse(&path)?);
        }
        let owner = key.clone();
        for path in self.blocking(move |store| crate::owner::possible(store, paths, &owner)).await? {
            let new = NewAccount {
                source: key.source,
                foreign_key: &key.foreign_key,
                address,
                maildir_path: path.as_str(),
                quota,
            };
            let mut made = self.inner.index.create_account(&new, self.now_secs()).await;
            if matches!(made, Err(IndexError::Exists)) && self.free_path(&path).await? {
                made = self.inner.index.create_account(&new, self.now_secs()).await;
            }
            match made {
                Ok(account) => {
                    let state = self.note(&account)?;
                    self.furnish(key, account.id, state.path.clone()).await?;
                    return Ok(account.id);
                }
                Err(IndexError::Exists) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Internal(format!("no path is free for the Maildir of {address}")))
    }

    async fn free_path(&self, path: &AccountPath) -> Result<bool, StoreError> {
        match self.inner.index.account_by_path(path.as_str()).await? {
            Some(account) => self.free(&account).await,
            None => Ok(false),
        }
    }

    /// INBOX comes last: where it is there, all is there.
    async fn furnish(&self, key: &AccountKey, id: AccountId, path: AccountPath) -> Result<(), StoreError> {
        let owner = key.clone();
        self.blocking(move |store| crate::owner::make(store, &path, &owner)).await?;
        for (name, special_use) in USUAL {
            let name = FolderName::parse(name)?;
            match self.create_row(id, &name, Some(special_use)).await {
                Ok(_) => self.inner.index.subscribe(id, name.as_str()).await?,
                Err(StoreError::FolderExists) => {}
                Err(error) => return Err(error),
            }
        }
        match self.create_row(id, &FolderName::inbox(), None).await {
            Ok(_) => Ok(self.inner.index.subscribe(id, "INBOX").await?),
            Err(StoreError::FolderExists) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Quota {
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}
