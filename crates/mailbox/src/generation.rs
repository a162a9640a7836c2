//! The number beside the Maildirs that tells whether the index is older than
//! they are; all of it blocks.

use maildir::Name;

use crate::{Store, StoreError};

/// The file in the folder for all mail.
const FILE: &[u8] = b".gatepost-generation";
/// More bytes than a number has.
const CAP: usize = 64;

/// The number in the file, 0 where there is none.
pub(crate) fn read(store: &Store) -> Result<u64, StoreError> {
    let text = store.inner.root.read_file(&Name::new(FILE)?, CAP)?;
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    Ok(text.trim().parse().unwrap_or(0))
}

/// Writes the number, durably.
pub(crate) fn write(store: &Store, number: u64) -> Result<(), StoreError> {
    Ok(store.inner.root.replace_file(&Name::new(FILE)?, format!("{number}\n").as_bytes())?)
}
