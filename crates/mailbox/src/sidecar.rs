//! The `dovecot-uidlist` and `dovecot-keywords` beside a folder's messages:
//! with them the index can be made anew without a client noticing, and Dovecot
//! can take the Maildir over.

use std::sync::PoisonError;

use index::{FolderRow, Keyword, Known, KnownFolder, Uid};
use maildir::{AccountPath, Folder, SideFile};
use uidlist::{FolderDir, Keywords, MAX_LIST_OCTETS, Record, UidList};

use crate::{Mailbox, Store, StoreError};

/// What this process wrote into a folder's list.
#[derive(Debug, Default)]
pub(crate) struct Sidecar {
    /// The highest UID whose line is there; nothing before the first writing.
    upto: Option<u32>,
    /// The next UID as its first line says.
    next: u32,
    /// How many lines it has.
    lines: u64,
    /// The keywords that were written.
    keywords: usize,
}

/// How far ahead of the used UIDs the first line is raised: UIDs that were told
/// but are not listed yet are then not given out again.
const AHEAD: u32 = 1000;
/// The largest keyword file that is read.
const MAX_KEYWORDS_OCTETS: usize = 64 << 10;

impl Sidecar {
    /// The UID behind whose line others may be appended; nothing where the
    /// list is to be written anew: at first, when the UIDs come near to what
    /// its first line says, and when most lines are of messages that are gone.
    fn appends_after(&self, row: &FolderRow) -> Option<u32> {
        let crowded = self.lines > row.messages.saturating_mul(2).saturating_add(1000);
        self.upto.filter(|_| !crowded && row.uid_next.saturating_add(AHEAD / 2) < self.next)
    }
}

