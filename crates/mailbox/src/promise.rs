//! Rows for new messages, whose numbers the folder's sidecar file promises
//! first: whoever has lost the index begins behind what that file says, so no
//! number can be given out twice.

use std::collections::BTreeMap;

use index::{IndexError, MailboxId, NewMessage, Outcome, Uid};

use crate::{Store, StoreError};

/// How often others may take the numbers away that were just promised.
const ROUNDS: usize = 8;

/// How many numbers a folder needs, and the least that the next one may be.
type Needs = BTreeMap<MailboxId, (u32, u32)>;

impl Store {
    /// [`index::Index::commit`], with the promises that it needs: durable when
    /// it returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], and the disk where a promise cannot be written;
    /// some of the rows may then be there.
    pub(crate) async fn commit(&self, messages: Vec<NewMessage>) -> Result<Vec<Outcome>, StoreError> {
        let _telling = self.telling();
        let mut outcomes = self.inner.index.commit(messages.clone()).await?;
        for _ in 0..ROUNDS {
            let places: Vec<usize> =
                (0..messages.len()).filter(|at| outcomes.get(*at) == Some(&Outcome::Unpromised)).collect();
            if places.is_empty() {
                return Ok(outcomes);
            }
            for (mailbox, (count, least)) in needs(places.iter().map(|at| &messages[*at])) {
                Box::pin(self.promise(mailbox, count, least)).await?;
            }
            let again = places.iter().map(|at| messages[*at].clone()).collect();
            for (at, outcome) in places.into_iter().zip(self.inner.index.commit(again).await?) {
                outcomes[at] = outcome;
            }
        }
        Err(StoreError::Index("the numbers of a folder go faster than they can be promised".to_owned()))
    }

    async fn promise(&self, id: MailboxId, count: u32, least: u32) -> Result<(), StoreError> {
        let row = match self.inner.index.folder_by_id(id).await {
            // The commit will say so.
            Err(IndexError::NoSuchRow) => return Ok(()),
            row => row?,
        };
        let (path, dir) = self.place_of(&row).await?;
        let next = row.uid_next.max(least).saturating_add(count);
        let raised = self.blocking(move |store| crate::sidecar::raise(store, (&path, &dir), &row, next)).await?;
        Ok(self.inner.index.promise_uids(id, raised).await?)
    }
}

fn needs<'a>(messages: impl Iterator<Item = &'a NewMessage>) -> Needs {
    let mut needs = Needs::new();
    for message in messages {
        let (count, least) = needs.entry(message.mailbox).or_default();
        match message.uid {
            None => *count = count.saturating_add(1),
            Some(uid) => *least = Uid::get(uid).saturating_add(1).max(*least),
        }
    }
    needs
}
