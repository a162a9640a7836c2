//! Delivery: every recipient's file durable in his `tmp/`, what is owed
//! durable in the spool, the renames, the directories, one commit, and only
//! then the proof.

use std::sync::PoisonError;

use index::{AccountId, Arrival, Flags, InternalDate, KeywordSet, MailboxId, NewMessage, Outcome, SpecialUse, Uid};
use mail::SpoolId;
use maildir::AccountPath;
use spool::Spooled;
use uidlist::{BaseName, FolderDir, Sizes};

use crate::publish::{Group, Placed, publish};
use crate::recover::Acknowledged;
use crate::{Delivered, DeliveredCopy, Delivery, FolderName, Store, StoreError, Target};

/// One copy, with all that was decided about it before anything is written.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    pub(crate) path: AccountPath,
    pub(crate) dir: FolderDir,
    pub(crate) base: BaseName,
    pub(crate) sizes: Sizes,
    pub(crate) flags: Flags,
    pub(crate) trace: Vec<u8>,
    pub(crate) now_secs: i64,
}

impl Store {
    /// Delivers one message to all its recipients, or to none. Each one's file
    /// is his own trace, the common `header` (LF, with its empty line), and the
    /// body from the spool. The spool file is settled here.
    ///
    /// A recipient who is below his quota gets the message whatever its size: he
    /// was accepted when the size was not known.
    ///
    /// # Errors
    ///
    /// Each of them means that nobody got anything; say 4xx.
    pub async fn deliver(&self, spooled: Spooled, header: Vec<u8>, to: Vec<Delivery>) -> Result<Delivered, StoreError> {
        let done = self.deliver_each(spooled, header, vec![to]).await?.pop();
        done.unwrap_or(Ok(Delivered { copies: Vec::new() }))
    }

    /// As [`Store::deliver`], for recipients each of whom has an answer of his
    /// own (LMTP, RFC 2033 §4.2): the copies of one are all made or none, and
    /// keep nothing from the others. One result for each, in their order.
    ///
    /// # Errors
    ///
    /// Nobody got anything.
    pub async fn deliver_each(
        &self,
        spooled: Spooled,
        header: Vec<u8>,
        to: Vec<Vec<Delivery>>,
    ) -> Result<Vec<Result<Delivered, StoreError>>, StoreError> {
        self.check().await?;
        let mut groups = Vec::with_capacity(to.len());
        for group in to {
            groups.push(Box::pin(self.plan_group(&spooled, &header, group)).await);
        }
        // Whoever delivers has more to remember: this is kept apart.
        Box::pin(self.deliver_planned(spooled, header, groups)).await
    }

    async fn plan_group(&self, spooled: &Spooled, header: &[u8], group: Vec<Delivery>) -> Group<Planned> {
        let mut planned = Vec::with_capacity(group.len());
        for delivery in group {
            planned.push(self.plan(spooled, header, delivery).await?);
        }
        Ok(planned)
    }

    /// The part that quarantine shares.
    pub(crate) async fn deliver_planned(
        &self,
        spooled: Spooled,
        header: Vec<u8>,
        groups: Vec<Group<Planned>>,
    ) -> Result<Vec<Result<Delivered, StoreError>>, StoreError> {
        let all = || groups.iter().flatten().flatten();
        self.admit(all().map(|copy| copy.sizes.disk).sum(), all().count()).await?;
        // What is remembered of the accounts may be why something fails.
        let forget = all().map(|copy| copy.account).collect::<Vec<_>>();
        // Whoever asked may go away at any moment; what was begun by then is
        // finished by the next tick.
        let mut begun = Begun { store: self.clone(), id: Some(spooled.id()), acknowledged: Acknowledged::Perhaps };
        let done = self.blocking(move |store| publish(store, spooled, header, groups)).await;
        if done.as_ref().map_or(true, |(_, groups)| groups.iter().any(Result::is_err)) {
            forget.into_iter().for_each(|account| self.forget_account(account));
        }
        let (spooled, groups) = done.map_err(|error| {
            begun.id = None;
            no_such_place(error)
        })?;
        let placed: Vec<&Placed> = groups.iter().flatten().flatten().collect();
        let mut uids = self.number(spooled, &placed, &mut begun).await?.into_iter();
        let mut done = Vec::with_capacity(groups.len());
        for group in groups {
            done.push(group.map_err(no_such_place).map(|copies| {
                let made = copies.into_iter().zip(uids.by_ref());
                let made =
                    made.map(|((copy, _), uid)| DeliveredCopy { account: copy.account, mailbox: copy.mailbox, uid });
                Delivered { copies: made.collect() }
            }));
        }
        for copy in done.iter().flatten().flat_map(|delivered| &delivered.copies) {
            self.changed_here(copy.account, copy.mailbox);
        }
        Ok(done)
    }

