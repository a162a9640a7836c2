//! STORE with UNCHANGEDSINCE (RFC 7162 §3.1.3): who has not seen the last change
//! of a message does not overwrite it.

use index::{Change, Message, ModSeq, Uid};

use crate::{Mailbox, Store, StoreError};

impl Store {
    /// [`Store::store_flags`] for those of the messages that did not change
    /// after `since`; decided in the same transaction. Those that did, and
    /// those that are gone, are left out of what is returned.
    ///
    /// # Errors
    ///
    /// As [`Store::store_flags`].
    pub async fn store_flags_unchanged(
        &self,
        mailbox: &Mailbox,
        uids: &[Uid],
        change: &Change,
        since: ModSeq,
    ) -> Result<Vec<Message>, StoreError> {
        self.row(mailbox).await?;
        self.unsettle(mailbox.id);
        let _telling = self.telling();
        let done = self.making_room(|| self.inner.index.store_flags_unchanged(mailbox.id, uids, change, since)).await?;
        let changed = done.iter().filter(|flagged| flagged.changed);
        self.inner.debts.owe_renames(mailbox, changed.clone().map(|flagged| flagged.known.message.uid));
        if changed.count() > 0 {
            self.inner.watches.wake(mailbox.id);
        }
        Ok(done.into_iter().map(|flagged| flagged.known.message).collect())
    }
}
