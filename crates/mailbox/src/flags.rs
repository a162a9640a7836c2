//! STORE: the commit is the acknowledgement, the names of the files follow.

use index::{Change, FlagAction, Flags, Message, Uid};

use crate::{Mailbox, Store, StoreError};

impl Store {
    /// STORE: returns the messages as they are now, those that did not
    /// change included; UIDs that are gone are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] keywords, [`StoreError::Index`].
    pub async fn store_flags(
        &self,
        mailbox: &Mailbox,
        uids: &[Uid],
        change: &Change,
    ) -> Result<Vec<Message>, StoreError> {
        // The handle may be older than the folder.
        self.row(mailbox).await?;
        self.unsettle(mailbox.id);
        let _telling = self.telling();
        let done = match self.making_room(|| self.inner.index.store_flags(mailbox.id, uids, change)).await {
            // Reading marks as read: a mark that cannot be written keeps nobody
            // from reading.
            Err(error) if marks_as_read(change) && self.lacks_room(&error).await => {
                let known = self.inner.index.messages(mailbox.id, uids).await?;
                return Ok(known.into_iter().map(|known| known.message).collect());
            }
            done => done?,
        };
        let changed = done.iter().filter(|flagged| flagged.changed);
        self.inner.debts.owe_renames(mailbox, changed.clone().map(|flagged| flagged.known.message.uid));
        if changed.count() > 0 {
            self.inner.watches.wake(mailbox.id);
        }
        Ok(done.into_iter().map(|flagged| flagged.known.message).collect())
    }
}

fn marks_as_read(change: &Change) -> bool {
    change.how == FlagAction::Add && change.flags == Flags::SEEN && change.keywords.is_empty()
}