    /// Rows for the copies that are there: their UIDs, nothing where one follows
    /// later.
    async fn number(
        &self,
        spooled: Option<Spooled>,
        placed: &[&Placed],
        begun: &mut Begun,
    ) -> Result<Vec<Option<Uid>>, StoreError> {
        let there: Vec<usize> = (0..placed.len()).filter(|at| placed[*at].1).collect();
        let mut uids = vec![None; placed.len()];
        let outcomes = match self.commit(there.iter().map(|at| placed[*at].0.row()).collect()).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::error!(%error, id = %spooled_id(begun), "rows are missing and follow later");
                return Ok(uids);
            }
        };
        for (at, outcome) in there.iter().zip(&outcomes) {
            uids[*at] = uid_of(*outcome);
        }
        if outcomes.contains(&Outcome::Refused) {
            placed.iter().for_each(|(copy, _)| self.forget_account(copy.account));
            if let [(only, _)] = placed {
                begun.id = None;
                let error = self.take_back(only.clone()).await;
                // There is one where another recipient got nothing before.
                if let Some(spooled) = spooled {
                    self.done(spooled).await;
                }
                return Err(error);
            }
            // A folder went while its mail came. It was taken, so it goes to
            // INBOX.
            begun.acknowledged = Acknowledged::Yes;
        } else if there.len() == placed.len() {
            begun.id = None;
            if let Some(spooled) = spooled {
                self.done(spooled).await;
            }
        }
        Ok(uids)
    }

    /// The only copy is in a folder that goes, perhaps with its files, and no
    /// spool entry owes it to INBOX: so nobody keeps it, and the sender comes
    /// again. Where it went to is no place that anybody reads.
    async fn take_back(&self, copy: Planned) -> StoreError {
        let removed = self
            .blocking(move |store| {
                let located = copy.arrival().located(&copy.base);
                Ok(store.open_folder(&copy.path, &copy.dir)?.remove(&[located]).map(drop)?)
            })
            .await;
        match removed {
            Ok(()) | Err(StoreError::FileMissing) => {}
            Err(error) => tracing::warn!(%error, "a copy that was not acknowledged stays"),
        }
        StoreError::Index("the folder went while its mail came".to_owned())
    }

    /// Removes a spool file; where that fails the next start finds all
    /// delivered and removes it.
    pub(crate) async fn done(&self, spooled: Spooled) {
        if let Err(error) = self.blocking(move |_| spooled.done()).await {
            tracing::warn!(%error, "a spool entry stays until the next start");
        }
    }

    /// Wakes sessions and owes the sidecar file its line.
    pub(crate) fn changed_here(&self, account: AccountId, mailbox: MailboxId) {
        self.inner.debts.owe_list(account, mailbox);
        self.inner.watches.wake(mailbox);
    }

    async fn plan(&self, spooled: &Spooled, header: &[u8], delivery: Delivery) -> Result<Planned, StoreError> {
        let (mailbox, dir) = self.target(delivery.account, &delivery.folder).await?;
        let trace = with_lf(delivery.trace);
        let planned = self.planned(spooled, header, (delivery.account, mailbox, dir), trace, delivery.flags).await?;
        self.is_below_quota(planned.account).await?;
        Ok(planned)
    }

    pub(crate) async fn planned(
        &self,
        spooled: &Spooled,
        header: &[u8],
        (account, mailbox, dir): (AccountId, MailboxId, FolderDir),
        trace: Vec<u8>,
        flags: Flags,
    ) -> Result<Planned, StoreError> {
        let path = self.account_state(account).await?.path.clone();
        let disk = (trace.len() + header.len()) as u64 + spooled.survey().body_len;
        let lines = count_lf(&trace) + count_lf(header) + spooled.survey().body_lf;
        let sizes = Sizes { disk, wire: disk + lines };
        let base = self.inner.names.next(self.now_usecs(), sizes);
        Ok(Planned { account, mailbox, path, dir, base, sizes, flags, trace, now_secs: self.now_secs() })
    }

    /// The folder that a delivery goes to; made where it is missing.
    pub(crate) async fn target(
        &self,
        account: AccountId,
        target: &Target,
    ) -> Result<(MailboxId, FolderDir), StoreError> {
        let state = self.account_state(account).await?;
        let known = state.targets.lock().unwrap_or_else(PoisonError::into_inner).get(target).cloned();
        if let Some(found) = known {
            return Ok(found);
        }
        let row = match target {
            Target::Inbox => self.folder_or_new(account, &FolderName::inbox()).await?,
            Target::Named(name) => self.folder_or_new(account, name).await?,
            Target::Junk => match self.inner.index.folder_for(account, SpecialUse::Junk).await? {
                Some(row) => row,
                None => self.junk_or_new(account).await?,
            },
        };
        let found = (row.id, crate::store::dir_of(&row)?);
        let mut targets = state.targets.lock().unwrap_or_else(PoisonError::into_inner);
        // Names come from filters, so there is no telling how many.
        if targets.len() >= 100 {
            targets.clear();
        }
        targets.insert(target.clone(), found.clone());
        Ok(found)
    }
}

