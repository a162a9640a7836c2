//! Quarantine: copies of refused messages, one for each domain, as ordinary
//! messages in the folder `Quarantine` of an account, bounded by age and size.

use std::sync::atomic::Ordering;

use index::{Flags, NewObject, Object, QuarantineId};
use mail::{Address, Domain};
use maildir::Located;
use spool::Spooled;
use uidlist::BaseName;

use crate::deliver::{Planned, with_lf};
use crate::{FolderName, Mailbox, OpenMessage, Quarantined, Refused, RefusedFor, Store, StoreError, Target};

/// The folder of the account.
pub(crate) const FOLDER: &str = "Quarantine";
/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 500;
/// The longest sender that is kept, in characters.
const MAX_SENDER: usize = 320;
/// How often expiry looks, in seconds.
const EXPIRE_EVERY_SECS: i64 = 60;
/// How many objects are read at a time when some are removed.
const EXPIRE_AT_ONCE: u32 = 200;

impl Store {
    /// Keeps copies of a refused message, one for each domain. Quotas are not
    /// asked.
    ///
    /// # Errors
    ///
    /// As [`Store::deliver`].
    pub async fn quarantine(
        &self,
        spooled: Spooled,
        header: Vec<u8>,
        copies: Vec<Refused>,
    ) -> Result<Vec<QuarantineId>, StoreError> {
        self.check().await?;
        let folder = Target::Named(FolderName::parse(FOLDER)?);
        let mut planned = Vec::with_capacity(copies.len());
        for copy in &copies {
            let (mailbox, dir) = self.target(copy.account, &folder).await?;
            let (trace, place) = (with_lf(copy.trace.clone()), (copy.account, mailbox, dir));
            planned.push(self.planned(&spooled, &header, place, trace, Flags::NONE).await?);
        }
        // The objects come first: one without a message expires, a message
        // without an object would stay for ever.
        let mut ids = Vec::with_capacity(copies.len());
        for (copy, planned) in copies.iter().zip(&planned) {
            match self.inner.index.quarantine(&object_of(copy, planned), self.now_secs()).await {
                Ok(id) => ids.push(id),
                Err(error) => return Err(self.not_kept(&ids, error.into()).await),
            }
        }
        match Box::pin(self.deliver_planned(spooled, header, vec![Ok(planned)])).await.map(|mut done| done.pop()) {
            Ok(None | Some(Ok(_))) => Ok(ids),
            Ok(Some(Err(error))) | Err(error) => Err(self.not_kept(&ids, error).await),
        }
    }

    async fn not_kept(&self, ids: &[QuarantineId], error: StoreError) -> StoreError {
        for id in ids {
            if let Err(error) = self.inner.index.forget_object(*id).await {
                tracing::warn!(%error, object = %id, "an object without a message stays until it expires");
            }
        }
        error
    }

