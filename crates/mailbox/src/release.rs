//! Release: a message leaves quarantine for a recipient's INBOX, once.

use index::{AccountId, Arrival, Flags, InternalDate, NewMessage, Object, QuarantineId};
use mail::{Address, header};
use maildir::{Folder, Located, MessageFile, Piece};
use uidlist::{BaseName, NodeName, Sizes};

use crate::deliver::count_lf;
use crate::{Store, StoreError, Target};

/// The most of a header that is looked at for fields to leave out.
const MAX_HEADER: usize = 1 << 20;
/// How much is looked through at a time.
const CHUNK: usize = 256 << 10;
/// Fields that belong to the copy in quarantine alone.
const LEFT_OUT: [&str; 2] = ["X-Gatepost-Quarantine", "Delivered-To"];

/// The message as the recipient gets it: a new header, and the rest of the
/// file from an offset on.
struct Letter {
    header: Vec<u8>,
    cut: u64,
    base: BaseName,
    sizes: Sizes,
}

impl Store {
    /// Delivers the message to a recipient's INBOX: once, however often it is
    /// asked, since the name of the file is made of object and recipient. The
    /// copy in quarantine stays until it expires.
    ///
    /// Who may release is for the caller to check, above all that viruses are
    /// released by the site's administrator only.
    ///
    /// # Errors
    ///
    /// As [`Store::open_quarantined`], [`StoreError::ExceedsQuota`].
    pub async fn release(&self, id: QuarantineId, to: AccountId, address: &Address) -> Result<(), StoreError> {
        self.check().await?;
        let object = self.object(id).await?;
        let message = self.open_object(&object).await?;
        let (mailbox, dir) = self.target(to, &Target::Inbox).await?;
        let path = self.account_state(to).await?.path.clone();
        let (node, address) = (self.inner.names.node().clone(), address.clone());
        let letter = message.with(move |file| letter(file, &object, &mark(to, &address), &node)).await?;
        let (base, sizes) = (letter.base.clone(), letter.sizes);
        if self.inner.index.knows(mailbox, &base).await? {
            return Ok(());
        }
        self.room_for(to, sizes.disk).await?;
        self.admit(sizes.disk, 1).await?;
        let now_secs = self.now_secs();
        let file = message.file;
        self.blocking(move |store| place(&store.open_folder(&path, &dir)?, &file, &letter, now_secs)).await?;
        let row = NewMessage {
            mailbox,
            uid: None,
            base,
            arrival: Arrival::Ours,
            flags: Flags::NONE,
            keywords: Vec::new(),
            size: sizes.disk,
            wsize: sizes.wire,
            internal_date: InternalDate { secs: now_secs, offset_minutes: 0 },
            saved: now_secs,
            letters: uidlist::Flags::NONE,
        };
        self.commit(vec![row]).await?;
        self.changed_here(to, mailbox);
        Ok(self.inner.index.released(id, now_secs).await?)
    }
}

/// What makes this copy the recipient's own.
struct Mark {
    account: AccountId,
    field: String,
}

fn mark(account: AccountId, address: &Address) -> Mark {
    Mark { account, field: format!("Delivered-To: {address}\n") }
}

/// Reads the message; blocks.
fn letter(file: &MessageFile, object: &Object, to: &Mark, node: &NodeName) -> Result<Letter, StoreError> {
    let head = file.read(0, MAX_HEADER)?;
    let mut kept = Vec::with_capacity(head.len());
    let mut cut = 0;
    let mut fields = header::fields(&head).peekable();
    // Return-Path stays on top (RFC 5321 §4.4).
    if let Some(first) = fields.next_if(|field| field.is("Return-Path")) {
        kept.extend_from_slice(first.raw);
        cut += first.raw.len() as u64;
    }
    kept.extend_from_slice(to.field.as_bytes());
    for field in fields {
        if !LEFT_OUT.iter().any(|name| field.is(name)) {
            kept.extend_from_slice(field.raw);
        }
        cut += field.raw.len() as u64;
    }
    let (mut offset, mut lines) = (cut, count_lf(&kept));
    loop {
        let chunk = file.read(offset, CHUNK)?;
        if chunk.is_empty() {
            break;
        }
        offset += chunk.len() as u64;
        lines += count_lf(&chunk);
    }
    let disk = kept.len() as u64 + file.size() - cut;
    let sizes = Sizes { disk, wire: disk + lines };
    let (id, account) = (object.id, to.account);
    let name = format!("{}.M0P0Q{id}R{account}.{node},S={disk},W={}", object.created, sizes.wire);
    let base = BaseName::new(name).map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(Letter { header: kept, cut, base, sizes })
}

fn place(folder: &Folder, file: &MessageFile, letter: &Letter, now_secs: i64) -> Result<(), StoreError> {
    if folder.find(&letter.base)?.is_some() {
        // An earlier attempt came so far.
        return Ok(());
    }
    let mut pieces = vec![Piece::Bytes(&letter.header)];
    if let Piece::Range { file, offset, len } = file.as_piece() {
        pieces.push(Piece::Range { file, offset: offset + letter.cut, len: len - letter.cut });
    }
    let staged = folder.stage(&letter.base, &pieces, now_secs)?;
    let _: Vec<Located> = folder.settle(vec![staged.publish(maildir::Arrival::New)?])?;
    Ok(())
}
