//! Whose a Maildir is, written beside it: an index that is made anew gives it
//! back to that account of the directory and to nobody else; all of it blocks.

use maildir::{Account, AccountPath, Name};

use crate::{AccountKey, Store, StoreError};

/// The file beside the Maildir.
const FILE: &[u8] = b".gatepost-account";
/// More bytes than a key has.
const CAP: usize = 1024;

/// Whether the Maildir at this path is another account's. One without an owner
/// is adopted by whoever comes.
pub(crate) fn is_anothers(store: &Store, path: &AccountPath, key: &AccountKey) -> Result<bool, StoreError> {
    match store.inner.root.account(path) {
        Ok(account) => Ok(owner(&account)?.is_some_and(|owner| owner != line(key))),
        Err(maildir::Error::Missing(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the Maildir, and says whose it is where nothing says so.
pub(crate) fn make(store: &Store, path: &AccountPath, key: &AccountKey) -> Result<(), StoreError> {
    let account = store.inner.root.create_account(path)?;
    if owner(&account)?.is_none() {
        account.replace_beside(&Name::new(FILE)?, line(key).as_bytes())?;
    }
    Ok(())
}

fn owner(account: &Account) -> Result<Option<String>, StoreError> {
    let text = account.read_beside(&Name::new(FILE)?, CAP)?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

fn line(key: &AccountKey) -> String {
    format!("{} {}\n", key.source, key.foreign_key)
}
