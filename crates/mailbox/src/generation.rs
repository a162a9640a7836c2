//! The number beside the Maildirs that tells whether the index is older than
//! they are: looked at when the server starts and each second while it runs,
//! and raised each minute in which something was told to anybody, so that a copy
//! of the index is older than the number soon after it was made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use maildir::Name;

use crate::scan::FolderState;
use crate::{Store, StoreError};

/// The file in the folder for all mail.
const FILE: &[u8] = b".gatepost-generation";
/// More bytes than a number has.
const CAP: usize = 64;
/// How long a generation lasts while numbers are given out, in seconds.
const LASTS_SECS: i64 = 60;

/// Numbers are given out while this is held: the generation is raised within a
/// minute after it.
#[must_use]
pub(crate) struct Telling<'a>(&'a AtomicBool);

impl Drop for Telling<'_> {
    /// Again at the end: a generation may have begun between the beginning and
    /// the commit, and a copy of the index may be of that time.
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Store {
    /// To be called by whoever raises UIDs or MODSEQs.
    pub(crate) fn telling(&self) -> Telling<'_> {
        self.inner.told.store(true, Ordering::Release);
        Telling(&self.inner.told)
    }

    /// Begins the generation that [`Store::recover`] could not begin, since no
    /// number may be given out before it is known whether some were lost.
    pub(crate) async fn owed_generation(&self) -> Result<(), StoreError> {
        if self.inner.generation_owed.load(Ordering::Acquire) {
            self.begin_generation().await?;
            self.inner.generation_owed.store(false, Ordering::Release);
        }
        Ok(())
    }

    pub(crate) async fn begin_generation(&self) -> Result<(), StoreError> {
        let told = self.inner.told.swap(false, Ordering::AcqRel);
        let began = self.begin_next().await;
        if began.is_err() {
            // It is still due, for the file may say the old number.
            self.inner.told.fetch_or(told, Ordering::AcqRel);
        }
        began
    }

    async fn begin_next(&self) -> Result<(), StoreError> {
        let in_file = self.blocking(read).await?;
        let began = self.inner.index.begin_generation(in_file).await?;
        self.inner.generation.store(began.number, Ordering::Release);
        self.inner.generation_at.store(self.now_secs(), Ordering::Release);
        if began.jumped {
            self.forget_all().await;
        }
        self.blocking(move |store| write(store, began.number)).await
    }

    /// Notices an index that was restored from an older copy meanwhile, and
    /// raises the number where it is due.
    pub(crate) async fn watch_generation(&self) -> Result<(), StoreError> {
        let ours = self.inner.generation.load(Ordering::Acquire);
        if ours == 0 {
            return Ok(());
        }
        let is_older = self.inner.index.generation().await? < ours;
        let age = self.now_secs().saturating_sub(self.inner.generation_at.load(Ordering::Acquire));
        let is_due = self.inner.told.load(Ordering::Acquire) && !(0..LASTS_SECS).contains(&age);
        if is_older || is_due { self.begin_generation().await } else { Ok(()) }
    }

    /// What is remembered of the index is not so any more. Sessions lose the
    /// folder that they have open: what they know of it may be of messages that
    /// have other numbers now.
    async fn forget_all(&self) {
        self.inner.epoch.fetch_add(1, Ordering::AcqRel);
        self.inner.accounts.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // Not new states, for a second one would be a second gate.
        let folders: Vec<Arc<FolderState>> =
            self.inner.folders.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        // Where somebody writes a sidecar file at the moment this waits.
        self.blocking(move |_| folders.iter().for_each(|folder| folder.forget())).await;
        self.inner.watches.wake_all();
    }
}

/// The number in the file, 0 where there is none; blocks.
fn read(store: &Store) -> Result<u64, StoreError> {
    let text = store.inner.root.read_file(&Name::new(FILE)?, CAP)?;
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Ok(text.trim().parse().unwrap_or(0))
}

/// Writes the number, durably; blocks.
fn write(store: &Store, number: u64) -> Result<(), StoreError> {
    Ok(store.inner.root.replace_file(&Name::new(FILE)?, format!("{number}\n").as_bytes())?)
}