    /// What is kept, newest first, at most 1,000; of one domain or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn quarantined(&self, domain: Option<&Domain>) -> Result<Vec<Quarantined>, StoreError> {
        let found = self.inner.index.objects(domain.map(Domain::as_str)).await?;
        Ok(found.into_iter().filter_map(shown).collect())
    }

    /// One object.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::Index`].
    pub async fn quarantined_by_id(&self, id: QuarantineId) -> Result<Quarantined, StoreError> {
        shown(self.object(id).await?).ok_or(StoreError::NoSuchObject)
    }

    /// The objects of a token, by the token's SHA-256: one for each domain of
    /// the recipients.
    ///
    /// # Errors
    ///
    /// [`StoreError::Index`].
    pub async fn quarantined_by_token(&self, token_hash: &[u8; 32]) -> Result<Vec<Quarantined>, StoreError> {
        let found = self.inner.index.objects_by_token(token_hash).await?;
        Ok(found.into_iter().filter_map(shown).collect())
    }

    /// The message of an object.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::FileMissing`], disk, index.
    pub async fn open_quarantined(&self, id: QuarantineId) -> Result<OpenMessage, StoreError> {
        let object = self.object(id).await?;
        self.open_object(&object).await
    }

    /// Removes an object and its message.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchObject`], [`StoreError::Index`].
    pub async fn remove_quarantined(&self, id: QuarantineId) -> Result<(), StoreError> {
        let object = self.object(id).await?;
        self.remove_object(&object).await
    }

    pub(crate) async fn object(&self, id: QuarantineId) -> Result<Object, StoreError> {
        self.inner.index.object(id).await.map_err(|error| match StoreError::from(error) {
            StoreError::NoSuchFolder => StoreError::NoSuchObject,
            other => other,
        })
    }

    pub(crate) async fn open_object(&self, object: &Object) -> Result<OpenMessage, StoreError> {
        let mailbox = self.handle(object.account, object.mailbox);
        let base = BaseName::new(object.base.clone()).map_err(|_| StoreError::NoSuchObject)?;
        match self.inner.index.uid_of(mailbox.id, &base).await? {
            Some(uid) => self.open_message(&mailbox, uid).await,
            None => Err(StoreError::FileMissing),
        }
    }

    /// The message goes first: an object without one says so, a message
    /// without an object would stay for ever.
    async fn remove_object(&self, object: &Object) -> Result<(), StoreError> {
        let mailbox = self.handle(object.account, object.mailbox);
        if let Ok(base) = BaseName::new(object.base.clone()) {
            match self.inner.index.uid_of(mailbox.id, &base).await? {
                Some(uid) => self.expunge(&mailbox, &crate::Expunge::These(vec![uid])).await.map(drop)?,
                None => self.remove_without_row(&mailbox, base).await?,
            }
        }
        Ok(self.inner.index.forget_object(object.id).await?)
    }

    /// The index was away when the message came, and nobody looked into the
    /// folder since.
    async fn remove_without_row(&self, mailbox: &Mailbox, base: BaseName) -> Result<(), StoreError> {
        let row = match self.row(mailbox).await {
            Err(StoreError::NoSuchFolder) => return Ok(()),
            row => row?,
        };
        let (path, dir) = self.place_of(&row).await?;
        let removed = self
            .blocking(move |store| {
                let located = Located::in_new(&base);
                Ok(store.open_folder(&path, &dir)?.remove(&[located]).map(drop)?)
            })
            .await;
        match removed {
            Err(StoreError::FileMissing) => Ok(()),
            removed => removed,
        }
    }

    /// Removes what is too old, then the oldest while there is too much.
    pub(crate) async fn expire_quarantine(&self) {
        let now = self.now_secs();
        if now - self.inner.expired_at.load(Ordering::Acquire) < EXPIRE_EVERY_SECS {
            return;
        }
        self.inner.expired_at.store(now, Ordering::Release);
        if let Err(error) = self.expire(now).await {
            tracing::warn!(%error, "the quarantine could not be looked through");
        }
    }

    async fn expire(&self, now: i64) -> Result<(), StoreError> {
        let age = i64::try_from(self.inner.settings.quarantine_age.as_secs()).unwrap_or(i64::MAX);
        let mut bytes = self.inner.index.quarantine_bytes().await?;
        // Until it is enough: whoever sends viruses as fast as he can must not
        // fill the disk faster than this empties it.
        loop {
            let oldest = self.inner.index.oldest_objects(EXPIRE_AT_ONCE).await?;
            if oldest.is_empty() {
                return Ok(());
            }
            for object in oldest {
                if object.created > now.saturating_sub(age) && bytes <= self.inner.settings.quarantine_bytes {
                    return Ok(());
                }
                self.remove_object(&object).await?;
                bytes = bytes.saturating_sub(object.bytes);
            }
        }
    }
}

fn object_of<'a>(copy: &'a Refused, planned: &'a Planned) -> NewObject<'a> {
    NewObject {
        token_hash: &copy.token_hash,
        domain: copy.domain.as_str(),
        recipients: copy.recipients.iter().map(Address::normal).collect::<Vec<_>>().join("\n"),
        sender: shortened(&copy.sender, MAX_SENDER),
        account: copy.account,
        mailbox: planned.mailbox,
        base: &planned.base,
        kind: kind_to_sql(copy.kind),
        reason: shortened(&copy.reason, MAX_REASON),
        bytes: planned.sizes.disk,
    }
}

fn shown(object: Object) -> Option<Quarantined> {
    Some(Quarantined {
        id: object.id,
        account: object.account,
        domain: Domain::parse(&object.domain).ok()?,
        recipients: object.recipients.lines().filter_map(|line| Address::parse(line).ok()).collect(),
        sender: object.sender,
        kind: if object.kind == i64::from(kind_to_sql(RefusedFor::Content)) {
            RefusedFor::Content
        } else {
            RefusedFor::Virus
        },
        reason: object.reason,
        bytes: object.bytes,
        created: object.created,
        released: object.released,
    })
}

fn kind_to_sql(kind: RefusedFor) -> u16 {
    match kind {
        RefusedFor::Content => 1,
        RefusedFor::Virus => 2,
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
