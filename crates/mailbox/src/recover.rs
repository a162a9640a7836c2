//! Deliveries that did not come to their end: completed from the spool entry,
//! or taken back where nobody saw anything yet.

use std::sync::atomic::Ordering;

use index::{AccountId, Arrival, Flags, FolderRow, IndexError, InternalDate, NewMessage, Outcome};
use mail::SpoolId;
use maildir::{Located, Piece};
use spool::{OwedDelivery, Pending, Spooled};
use uidlist::{FolderDir, Sizes};

use crate::deliver::count_lf;
use crate::publish::arrival;
use crate::store::{dir_of, disk_name};
use crate::{FolderName, Recovered, Store, StoreError};

/// What is known of one owed copy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It has a row, or had one.
    Known,
    /// Its file is there, its row is not.
    File,
    /// Nothing is there.
    Nothing,
}

/// One owed copy, its place, and what is there of it.
struct Owing {
    delivery: OwedDelivery,
    place: Place,
    found: Found,
}

/// Whether the sender was told that the message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// Surely, whatever is found.
    Yes,
    /// If a copy is found.
    Perhaps,
}

/// Where an owed copy belongs.
struct Place {
    row: FolderRow,
    dir: FolderDir,
    /// Whether its folder is gone, and this is INBOX instead.
    instead: bool,
}

/// What became of one entry.
pub(crate) enum Settled {
    /// All copies are there.
    Completed,
    /// None was, and the entry is gone.
    TakenBack,
    /// There was no entry.
    Nothing,
}

