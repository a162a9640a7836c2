//! The names that POP3 clients know messages by from the server before us, so
//! that nobody downloads anything again: the `P` fields of Dovecot's uidlist,
//! and Courier's list, which stays where it is.

use std::collections::HashMap;

use index::Uid;
use maildir::{Error, Folder, SideFile};
use uidlist::{BaseName, MAX_COURIER_OCTETS, MAX_LIST_OCTETS, Record, UidList, courier_pop3_names};

use crate::{Mailbox, Store, StoreError};

/// The field of the name.
const NAME: u8 = b'P';
/// What we write ourselves; other fields are another program's.
const OURS: [u8; 2] = [b'S', b'W'];

impl Store {
    /// What another server called messages of this folder in UIDL; the others
    /// are called by their numbers. Not checked: other programs wrote it.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchFolder`], disk and index.
    pub async fn adopted_uidls(&self, mailbox: &Mailbox) -> Result<HashMap<Uid, Box<str>>, StoreError> {
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let named = self.blocking(move |store| named(&store.open_folder(&path, &dir)?)).await?;
        if named.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.inner.index.known_files_after(mailbox.account, mailbox.id, 0).await?;
        let name = |base: &BaseName| named.get(base).cloned();
        Ok(rows.messages.iter().filter_map(|known| Some((known.message.uid, name(&known.base)?))).collect())
    }
}

/// What another program's fields said of messages that are still there goes
/// into the list that is written anew.
pub(crate) fn keep_fields(before: &UidList, records: &mut [Record]) {
    let foreign =
        |record: &Record| record.fields.iter().filter(|(letter, _)| !OURS.contains(letter)).cloned().collect();
    let mut old: HashMap<&BaseName, Vec<(u8, Box<[u8]>)>> = before
        .records
        .iter()
        .map(|record| (&record.base, foreign(record)))
        .filter(|(_, fields): &(_, Vec<_>)| !fields.is_empty())
        .collect();
    if old.is_empty() {
        return;
    }
    for record in records {
        record.fields.extend(old.remove(&record.base).unwrap_or_default());
    }
}

/// By file; Dovecot's go before Courier's, whose list was there before. Blocks.
fn named(folder: &Folder) -> Result<HashMap<BaseName, Box<str>>, StoreError> {
    let mut named = HashMap::new();
    if let Some(text) = read(folder, SideFile::CourierPop3, MAX_COURIER_OCTETS)? {
        named.extend(courier_pop3_names(&text));
    }
    // Most lists have no such field, and need not be taken apart.
    let list = read(folder, SideFile::UidList, MAX_LIST_OCTETS)?.filter(|text| text.windows(2).any(|two| two == b" P"));
    let Some(Ok(list)) = list.map(|text| UidList::parse(&text)) else { return Ok(named) };
    for Record { fields, base, .. } in list.records {
        let name = fields.iter().find(|(letter, _)| *letter == NAME).map(|(_, name)| std::str::from_utf8(name));
        if let Some(Ok(name)) = name {
            named.insert(base, name.into());
        }
    }
    Ok(named)
}

fn read(folder: &Folder, which: SideFile, cap: usize) -> Result<Option<Vec<u8>>, StoreError> {
    match folder.read_side(which, cap) {
        Err(Error::TooLarge(_)) => {
            tracing::warn!(folder = %folder.path().display(), ?which, "a file is too large to be read");
            Ok(None)
        }
        read => Ok(read?),
    }
}
