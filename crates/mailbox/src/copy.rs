//! COPY: new files with new names, all or none.

use index::{Arrival, Known, NewMessage, Outcome, Uid, UidValidity};
use maildir::{AccountPath, Folder, Located, Staged};
use uidlist::{BaseName, FolderDir, Sizes};

use crate::deliver::uid_of;
use crate::publish::arrival;
use crate::{Copied, Mailbox, Store, StoreError};

/// One message to copy.
struct Job {
    located: Located,
    base: BaseName,
    letters: uidlist::Flags,
    received_secs: i64,
}

/// An account's Maildir, and a folder in it.
pub(crate) type Place = (AccountPath, FolderDir);

impl Store {
    /// COPY: all or nothing, durable when it returns. UIDs that are gone are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::ExceedsQuota`], [`StoreError::NoSuchFolder`],
    /// [`StoreError::FileMissing`], disk and index.
    pub async fn copy(&self, from: &Mailbox, uids: &[Uid], to: &Mailbox) -> Result<Copied, StoreError> {
        let known = self.inner.index.messages(from.id, uids).await?;
        self.room_for(to.account, known.iter().map(|known| known.message.size).sum()).await?;
        self.copy_known(from, known, to).await
    }

    /// COPY without asking for the quota.
    pub(crate) async fn copy_all(&self, from: &Mailbox, uids: &[Uid], to: &Mailbox) -> Result<Copied, StoreError> {
        let known = self.inner.index.messages(from.id, uids).await?;
        self.copy_known(from, known, to).await
    }

    async fn copy_known(&self, from: &Mailbox, known: Vec<Known>, to: &Mailbox) -> Result<Copied, StoreError> {
        self.check().await?;
        self.admit(known.iter().map(|known| known.message.size).sum(), known.len()).await?;
        let (source, target) = (self.row(from).await?, self.row(to).await?);
        let places = (self.place_of(&source).await?, self.place_of(&target).await?);
        let mut jobs = Vec::with_capacity(known.len());
        let mut rows = Vec::with_capacity(known.len());
        for known in &known {
            let row = self.copied_row(known, &source.keywords, to);
            jobs.push(Job {
                located: self.locate(from, known),
                base: row.base.clone(),
                letters: row.letters,
                received_secs: row.internal_date.secs,
            });
            rows.push(row);
        }
        let placed = self.blocking(move |store| place_all(store, &places.0, &places.1, &jobs)).await?;
        let outcomes = self.commit_or_remove(vec![placed], rows).await?;
        self.changed_here(to.account, to.id);
        Ok(Copied::of(target.uid_validity, known.iter().map(|known| known.message.uid), outcomes))
    }

    /// The row that a message has in another folder.
    pub(crate) fn copied_row(&self, known: &Known, list: &[index::Keyword], to: &Mailbox) -> NewMessage {
        let message = &known.message;
        let sizes = Sizes { disk: message.size, wire: message.wsize };
        NewMessage {
            mailbox: to.id,
            uid: None,
            base: self.inner.names.next(self.now_usecs(), sizes),
            arrival: Arrival::Ours,
            flags: message.flags,
            keywords: message.keywords.positions().filter_map(|at| list.get(at).cloned()).collect(),
            size: message.size,
            wsize: message.wsize,
            internal_date: message.internal_date,
            saved: self.now_secs(),
            // Letters of keywords differ from folder to folder; the next scan
            // finds that they are owed.
            letters: index::letters_of(message.flags, index::KeywordSet::default()),
        }
    }
}

impl Copied {
    /// What became of each message; those without a row of their own there are
    /// left out.
    pub(crate) fn of(
        uid_validity: UidValidity,
        from: impl IntoIterator<Item = Uid>,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        let numbered = from.into_iter().zip(outcomes).filter_map(|(uid, outcome)| Some((uid, uid_of(outcome)?)));
        let (from, to) = numbered.unzip();
        Self { uid_validity, from, to }
    }
}

/// Writes all files before the first gets its name; blocks.
fn place_all(store: &Store, from: &Place, to: &Place, jobs: &[Job]) -> Result<(Folder, Vec<Located>), StoreError> {
    let source = store.open_folder(&from.0, &from.1)?;
    let target = store.open_folder(&to.0, &to.1)?;
    let mut staged: Vec<Staged> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let file = source.open_message(&job.located)?;
        staged.push(target.stage(&job.base, &[file.as_piece()], job.received_secs)?);
    }
    let mut published = Vec::with_capacity(jobs.len());
    for (file, job) in staged.into_iter().zip(jobs) {
        match file.publish(arrival(job.letters)) {
            Ok(done) => published.push(done),
            Err(error) => {
                let there: Vec<Located> = published.iter().map(|done| done.located().clone()).collect();
                // What stays is taken in by the next scan: a copy too many.
                let _ = target.remove(&there);
                return Err(error.into());
            }
        }
    }
    let located = target.settle(published)?;
    Ok((target, located))
}