impl Store {
    /// Brings the list up to date: by appended lines where that will do.
    /// While Dovecot holds its lock it is left for the next time.
    pub(crate) async fn write_sidecar(&self, mailbox: &Mailbox) -> Result<(), StoreError> {
        let row = match self.row(mailbox).await {
            Err(StoreError::NoSuchFolder) => return Ok(()),
            row => row?,
        };
        let (path, dir) = self.place_of(&row).await?;
        let state = self.folder_state(mailbox.id);
        let _inside = state.gate.enter().await;
        let after = state.sidecar.lock().unwrap_or_else(PoisonError::into_inner).appends_after(&row);
        let rows = self.inner.index.known_files_after(mailbox.account, mailbox.id, after.unwrap_or(0)).await?;
        if !rows.folder.adopted {
            // What the list says is not in yet, and must not be written over.
            return Ok(());
        }
        let now_secs = self.now_secs();
        let written = self
            .blocking(move |store| {
                let folder = store.open_folder(&path, &dir)?;
                let state = store.folder_state(rows.folder.id);
                let mut sidecar = state.sidecar.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(_lock) = folder.lock_side(SideFile::UidList, now_secs, store.inner.started_secs)? else {
                    return Ok(None);
                };
                write(&folder, &rows, after, &mut sidecar).map(|()| Some(sidecar.next))
            })
            .await;
        match written {
            Ok(Some(next)) if next > row.uid_promised => Ok(self.inner.index.promise_uids(mailbox.id, next).await?),
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                self.inner.debts.owe_list(mailbox.account, mailbox.id);
                Ok(())
            }
            Err(StoreError::FileMissing) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Lets the list's first line say durably that the next UID is `next` or more,
/// before those below are given out; its other lines stay. Returns what it says.
/// Blocks.
///
/// # Errors
///
/// Disk; [`StoreError::Locked`] while another program holds the list's lock.
pub(crate) fn raise(
    store: &Store,
    (path, dir): (&AccountPath, &FolderDir),
    row: &FolderRow,
    next: u32,
) -> Result<u32, StoreError> {
    let folder = store.open_folder(path, dir)?;
    let state = store.folder_state(row.id);
    let mut sidecar = state.sidecar.lock().unwrap_or_else(PoisonError::into_inner);
    // Of many who come at once the first has raised it for all.
    if sidecar.next >= next {
        return Ok(sidecar.next);
    }
    let lock = folder.lock_side(SideFile::UidList, store.now_secs(), store.inner.started_secs)?;
    let _lock = lock.ok_or(StoreError::Locked)?;
    let found = read_list(&folder)?.filter(|list| list.uid_validity == row.uid_validity.0);
    if found.is_none() {
        *sidecar = Sidecar { keywords: sidecar.keywords, ..Sidecar::default() };
    }
    let mut list = found.unwrap_or_else(|| UidList::empty(row.uid_validity.0));
    list.next_uid = list.next_uid.max(next.saturating_add(AHEAD));
    folder.replace_side(SideFile::UidList, &list.render())?;
    sidecar.next = list.next_uid;
    Ok(list.next_uid)
}

/// The list of a folder, where there is one that can be used; blocks.
pub(crate) fn read_list(folder: &Folder) -> Result<Option<UidList>, StoreError> {
    let Some(text) = folder.read_side(SideFile::UidList, MAX_LIST_OCTETS)? else { return Ok(None) };
    let list = UidList::parse(&text);
    if let Err(error) = &list {
        tracing::warn!(%error, folder = %folder.path().display(), "a uidlist cannot be used");
    }
    Ok(list.ok())
}

/// The keywords of a folder by letter; a letter without a word gets one that
/// keeps its place. Blocks.
pub(crate) fn read_keywords(folder: &Folder) -> Result<Vec<Keyword>, StoreError> {
    let Some(text) = folder.read_side(SideFile::Keywords, MAX_KEYWORDS_OCTETS)? else { return Ok(Vec::new()) };
    let words = Keywords::parse(&text);
    let last = (0..26_u8).rev().find(|at| words.get(*at).is_some());
    let word = |at: u8| words.get(at).and_then(Keyword::new).or_else(|| Keyword::new(&format!("unused-{at}")));
    Ok(last.map_or_else(Vec::new, |last| (0..=last).filter_map(word).collect()))
}

fn write(folder: &Folder, rows: &KnownFolder, after: Option<u32>, sidecar: &mut Sidecar) -> Result<(), StoreError> {
    let last = rows.messages.last().map_or(0, |known| known.message.uid.get());
    if after.is_some() {
        let mut text = Vec::new();
        rows.messages.iter().for_each(|known| record(known).render(&mut text));
        if !text.is_empty() {
            folder.append_side(SideFile::UidList, &text)?;
        }
        sidecar.lines += rows.messages.len() as u64;
    } else {
        let mut list = UidList::empty(rows.folder.uid_validity.0);
        // What was promised once is never taken back.
        let found = read_list(folder)?;
        let before = found.as_ref().filter(|list| list.uid_validity == rows.folder.uid_validity.0);
        let promised = before.map_or(0, |list| list.next_uid).max(rows.folder.uid_promised);
        list.next_uid = rows.folder.uid_next.saturating_add(AHEAD).max(promised);
        list.records = rows.messages.iter().map(record).collect();
        if let Some(found) = &found {
            crate::uidl::keep_fields(found, &mut list.records);
        }
        folder.replace_side(SideFile::UidList, &list.render())?;
        sidecar.lines = rows.messages.len() as u64;
        sidecar.next = list.next_uid;
    }
    sidecar.upto = Some(sidecar.upto.unwrap_or(0).max(last));
    if sidecar.keywords != rows.folder.keywords.len() {
        let mut words = Keywords::default();
        for word in rows.folder.keywords.iter().take(26) {
            // Given out in order, so each gets the letter of its place.
            let _ = words.assign(word.as_str());
        }
        folder.replace_side(SideFile::Keywords, words.render().as_bytes())?;
        sidecar.keywords = rows.folder.keywords.len();
    }
    Ok(())
}

fn record(known: &Known) -> Record {
    let message = &known.message;
    let field = |letter: u8, number: u64| (letter, number.to_string().into_bytes().into_boxed_slice());
    let fields = vec![field(b'S', message.size), field(b'W', message.wsize)];
    Record { uid: Uid::get(message.uid), fields, base: known.base.clone() }
}
