//! EXPUNGE: the tombstone is the acknowledgement and owes the unlink, which
//! follows.

use std::collections::HashSet;

use index::{Flags, Known, Removed, Uid, Which};
use maildir::Located;

use crate::{Expunge, Mailbox, Store, StoreError};

impl Store {
    /// EXPUNGE: returns the numbers of those that went, ascending.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`]. A file that cannot be unlinked now is unlinked
    /// by a later scan. [`StoreError::DiskFull`] where the index has no room
    /// even for what goes; the files are gone then, and their rows follow.
    pub async fn expunge(&self, mailbox: &Mailbox, which: &Expunge) -> Result<Vec<Uid>, StoreError> {
        self.row(mailbox).await?;
        let which = match which {
            Expunge::All => Which::Deleted,
            Expunge::Among(uids) => Which::DeletedAmong(uids),
            Expunge::These(uids) => Which::These(uids),
        };
        // A session that goes away in the middle leaves the rest to a scan.
        self.unsettle(mailbox.id);
        let _telling = self.telling();
        let now = self.now_secs();
        let removed = match self.making_room(|| self.inner.index.remove(mailbox.id, which, now)).await {
            Err(error) if self.lacks_room(&error).await => self.files_first(mailbox, which).await?,
            removed => removed?,
        };
        if removed.is_empty() {
            return Ok(Vec::new());
        }
        self.changed_here(mailbox.account, mailbox.id);
        let uids = removed.iter().map(|removed| removed.uid).collect();
        if let Err(error) = self.unlink(mailbox, removed).await {
            tracing::warn!(%error, mailbox = %mailbox.id, "expunged messages are unlinked later");
        }
        Ok(uids)
    }

    /// On a full disk: the files that go may be what makes room for saying so.
    /// A crash between the two leaves rows whose files are gone, as another
    /// program that removes them does.
    async fn files_first(&self, mailbox: &Mailbox, which: Which<'_>) -> Result<Vec<Removed>, StoreError> {
        let rows = self.inner.index.known_files(mailbox.account, mailbox.id).await?;
        let (path, dir) = self.place_of(&rows.folder).await?;
        let files: Vec<Located> = going(&rows.messages, which).map(|known| self.locate(mailbox, known)).collect();
        self.blocking(move |store| Ok::<_, StoreError>(store.open_folder(&path, &dir)?.remove(&files)?)).await?;
        Ok(self.inner.index.remove(mailbox.id, which, self.now_secs()).await?)
    }

    async fn unlink(&self, mailbox: &Mailbox, removed: Vec<Removed>) -> Result<(), StoreError> {
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let files: Vec<Located> = removed.iter().map(place_of).collect();
        let gone = self
            .blocking(move |store| Ok::<_, StoreError>(store.open_folder(&path, &dir)?.remove(&files)?.gone))
            .await?;
        let gone: HashSet<_> = gone.into_iter().collect();
        // What was not found may be there nevertheless, so it stays owed.
        let paid: Vec<Uid> = removed.iter().filter(|file| gone.contains(&file.base)).map(|file| file.uid).collect();
        Ok(self.inner.index.unlinked(mailbox.id, &paid).await?)
    }
}

fn going<'a>(rows: &'a [Known], which: Which<'_>) -> impl Iterator<Item = &'a Known> {
    let (named, with_deleted): (Option<HashSet<Uid>>, bool) = match which {
        Which::Deleted => (None, true),
        Which::DeletedAmong(uids) => (Some(uids.iter().copied().collect()), true),
        Which::These(uids) | Which::Lost(uids) => (Some(uids.iter().copied().collect()), false),
    };
    rows.iter().filter(move |known| {
        let is_named = named.as_ref().is_none_or(|uids| uids.contains(&known.message.uid));
        is_named && (!with_deleted || known.message.flags.has(Flags::DELETED))
    })
}

fn place_of(removed: &Removed) -> Located {
    if removed.letters.is_empty() {
        Located::in_new(&removed.base)
    } else {
        Located::in_cur(&removed.base, removed.letters)
    }
}
