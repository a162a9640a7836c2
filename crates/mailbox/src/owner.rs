//! Whose a Maildir is, written beside it: an index that is made anew gives it
//! back to that account of the directory and to nobody else; all of it blocks.

use maildir::{Account, AccountPath, Name};

use crate::{AccountKey, Store, StoreError};

/// The file beside the Maildir.
const FILE: &[u8] = b".gatepost-account";
/// More bytes than a key has.
const CAP: usize = 1024;

/// Those of the paths that this account may have, its own first. A Maildir
/// without an owner is adopted by whoever comes.
pub(crate) fn possible(
    store: &Store,
    paths: Vec<AccountPath>,
    key: &AccountKey,
) -> Result<Vec<AccountPath>, StoreError> {
    let (mut own, mut free) = (Vec::new(), Vec::new());
    for path in paths {
        let owner = match store.inner.root.account(&path) {
            Ok(account) => owner(&account)?,
            Err(maildir::Error::Missing(_)) => None,
            Err(error) => return Err(error.into()),
        };
        match owner {
            Some(owner) if owner == line(key) => own.push(path),
            Some(_) => tracing::warn!(%path, "the Maildir there is another account's, which had this address"),
            None => free.push(path),
        }
    }
    own.append(&mut free);
    Ok(own)
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
