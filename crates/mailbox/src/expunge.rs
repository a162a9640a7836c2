//! EXPUNGE: the tombstone is the acknowledgement and owes the unlink, which
//! follows.

use index::{Removed, Uid, Which};
use maildir::Located;

use crate::{Expunge, Mailbox, Store, StoreError};

impl Store {
    /// EXPUNGE: returns the numbers of those that went, ascending.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`]. A file that cannot be unlinked now is unlinked
    /// by a later scan.
    pub async fn expunge(&self, mailbox: &Mailbox, which: &Expunge) -> Result<Vec<Uid>, StoreError> {
        self.row(mailbox).await?;
        let which = match which {
            Expunge::All => Which::Deleted,
            Expunge::Among(uids) => Which::DeletedAmong(uids),
            Expunge::These(uids) => Which::These(uids),
        };
        // A session that goes away in the middle leaves the rest to a scan.
        self.unsettle(mailbox.id);
        let removed = self.inner.index.remove(mailbox.id, which, self.now_secs()).await?;
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

    async fn unlink(&self, mailbox: &Mailbox, removed: Vec<Removed>) -> Result<(), StoreError> {
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let files: Vec<Located> = removed.iter().map(place_of).collect();
        let gone = self
            .blocking(move |store| Ok::<_, StoreError>(store.open_folder(&path, &dir)?.remove(&files)?.gone))
            .await?;
        let gone: std::collections::HashSet<_> = gone.into_iter().collect();
        // What was not found may be there nevertheless, so it stays owed.
        let paid: Vec<Uid> = removed.iter().filter(|file| gone.contains(&file.base)).map(|file| file.uid).collect();
        Ok(self.inner.index.unlinked(mailbox.id, &paid).await?)
    }
}

fn place_of(removed: &Removed) -> Located {
    if removed.letters.is_empty() {
        Located::in_new(&removed.base)
    } else {
        Located::in_cur(&removed.base, removed.letters)
    }
}
