//! The number beside the Maildirs that tells whether the index is older than
//! they are; all of it blocks.

use maildir::Name;

use crate::{Store, StoreError};

/// The file in the folder for all mail.
const FILE: &[u8] = b".gatepost-generation";
/// What is written first.
const DRAFT: &[u8] = b".gatepost-generation.new";
/// More bytes than a number has.
const CAP: usize = 64;

/// The number in the file, 0 where there is none.
pub(crate) fn read(store: &Store) -> Result<u64, StoreError> {
    let disk = &store.inner.disk;
    let dir = disk.open_root(&store.inner.settings.mail).map_err(maildir::Error::io("opening the mail root"))?;
    let text = maildir::Store::new(std::sync::Arc::clone(disk)).read_file(&dir, &Name::new(FILE)?, CAP)?;
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Ok(text.trim().parse().unwrap_or(0))
}

/// Writes the number, durably.
pub(crate) fn write(store: &Store, number: u64) -> Result<(), StoreError> {
    let disk = &store.inner.disk;
    let dir = disk.open_root(&store.inner.settings.mail).map_err(maildir::Error::io("opening the mail root"))?;
    let files = maildir::Store::new(std::sync::Arc::clone(disk));
    let (draft, file) = (Name::new(DRAFT)?, Name::new(FILE)?);
    let _ = disk.unlink(&dir, &draft);
    files.write_file(&dir, &draft, |out| disk.write(out, format!("{number}\n").as_bytes()))?;
    disk.replace(&dir, &draft, &file).map_err(maildir::Error::io("writing the generation"))?;
    Ok(files.sync_dir(&dir)?)
}
