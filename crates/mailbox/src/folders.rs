//! Folders: list, create, delete, subscribe, count.

use std::collections::BTreeMap;

use index::{AccountId, FolderRow, IndexError, NewFolder, SpecialUse, UidValidity};
use maildir::RemovalId;
use uidlist::FolderDir;

use crate::scan::Eager;
use crate::sidecar::{read_keywords, read_list};
use crate::store::{disk_name, name_of};
use crate::{Folder, FolderName, Mailbox, Status, Store, StoreError};

/// How many names a user may subscribe to beyond the folders that exist.
const MAX_SUBSCRIPTIONS: usize = 5_000;
/// From here on the UIDs of a folder that is adopted are as good as used up.
const USED_UP: u32 = 4_200_000_000;

impl Store {
    /// All folders of the account, by name, `INBOX` first; among them those
    /// that other programs made, and levels that only their children have.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn folders(&self, account: AccountId) -> Result<Vec<Folder>, StoreError> {
        let rows = self.sync_folders(account).await?;
        let subscribed = self.inner.index.subscriptions(account).await?;
        let mut all: BTreeMap<FolderName, Folder> = BTreeMap::new();
        for row in rows {
            let Ok(name) = name_of(&row) else { continue };
            let mut parent = name.parent();
            while let Some(name) = parent {
                parent = name.parent();
                all.entry(name.clone()).or_insert_with(|| level(name)).has_children = true;
            }
            let entry = all.entry(name.clone()).or_insert_with(|| level(name));
            entry.exists = true;
            entry.special_use = row.special_use;
        }
        let mut list: Vec<Folder> = all.into_values().collect();
        for folder in &mut list {
            folder.subscribed = subscribed.binary_search_by(|name| name.as_str().cmp(folder.name.as_str())).is_ok();
        }
        list.sort_by_key(|folder| !folder.name.is_inbox());
        Ok(list)
    }

    /// All subscribed names, whether or not such a folder exists (LSUB).
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<FolderName>, StoreError> {
        let names = self.inner.index.subscriptions(account).await?;
        Ok(names.iter().filter_map(|name| FolderName::parse(name).ok()).collect())
    }

    /// CREATE, with the parents that are missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::FolderExists`], [`StoreError::TooMany`], disk and index.
    pub async fn create_folder(
        &self,
        account: AccountId,
        name: &FolderName,
        special_use: Option<SpecialUse>,
    ) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::FolderExists);
        }
        if self.inner.index.folders(account).await?.len() >= self.inner.settings.max_folders {
            return Err(StoreError::TooMany);
        }
        let mut missing = Vec::new();
        let mut parent = name.parent();
        while let Some(level) = parent {
            parent = level.parent();
            missing.push(level);
        }
        for level in missing.into_iter().rev() {
            match self.create_row(account, &level, None).await {
                Ok(_) | Err(StoreError::FolderExists) => {}
                Err(error) => return Err(error),
            }
        }
        self.create_row(account, name, special_use).await.map(drop)
    }

    /// DELETE: the folder alone; its children stay. What was in it is kept on
    /// disk in `.removed`, for the administrator.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::CannotChangeFolder`] for
    /// INBOX, disk and index.
    pub async fn delete_folder(&self, account: AccountId, name: &FolderName) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::CannotChangeFolder);
        }
        let row = self.find_row(account, name).await?;
        let (path, dir) = self.place_of(&row).await?;
        // The row goes first: what a crash leaves on disk is a folder that is
        // found again, with its numbers.
        self.inner.index.delete_folder(account, row.id).await?;
        self.forget_targets(account);
        self.inner.watches.wake(row.id);
        let id = RemovalId(row.id.number());
        self.blocking(move |store| match store.inner.root.account(&path)?.remove_folder(&dir, id) {
            Err(maildir::Error::Missing(_)) => Ok(()),
            removed => Ok(removed?),
        })
        .await
    }

    /// SUBSCRIBE: the name need not exist.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], [`StoreError::TooMany`].
    pub async fn subscribe(&self, account: AccountId, name: &FolderName) -> Result<(), StoreError> {
        if self.inner.index.subscriptions(account).await?.len() >= MAX_SUBSCRIPTIONS {
            return Err(StoreError::TooMany);
        }
        Ok(self.inner.index.subscribe(account, name.as_str()).await?)
    }

    /// UNSUBSCRIBE: nothing happens where it was not subscribed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn unsubscribe(&self, account: AccountId, name: &FolderName) -> Result<(), StoreError> {
        Ok(self.inner.index.unsubscribe(account, name.as_str()).await?)
    }

    /// STATUS.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::Index`].
    pub async fn status(&self, account: AccountId, name: &FolderName) -> Result<Status, StoreError> {
        let mailbox = self.mailbox(account, name).await?;
        self.scan_if_possible(&mailbox, Eager::Now).await?;
        let row = self.row(&mailbox).await?;
        let totals = self.inner.index.totals(&row).await?;
        let narrow = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Ok(Status {
            messages: narrow(totals.messages),
            recent: narrow(totals.recent),
            unseen: narrow(totals.unseen),
            deleted: narrow(totals.deleted),
            size: totals.size,
            uid_next: row.uid_next,
            uid_validity: row.uid_validity,
            highest_modseq: row.modseq,
        })
    }

    /// The handle of a folder, without reading it: the target of APPEND.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], [`StoreError::Index`].
    pub async fn mailbox(&self, account: AccountId, name: &FolderName) -> Result<Mailbox, StoreError> {
        let row = self.find_row(account, name).await?;
        Ok(self.handle(account, row.id))
    }

    pub(crate) async fn find_row(&self, account: AccountId, name: &FolderName) -> Result<FolderRow, StoreError> {
        if let Some(row) = self.inner.index.folder_by_name(account, name.as_str()).await? {
            return Ok(row);
        }
        // Another program may have made it.
        let rows = self.sync_folders(account).await?;
        rows.into_iter().find(|row| row.shown_name == name.as_str()).ok_or(StoreError::NoSuchFolder)
    }

    pub(crate) async fn folder_or_new(&self, account: AccountId, name: &FolderName) -> Result<FolderRow, StoreError> {
        match self.find_row(account, name).await {
            Err(StoreError::NoSuchFolder) => {}
            found => return found,
        }
        if self.inner.index.folders(account).await?.len() >= self.inner.settings.max_folders {
            return Err(StoreError::TooMany);
        }
        match self.create_row(account, name, None).await {
            Err(StoreError::FolderExists) => self.find_row(account, name).await,
            made => made,
        }
    }

    pub(crate) async fn junk_or_new(&self, account: AccountId) -> Result<FolderRow, StoreError> {
        let name = FolderName::parse("Junk")?;
        match self.find_row(account, &name).await {
            Err(StoreError::NoSuchFolder) => self.create_row(account, &name, Some(SpecialUse::Junk)).await,
            found => found,
        }
    }

    /// Makes a folder on disk, then its row.
    pub(crate) async fn create_row(
        &self,
        account: AccountId,
        name: &FolderName,
        special_use: Option<SpecialUse>,
    ) -> Result<FolderRow, StoreError> {
        let path = self.account_state(account).await?.path.clone();
        let dir = name.dir();
        let made = dir.clone();
        self.blocking(move |store| store.inner.root.account(&path)?.create_folder(&made)).await?;
        self.insert_row(account, name, &dir, special_use).await
    }

    /// A row for a folder that is on disk; a folder that was numbered before
    /// keeps its numbers.
    async fn insert_row(
        &self,
        account: AccountId,
        name: &FolderName,
        dir: &FolderDir,
        special_use: Option<SpecialUse>,
    ) -> Result<FolderRow, StoreError> {
        let path = self.account_state(account).await?.path.clone();
        let opened = dir.clone();
        let (list, keywords) = self
            .blocking(move |store| {
                let folder = store.open_folder(&path, &opened)?;
                Ok::<_, StoreError>((read_list(&folder)?, read_keywords(&folder)?))
            })
            .await?;
        let new = NewFolder {
            account,
            shown_name: name.as_str(),
            disk_name: disk_name(dir).ok_or(StoreError::CannotChangeFolder)?,
            special_use,
            // With no numbers left, new ones under another UIDVALIDITY are
            // better than a folder that takes no mail.
            numbered: list
                .filter(|list| list.next_uid < USED_UP)
                .map(|list| (UidValidity(list.uid_validity), list.next_uid)),
            keywords: &keywords,
        };
        match self.inner.index.create_folder(&new, self.now_secs()).await {
            Ok(row) => Ok(row),
            Err(IndexError::NoSuchRow) => Err(StoreError::NoSuchAccount),
            Err(error) => Err(error.into()),
        }
    }

    /// The rows of all folders that are on disk, made where they are missing.
    pub(crate) async fn sync_folders(&self, account: AccountId) -> Result<Vec<FolderRow>, StoreError> {
        let path = self.account_state(account).await?.path.clone();
        let dirs = self.blocking(move |store| store.inner.root.account(&path)?.folders()).await?;
        let mut rows = self.inner.index.folders(account).await?;
        for dir in &dirs {
            let Some(disk) = disk_name(dir) else { continue };
            if rows.iter().any(|row| row.disk_name == disk) || rows.len() >= self.inner.settings.max_folders {
                continue;
            }
            let Some(name) = FolderName::from_disk(dir) else { continue };
            match self.insert_row(account, &name, dir, None).await {
                Ok(row) => rows.push(row),
                Err(StoreError::FolderExists) => {}
                // Without room for the row it comes later.
                Err(error) if self.lacks_room(&error).await => {}
                Err(error) => return Err(error),
            }
        }
        rows.retain(|row| dirs.iter().any(|dir| dir.as_bytes() == row.disk_name.as_bytes()));
        Ok(rows)
    }
}

fn level(name: FolderName) -> Folder {
    Folder { name, exists: false, special_use: None, subscribed: false, has_children: false }
}
