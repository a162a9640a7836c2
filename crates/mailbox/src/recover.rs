//! Deliveries that did not come to their end: completed from the spool entry,
//! or taken back where nobody saw anything yet.

use index::{AccountId, Arrival, Flags, FolderRow, InternalDate, NewMessage, Outcome};
use mail::SpoolId;
use maildir::{Located, Piece};
use spool::{OwedDelivery, Pending, Spooled};
use uidlist::{FolderDir, Sizes};

use crate::deliver::count_lf;
use crate::publish::arrival;
use crate::store::{dir_of, disk_name};
use crate::{FolderName, Recovered, Store, StoreError};

/// What is known of one owed copy.
enum Found {
    /// It has a row, or had one.
    Known,
    /// Its file is there, its row is not.
    File,
    /// Nothing is there.
    Nothing,
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
            tracing::warn!(%error, "the generation of the index could not be checked");
        }
        let recovery = self.blocking(|store| store.inner.spool.recover()).await?;
        for broken in &recovery.broken {
            tracing::error!(id = %broken.id, why = broken.why, "a spool entry cannot be used");
        }
        let mut done = Recovered { taken_back: recovery.leftovers, ..Recovered::default() };
        for id in recovery.pending {
            match self.settle_entry(id, Acknowledged::Perhaps).await {
                Ok(Settled::Completed) => done.completed += 1,
                Ok(Settled::TakenBack) => done.taken_back += 1,
                Ok(Settled::Nothing) => {}
                Err(error) => {
                    tracing::warn!(%error, %id, "a delivery cannot be completed yet");
                    done.left += 1;
                    self.inner.debts.owe_delivery(id, 0, Acknowledged::Perhaps);
                }
            }
        }
        Ok(done)
    }

    /// A copy that was published was perhaps acknowledged, so all are owed;
    /// where none was, the sender cannot have heard 250.
    pub(crate) async fn settle_entry(&self, id: SpoolId, acknowledged: Acknowledged) -> Result<Settled, StoreError> {
        let Some(pending) = self.blocking(move |store| store.inner.spool.load(id)).await? else {
            return Ok(Settled::Nothing);
        };
        let Pending { message, owed } = pending;
        let mut rows = Vec::with_capacity(owed.deliveries.len());
        let mut missing = Vec::new();
        let mut places = Vec::with_capacity(owed.deliveries.len());
        for delivery in &owed.deliveries {
            let place = self.place_for(delivery).await?;
            let found = self.look_for(delivery, &place).await?;
            if !matches!(found, Found::Known) {
                rows.push(row(&message, &owed.header, delivery, &place.row));
            }
            if matches!(found, Found::Nothing) {
                missing.push((delivery.clone(), place.dir.clone()));
            }
            places.push(place);
        }
        let taken = acknowledged == Acknowledged::Yes
            || missing.len() < owed.deliveries.len()
            || places.iter().any(|place| place.instead);
        if !taken {
            let deliveries = owed.deliveries;
            self.blocking(move |store| {
                deliveries.iter().for_each(|delivery| store.unstage(delivery, &delivery.folder));
            })
            .await;
            self.done(message).await;
            return Ok(Settled::TakenBack);
        }
        let header = owed.header;
        let message = self.blocking(move |store| restore(store, message, &header, &missing)).await?;
        let outcomes = self.inner.index.commit(rows).await?;
        for place in &places {
            self.changed_here(place.row.account, place.row.id);
        }
        if outcomes.contains(&Outcome::Refused) {
            return Err(StoreError::Index("a folder takes no row".to_owned()));
        }
        self.done(message).await;
        Ok(Settled::Completed)
    }

    async fn place_for(&self, delivery: &OwedDelivery) -> Result<Place, StoreError> {
        let account = AccountId::new(delivery.account);
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

    async fn begin_generation(&self) -> Result<(), StoreError> {
        let in_file = self.blocking(crate::generation::read).await?;
        let next = self.inner.index.begin_generation(in_file).await?;
        self.blocking(move |store| crate::generation::write(store, next)).await
    }
}

/// Writes the copies that are missing; what a crash left in `tmp/` under their
/// names goes first. Blocks.
fn restore(
    store: &Store,
    message: Spooled,
    header: &[u8],
    missing: &[(OwedDelivery, FolderDir)],
) -> Result<Spooled, StoreError> {
    for (delivery, dir) in missing {
        store.unstage(delivery, dir);
        let folder = store.open_folder(&delivery.path, dir)?;
        let pieces = [Piece::Bytes(&delivery.trace), Piece::Bytes(header), message.body()];
        let staged = folder.stage(&delivery.base, &pieces, delivery.received_secs)?;
        let _: Vec<Located> = folder.settle(vec![staged.publish(arrival(delivery.flags))?])?;
    }
    Ok(message)
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
