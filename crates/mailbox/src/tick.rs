//! What is paid later: deliveries that were interrupted, renames after changes
//! of flags, lines of sidecar files, expired copies in quarantine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use index::{AccountId, MailboxId, Uid};
use mail::SpoolId;

use crate::recover::{Acknowledged, Settled};
use crate::{Mailbox, Store, StoreError};

/// How long a delivery that nobody waits for is left alone: it may still be
/// running on another thread.
const PATIENCE_SECS: i64 = 30;
/// How many messages of one folder wait for a rename at most; a scan finds the
/// others.
const MAX_RENAMES: usize = 100_000;

/// What is owed to the disk. Lost in a crash, and found again: by the spool
/// entries, and by scans.
#[derive(Debug, Default)]
pub(crate) struct Debts {
    deliveries: Mutex<HashMap<SpoolId, (i64, Acknowledged)>>,
    renames: Mutex<BTreeMap<(AccountId, MailboxId), BTreeSet<Uid>>>,
    lists: Mutex<BTreeSet<(AccountId, MailboxId)>>,
}

/// What comes after a delivery that was tried again.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    /// The index is away; each further one would wait for it in vain.
    Later,
}

impl Debts {
    pub(crate) fn owe_delivery(&self, id: SpoolId, since: i64, acknowledged: Acknowledged) {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (since, acknowledged));
    }

    pub(crate) fn owe_renames(&self, mailbox: &Mailbox, uids: impl Iterator<Item = Uid>) {
        let mut renames = self.renames.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = renames.entry((mailbox.account, mailbox.id)).or_default();
        for uid in uids {
            if waiting.len() < MAX_RENAMES {
                waiting.insert(uid);
            }
        }
    }

    pub(crate) fn owe_list(&self, account: AccountId, mailbox: MailboxId) {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert((account, mailbox));
    }

    fn due_deliveries(&self, now: i64) -> Vec<(SpoolId, Acknowledged)> {
        let all = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the future is from before the clock was set back.
        let due = all.iter().filter(|(_, (since, _))| !(0..PATIENCE_SECS).contains(&now.saturating_sub(*since)));
        due.map(|(id, (_, acknowledged))| (*id, *acknowledged)).collect()
    }

    fn take_renames(&self) -> BTreeMap<(AccountId, MailboxId), BTreeSet<Uid>> {
        std::mem::take(&mut *self.renames.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_lists(&self) -> BTreeSet<(AccountId, MailboxId)> {
        std::mem::take(&mut *self.lists.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// What is done in the background: deliveries still owed, owed renames,
    /// sidecar files, expiry of the quarantine and of tombstones, a look at the
    /// room on the disks and at the generation of the index. Call it about once a second,
    /// one call at a time; never fails, logs what did not work.
    pub async fn tick(&self) {
        self.measure_room().await;
        self.keep_ballast().await;
        if let Err(error) = self.owed_generation().await {
            tracing::warn!(%error, "the generation of the index could not be checked yet");
        } else if let Err(error) = self.watch_generation().await {
            tracing::debug!(%error, "the generation of the index could not be looked at");
        }
        for (id, acknowledged) in self.inner.debts.due_deliveries(self.now_secs()) {
            if self.retry_delivery(id, acknowledged).await == Next::Later {
                break;
            }
        }
        self.pay_renames().await;
        self.pay_lists().await;
        self.expire_quarantine().await;
        self.purge_tombstones().await;
    }

    /// Pays all that is owed to the disk, for a clean stop.
    pub async fn close(&self) {
        self.pay_renames().await;
        self.pay_lists().await;
        self.inner.index.close().await;
    }

    async fn retry_delivery(&self, id: SpoolId, acknowledged: Acknowledged) -> Next {
        match self.settle_entry(id, acknowledged).await {
            Ok(settled) => {
                self.inner.debts.deliveries.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                if matches!(settled, Settled::Completed) {
                    tracing::info!(%id, "a delivery was completed later");
                }
                Next::Go
            }
            Err(error) => {
                tracing::warn!(%error, %id, "a delivery cannot be completed yet");
                self.inner.debts.owe_delivery(id, self.now_secs(), acknowledged);
                if matches!(error, StoreError::Index(_)) { Next::Later } else { Next::Go }
            }
        }
    }

    /// An index that is away is waited for once; the rest is owed still.
    async fn pay_renames(&self) {
        let mut waiting = self.inner.debts.take_renames().into_iter();
        for ((account, id), uids) in waiting.by_ref() {
            let mailbox = self.handle(account, id);
            let uids: Vec<Uid> = uids.into_iter().collect();
            match self.rename_files(&mailbox, &uids).await {
                Ok(()) | Err(StoreError::NoSuchFolder) => {}
                Err(error) => {
                    tracing::warn!(%error, mailbox = %id, "names of files lag behind their flags");
                    self.inner.debts.owe_renames(&mailbox, uids.into_iter());
                    if matches!(error, StoreError::Index(_)) {
                        break;
                    }
                }
            }
        }
        for ((account, id), uids) in waiting {
            self.inner.debts.owe_renames(&self.handle(account, id), uids.into_iter());
        }
    }

    async fn pay_lists(&self) {
        let mut waiting = self.inner.debts.take_lists().into_iter();
        for (account, id) in waiting.by_ref() {
            if let Err(error) = self.write_sidecar(&self.handle(account, id)).await {
                tracing::warn!(%error, mailbox = %id, "a uidlist lags behind its folder");
                if matches!(error, StoreError::Index(_)) {
                    self.inner.debts.owe_list(account, id);
                    break;
                }
            }
        }
        for (account, id) in waiting {
            self.inner.debts.owe_list(account, id);
        }
    }
}
