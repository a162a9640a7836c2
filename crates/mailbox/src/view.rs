//! What a session sees: a folder when it is opened, what changed in it since,
//! a message's file.

use std::sync::atomic::Ordering;

use index::{AccountId, FolderRow, IndexError, ModSeq, Uid};

use crate::scan::Eager;
use crate::{Changes, FolderName, Mailbox, Mode, OpenMessage, Store, StoreError, View};

impl Store {
    /// Opens a folder: looks what other programs did in it, then reads all
    /// rows.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], disk and index.
    pub async fn select(&self, account: AccountId, name: &FolderName, mode: Mode) -> Result<View, StoreError> {
        let mailbox = self.mailbox(account, name).await?;
        self.scan_if_possible(&mailbox, Eager::Now).await?;
        let snapshot = self.inner.index.snapshot(account, mailbox.id).await?;
        let row = snapshot.folder;
        let mut recent_from = self.recent_from(&mailbox, row.uid_next, mode).max(row.first_recent);
        if mode == Mode::ReadWrite && row.first_recent < row.uid_next && !self.claim_recent(&row).await? {
            recent_from = row.uid_next;
        }
        Ok(View {
            mailbox,
            uid_validity: row.uid_validity,
            uid_next: row.uid_next,
            highest_modseq: row.modseq,
            recent_from,
            keywords: row.keywords,
            messages: snapshot.messages,
        })
    }

    /// The first UID that is `\Recent` to a session which is told of all below
    /// `uid_next`: those that another session was told of are not (RFC 3501
    /// §2.3.2). A session that is open notes this in memory alone, since writing
    /// it would cost as much as the delivery; after a restart, messages that came
    /// meanwhile and were not seen by a later SELECT are `\Recent` once more.
    #[must_use]
    pub fn recent_from(&self, mailbox: &Mailbox, uid_next: u32, mode: Mode) -> u32 {
        let state = self.folder_state(mailbox.id);
        match mode {
            Mode::ReadWrite => state.recent.fetch_max(uid_next, Ordering::Relaxed),
            Mode::ReadOnly => state.recent.load(Ordering::Relaxed),
        }
    }

    /// Where the claim cannot be written, another session will see them as
    /// `\Recent` too, which is better than none that opens.
    async fn claim_recent(&self, row: &FolderRow) -> Result<bool, StoreError> {
        match self.inner.index.claim_recent(row).await.map_err(StoreError::from) {
            Err(error) if self.lacks_room(&error).await => Ok(true),
            claimed => claimed,
        }
    }

    /// What happened since `since`, in this process, in others and on disk:
    /// for NOOP and IDLE.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`], disk.
    pub async fn changes(&self, mailbox: &Mailbox, since: ModSeq) -> Result<Changes, StoreError> {
        match self.scan_if_possible(mailbox, Eager::Calm).await {
            _ if self.is_stale(mailbox) => return Ok(lost()),
            Err(StoreError::NoSuchFolder) => return Ok(lost()),
            scanned => scanned?,
        }
        match self.inner.index.changed_since(mailbox.account, mailbox.id, since).await {
            Err(IndexError::NoSuchRow) => Ok(lost()),
            Err(error) => Err(error.into()),
            // What vanished since then is not known any more.
            Ok(changed) if since < changed.folder.vanished_floor => Ok(lost()),
            Ok(changed) => Ok(Changes {
                changed: changed.messages,
                vanished: changed.vanished,
                keywords: changed.folder.keywords,
                uid_next: changed.folder.uid_next,
                highest_modseq: changed.folder.modseq,
                deleted: false,
            }),
        }
    }

    /// The message's file, open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Expunged`], [`StoreError::FileMissing`], disk and index.
    pub async fn open_message(&self, mailbox: &Mailbox, uid: Uid) -> Result<OpenMessage, StoreError> {
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let known = self.inner.index.messages(mailbox.id, &[uid]).await?.pop().ok_or(StoreError::Expunged)?;
        let located = self.locate(mailbox, &known);
        let file = self
            .blocking(move |store| Ok::<_, StoreError>(store.open_folder(&path, &dir)?.open_message(&located)?))
            .await?;
        Ok(OpenMessage { file, blocking: self.inner.blocking.clone() })
    }
}

/// The session has to open its folder anew.
fn lost() -> Changes {
    Changes { deleted: true, ..Changes::default() }
}