impl Store {
    /// Completes or takes back what a crash left between staging and commit,
    /// and begins a new generation of the index. Call it before the first
    /// delivery; where the index is away, [`Store::tick`] goes on with it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Disk`] where the spool cannot be read.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        if let Err(error) = self.begin_generation().await {
            tracing::warn!(%error, "the generation of the index could not be checked yet");
            self.inner.generation_owed.store(true, Ordering::Release);
        }
        let recovery = self.blocking(|store| store.inner.spool.recover()).await?;
        for broken in &recovery.broken {
            tracing::error!(id = %broken.id, why = broken.why, "a spool entry cannot be used");
        }
        let mut done = Recovered { taken_back: recovery.leftovers, ..Recovered::default() };
        let mut pending = recovery.pending.into_iter();
        for id in pending.by_ref() {
            match self.settle_entry(id, Acknowledged::Perhaps).await {
                Ok(Settled::Completed) => done.completed += 1,
                Ok(Settled::TakenBack) => done.taken_back += 1,
                Ok(Settled::Nothing) => {}
                Err(error) => {
                    tracing::warn!(%error, %id, "a delivery cannot be completed yet");
                    done.left += 1;
                    self.inner.debts.owe_delivery(id, 0, Acknowledged::Perhaps);
                    if matches!(error, StoreError::Index(_)) {
                        break;
                    }
                }
            }
        }
        // To wait for an index that is away once for each entry would keep the
        // server from starting.
        for id in pending {
            done.left += 1;
            self.inner.debts.owe_delivery(id, 0, Acknowledged::Perhaps);
        }
        Ok(done)
    }

    /// A copy that was published was perhaps acknowledged, so all are owed;
    /// where none was, the sender cannot have heard 250. What cannot be done
    /// for one recipient keeps nothing from the others; the entry then stays
    /// as it is, since it also tells that the message was taken.
    pub(crate) async fn settle_entry(&self, id: SpoolId, acknowledged: Acknowledged) -> Result<Settled, StoreError> {
        let Some(pending) = self.blocking(move |store| store.inner.spool.load(id)).await? else {
            return Ok(Settled::Nothing);
        };
        let Pending { message, owed } = pending;
        let (mut copies, mut failed, mut left) = (Vec::with_capacity(owed.deliveries.len()), None, false);
        for delivery in owed.deliveries {
            match self.owing(delivery).await {
                Ok(Some(copy)) => copies.push(copy),
                Ok(None) => {
                    tracing::error!(%id, "a copy was owed to an account that is gone");
                    left = true;
                }
                Err(error @ StoreError::Index(_)) => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        let taken = acknowledged == Acknowledged::Yes
            || left
            || copies.iter().any(|copy| copy.found != Found::Nothing || copy.place.instead);
        if !taken {
            return match failed {
                Some(error) => Err(error),
                None => self.give_up(message, copies).await,
            };
        }
        let header = owed.header;
        let (message, copies, header, unwritten) =
            self.blocking(move |store| restore(store, message, header, copies)).await;
        let missing = copies.iter().filter(|copy| copy.found != Found::Known);
        let rows = missing.map(|copy| row(&message, &header, &copy.delivery, &copy.place.row)).collect();
        let outcomes = self.commit(rows).await?;
        for copy in &copies {
            self.changed_here(copy.place.row.account, copy.place.row.id);
        }
        if outcomes.contains(&Outcome::Refused) {
            return Err(StoreError::Index("a folder takes no row".to_owned()));
        }
        if let Some(error) = failed.or(unwritten) {
            return Err(error);
        }
        self.done(message).await;
        Ok(Settled::Completed)
    }

    async fn give_up(&self, message: Spooled, copies: Vec<Owing>) -> Result<Settled, StoreError> {
        self.blocking(move |store| {
            copies.iter().for_each(|copy| store.unstage(&copy.delivery, &copy.delivery.folder));
        })
        .await;
        self.done(message).await;
        Ok(Settled::TakenBack)
    }

    /// Nothing where the account was removed: its path may be another's now.
    async fn owing(&self, delivery: OwedDelivery) -> Result<Option<Owing>, StoreError> {
        let path = delivery.path.as_str();
        let account = match self.inner.index.account(AccountId::new(delivery.account)).await {
            Ok(account) if account.maildir_path == path && account.removed.is_none() => account.id,
            Ok(_) => return Ok(None),
            // An index that was made anew, or restored: whoever has the
            // Maildir now has adopted it.
            Err(IndexError::NoSuchRow) => match self.inner.index.account_by_path(path).await? {
                Some(account) if account.removed.is_some() => return Ok(None),
                Some(account) => account.id,
                None => return Err(StoreError::NoSuchAccount),
            },
            Err(error) => return Err(error.into()),
        };
        let place = self.place_for(account, &delivery).await?;
        let found = self.look_for(&delivery, &place).await?;
        Ok(Some(Owing { delivery, place, found }))
    }

    async fn place_for(&self, account: AccountId, delivery: &OwedDelivery) -> Result<Place, StoreError> {
        let disk = disk_name(&delivery.folder).unwrap_or_default();
        let mut found = self.inner.index.folder_by_disk(account, disk).await?;
        if found.is_none() {
            found = self.sync_folders(account).await?.into_iter().find(|row| row.disk_name == disk);
        }
        match found {
            Some(row) => Ok(Place { row, dir: delivery.folder.clone(), instead: false }),
            None => {
                let row = self.folder_or_new(account, &FolderName::inbox()).await?;
                let dir = dir_of(&row)?;
                Ok(Place { row, dir, instead: true })
            }
        }
    }

    async fn look_for(&self, delivery: &OwedDelivery, place: &Place) -> Result<Found, StoreError> {
        if self.inner.index.knows(place.row.id, &delivery.base).await? {
            return Ok(Found::Known);
        }
        let (path, dir, base) = (delivery.path.clone(), place.dir.clone(), delivery.base.clone());
        let located = self
            .blocking(move |store| match store.open_folder(&path, &dir) {
                Ok(folder) => Ok(folder.find(&base)?),
                Err(StoreError::FileMissing) => Ok(None),
                Err(error) => Err(error),
            })
            .await?;
        Ok(if located.is_some() { Found::File } else { Found::Nothing })
    }

    /// Removes what a crash left in `tmp/` under this name; blocks.
    fn unstage(&self, delivery: &OwedDelivery, dir: &FolderDir) {
        let Ok(folder) = self.open_folder(&delivery.path, dir) else { return };
        // What stays is swept up later, or in the way of the copy that is
        // written anew, which says so.
        let _ = folder.unstage(&delivery.base);
    }
}

/// Writes the copies that are missing, and leaves out those that cannot be
/// written. Blocks.
fn restore(
    store: &Store,
    message: Spooled,
    header: Vec<u8>,
    copies: Vec<Owing>,
) -> (Spooled, Vec<Owing>, Vec<u8>, Option<StoreError>) {
    let (mut there, mut failed) = (Vec::with_capacity(copies.len()), None);
    for copy in copies {
        match copy.found {
            Found::Nothing => match write(store, &message, &header, &copy) {
                Ok(()) => there.push(copy),
                Err(error) => failed = Some(error),
            },
            Found::Known | Found::File => there.push(copy),
        }
    }
    (message, there, header, failed)
}

/// What a crash left in `tmp/` under the copy's name goes first.
fn write(store: &Store, message: &Spooled, header: &[u8], copy: &Owing) -> Result<(), StoreError> {
    let (delivery, dir) = (&copy.delivery, &copy.place.dir);
    store.unstage(delivery, dir);
    let folder = store.open_folder(&delivery.path, dir)?;
    let pieces = [Piece::Bytes(&delivery.trace), Piece::Bytes(header), message.body()];
    let staged = folder.stage(&delivery.base, &pieces, delivery.received_secs)?;
    let _: Vec<Located> = folder.settle(vec![staged.publish(arrival(delivery.flags))?])?;
    Ok(())
}

fn row(message: &Spooled, header: &[u8], delivery: &OwedDelivery, place: &FolderRow) -> NewMessage {
    let sizes = delivery.base.claimed_sizes().unwrap_or_else(|| {
        let disk = (delivery.trace.len() + header.len()) as u64 + message.survey().body_len;
        let lines = count_lf(&delivery.trace) + count_lf(header) + message.survey().body_lf;
        Sizes { disk, wire: disk + lines }
    });
    NewMessage {
        mailbox: place.id,
        uid: None,
        base: delivery.base.clone(),
        arrival: Arrival::Ours,
        flags: Flags::of_letters(delivery.flags),
        keywords: Vec::new(),
        size: sizes.disk,
        wsize: sizes.wire,
        internal_date: InternalDate { secs: delivery.received_secs, offset_minutes: 0 },
        saved: delivery.received_secs,
        letters: delivery.flags,
    }
}
