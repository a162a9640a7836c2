//! MOVE (RFC 6851): each message changes its folder by one rename, so whenever
//! the server dies it is in one of the two and not in both.
//!
//! The rows follow: new ones there, then tombstones here. Where they do not
//! come to that, the next scans find a file without a row and a row without a
//! file, and settle both as they do for any other program that moves mail.

use index::{Uid, Which};
use maildir::{Folder, Located};
use uidlist::BaseName;

use crate::copy::Place;
use crate::{Copied, Mailbox, Store, StoreError};

/// One message to move.
#[derive(Clone)]
struct Job {
    located: Located,
    base: BaseName,
    letters: uidlist::Flags,
}

impl Store {
    /// MOVE within an account: all or none, durable when it returns. UIDs that
    /// are gone are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`] also where the folders are not of one
    /// account, [`StoreError::FileMissing`], disk and index.
    pub async fn transfer(&self, from: &Mailbox, uids: &[Uid], to: &Mailbox) -> Result<Copied, StoreError> {
        if from.account != to.account {
            return Err(StoreError::NoSuchFolder);
        }
        self.check().await?;
        let (source, target) = (self.row(from).await?, self.row(to).await?);
        let places = (self.place_of(&source).await?, self.place_of(&target).await?);
        // Nobody looks at the folders while files are there and rows are not
        // yet; the gates are entered in one order by all.
        let (first, second) = if from.id <= to.id { (from, to) } else { (to, from) };
        let first_state = self.folder_state(first.id);
        let _first = first_state.gate.enter().await;
        let second_state = self.folder_state(second.id);
        let _second = if first.id == second.id { None } else { Some(second_state.gate.enter().await) };
        // Read within the gates: no rename of ours is under way now.
        let known = self.inner.index.messages(from.id, uids).await?;
        let mut jobs = Vec::with_capacity(known.len());
        let mut rows = Vec::with_capacity(known.len());
        for known in &known {
            let row = self.copied_row(known, &source.keywords, to);
            jobs.push(Job { located: self.locate(from, known), base: row.base.clone(), letters: row.letters });
            rows.push(row);
        }
        // A session that goes away in the middle leaves the rest to a scan.
        self.unsettle(from.id);
        self.unsettle(to.id);
        let (there, back) = (jobs.clone(), (places.0.clone(), places.1.clone()));
        self.blocking(move |store| rename_all(store, &places.0, &places.1, &there)).await?;
        let outcomes = self.commit(rows).await;
        let refused = matches!(&outcomes, Ok(outcomes) if outcomes.contains(&index::Outcome::Refused));
        if outcomes.is_err() || refused {
            self.blocking(move |store| rename_back(store, &back.0, &back.1, &jobs)).await;
        }
        let outcomes = outcomes?;
        if refused {
            return Err(StoreError::TooMany);
        }
        let moved: Vec<Uid> = known.iter().map(|known| known.message.uid).collect();
        self.forget_moved(from, &moved).await;
        self.changed_here(to.account, to.id);
        Ok(Copied::of(target.uid_validity, moved, outcomes))
    }

    /// The messages are in the other folder for good, so this does not fail:
    /// what it cannot do, a scan does.
    async fn forget_moved(&self, from: &Mailbox, uids: &[Uid]) {
        let _telling = self.telling();
        if let Err(error) = self.inner.index.remove(from.id, Which::Lost(uids), self.now_secs()).await {
            tracing::warn!(%error, mailbox = %from.id, "messages that were moved vanish from their old folder later");
        }
        self.changed_here(from.account, from.id);
    }
}

/// Renames all files, or none; blocks.
fn rename_all(store: &Store, from: &Place, to: &Place, jobs: &[Job]) -> Result<(), StoreError> {
    let (source, target) = (store.open_folder(&from.0, &from.1)?, store.open_folder(&to.0, &to.1)?);
    for (at, job) in jobs.iter().enumerate() {
        if let Err(error) = source.transfer(&job.located, &target, &job.base, job.letters) {
            put_back(&source, &target, &jobs[..at]);
            return Err(error.into());
        }
    }
    // The target first: a power cut between the two leaves a name in both at
    // worst, which is found, never one in none.
    if let Err(error) = target.sync().and_then(|()| source.sync()) {
        put_back(&source, &target, jobs);
        return Err(error.into());
    }
    Ok(())
}

fn rename_back(store: &Store, from: &Place, to: &Place, jobs: &[Job]) {
    let folders = store.open_folder(&from.0, &from.1).and_then(|source| Ok((source, store.open_folder(&to.0, &to.1)?)));
    match folders {
        Ok((source, target)) => put_back(&source, &target, jobs),
        Err(error) => tracing::error!(%error, "messages stay moved and are taken in by the next scan"),
    }
}

fn put_back(source: &Folder, target: &Folder, jobs: &[Job]) {
    for job in jobs {
        let there =
            if job.letters.is_empty() { Located::in_new(&job.base) } else { Located::in_cur(&job.base, job.letters) };
        let (base, letters) = (job.located.name.base(), job.located.name.flags());
        if let Err(error) = target.transfer(&there, source, base, letters) {
            tracing::error!(%error, "a message stays moved and is taken in by the next scan");
        }
    }
    if let Err(error) = source.sync().and_then(|()| target.sync()) {
        tracing::error!(%error, "messages that were put back are not durable");
    }
}
