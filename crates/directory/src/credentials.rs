//! A login: the stored hash of an address, and putting a better one in its
//! place.

use std::fmt;

use mail::{Address, Secret};

use crate::source::ask;
use crate::{AccountKey, Directory, DirectoryError};

/// A password hash with its scheme, as stored. Not shown by any formatter.
///
/// Where whoever keeps it does not show it, it is what shows that the password
/// is another one, and [`Directory::verify`] is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Text(String),
    Elsewhere(String),
}

impl StoredHash {
    /// Takes the text as it is in the database, such as `{ARGON2ID}$argon2id$…`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Form::Text(text.into()))
    }

    /// Of a password whose hash is kept elsewhere and not shown: `changed` is
    /// another text when the password is another one.
    #[must_use]
    pub fn kept_elsewhere(changed: impl Into<String>) -> Self {
        Self(Form::Elsewhere(changed.into()))
    }

    /// Whether the hash itself is kept elsewhere.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.0, Form::Elsewhere(_))
    }

    /// The text, for the one place that verifies it and the one that stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.0 {
            Form::Text(text) | Form::Elsewhere(text) => text,
        }
    }

    /// Its scheme and length, which is all that anybody is shown.
    #[must_use]
    pub fn shape(&self) -> String {
        let Form::Text(text) = &self.0 else { return "kept elsewhere".to_owned() };
        let is_name = |name: &str| {
            (1..=24).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        };
        let braced = text.strip_prefix('{').and_then(|rest| rest.split_once('}')).filter(|(name, _)| is_name(name));
        let crypt = text.strip_prefix('$').and_then(|rest| rest.split_once('$')).filter(|(id, _)| id.len() <= 8);
        let scheme = match (braced, crypt) {
            (Some((name, _)), _) => format!("{{{name}}}"),
            (None, Some((id, _))) if is_name(id) => format!("${id}$"),
            _ => "no scheme".to_owned(),
        };
        format!("{scheme}, {} characters", text.chars().count())
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

/// What a login is checked against.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Whose they are.
    pub key: AccountKey,
    /// The address of the account, in normal form.
    pub address: Address,
    /// The hash; `None`: nobody can log in.
    pub hash: Option<StoredHash>,
    /// Whether account and domain are both active.
    pub active: bool,
}

impl Directory {
    /// The credentials of an account by its own address (no alias, no
    /// subaddress).
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn credentials(&self, address: &Address) -> Result<Option<Credentials>, DirectoryError> {
        ask!(self.source, credentials(address))
    }

    /// Whether this is the password of an account whose hash is kept elsewhere
    /// ([`StoredHash::is_elsewhere`]). An empty one never is.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where nobody could say.
    pub async fn verify(&self, whose: &Credentials, password: &Secret) -> Result<bool, DirectoryError> {
        if password.is_empty() {
            return Ok(false);
        }
        ask!(self.source, verify(whose, password))
    }

    /// Asks for nobody's password what [`Directory::verify`] asks for
    /// somebody's, so that the time of the answer does not tell who is there.
    ///
    /// # Errors
    ///
    /// As [`Directory::verify`].
    pub async fn verify_nobody(&self, password: &Secret) -> Result<(), DirectoryError> {
        if password.is_empty() {
            return Ok(());
        }
        ask!(self.source, verify_nobody(password))
    }

    /// Puts a new password in the place of the old one where whoever keeps it
    /// hashes it.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::NewPasswordRefused`] where the new one is not taken.
    pub async fn change_password(
        &self,
        whose: &Credentials,
        old: &Secret,
        new: &Secret,
    ) -> Result<Replaced, DirectoryError> {
        ask!(self.source, change_password(whose, old, new))
    }

    /// Puts `new` in the place of the hash that was read, unless somebody
    /// changed the password in the meantime. Says whether it did.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`]; the caller's login is good nevertheless.
    /// [`DirectoryError::NoQuery`] where passwords of another program's tables
    /// are not to be changed here.
    pub async fn store_hash(&self, whose: &Credentials, new: &StoredHash) -> Result<Replaced, DirectoryError> {
        let done = ask!(self.source, replace_hash(whose, new))?;
        Ok(if done { Replaced::Yes } else { Replaced::ChangedMeanwhile })
    }
}

/// Whether a hash was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The new hash is stored.
    Yes,
    /// The old one was not there any more.
    ChangedMeanwhile,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_shown_by_its_shape() {
        let cases = [
            ("{ARGON2ID}$argon2id$v=19$x", "{ARGON2ID}, 26 characters"),
            ("$2y$10$abc", "$2y$, 10 characters"),
            ("{PLAIN}hunter2", "{PLAIN}, 14 characters"),
            ("hunter2", "no scheme, 7 characters"),
            ("$hunter2", "no scheme, 8 characters"),
            ("$very secret$x", "no scheme, 14 characters"),
            ("{my secret}", "no scheme, 11 characters"),
            ("{}x", "no scheme, 3 characters"),
            ("", "no scheme, 0 characters"),
        ];
        for (text, expected) in cases {
            assert_eq!(StoredHash::new(text).shape(), expected, "{text}");
        }
    }
}