impl Planned {
    /// The letters that the file's name gets.
    pub(crate) fn letters(&self) -> uidlist::Flags {
        index::letters_of(self.flags, KeywordSet::default())
    }

    fn row(&self) -> NewMessage {
        NewMessage {
            mailbox: self.mailbox,
            uid: None,
            base: self.base.clone(),
            arrival: Arrival::Ours,
            flags: self.flags,
            keywords: Vec::new(),
            size: self.sizes.disk,
            wsize: self.sizes.wire,
            internal_date: InternalDate { secs: self.now_secs, offset_minutes: 0 },
            saved: self.now_secs,
            letters: self.letters(),
        }
    }
}

/// The folder was there when the delivery was planned.
fn no_such_place(error: StoreError) -> StoreError {
    match error {
        StoreError::FileMissing => StoreError::Disk("a folder is not there any more".to_owned()),
        other => other,
    }
}

/// Hands a delivery to the next tick when it is dropped with an id.
struct Begun {
    store: Store,
    id: Option<SpoolId>,
    acknowledged: Acknowledged,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.store.inner.debts.owe_delivery(id, self.store.now_secs(), self.acknowledged);
        }
    }
}

fn spooled_id(begun: &Begun) -> String {
    begun.id.map_or_else(String::new, |id| id.to_string())
}

pub(crate) fn uid_of(outcome: Outcome) -> Option<Uid> {
    match outcome {
        Outcome::Inserted(uid) | Outcome::Known(uid) => Some(uid),
        Outcome::Gone | Outcome::Refused | Outcome::Unpromised => None,
    }
}

pub(crate) fn count_lf(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Header lines come with LF or CRLF; files have LF.
pub(crate) fn with_lf(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut last = None;
    let crlf = bytes.windows(2).any(|pair| pair == b"\r\n");
    if crlf {
        let copy = std::mem::take(&mut bytes);
        for b in copy {
            if b == b'\n' && last == Some(b'\r') {
                bytes.pop();
            }
            bytes.push(b);
            last = Some(b);
        }
    }
    bytes
}
