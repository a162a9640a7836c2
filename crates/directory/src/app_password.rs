//! App passwords: one for each device or program, that opens what its scope
//! names and can be taken back alone. They are made at random, so a row is
//! found by the hash itself.

use std::fmt;
use std::str::FromStr;

use mail::Address;
use sql::{Row, SqlError, args};

use crate::rows::{self, Checked, usable};
use crate::{Directory, DirectoryError, StoredHash, statements as text};

/// The most that one account may have: more than anybody has devices.
pub const MAX_APP_PASSWORDS: usize = 20;
const MAX_NAME: usize = 64;

/// The number of an app password in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppPasswordKey(i64);

impl AppPasswordKey {
    /// Takes the number.
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

/// One way in for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// Reading over IMAP.
    Imap,
    /// Reading over POP3.
    Pop3,
    /// Sending.
    Submission,
}

impl Door {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Imap, Self::Pop3, Self::Submission];

    /// Its word in the database and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Submission => "submission",
        }
    }
}

/// The doors that an app password opens: `imap,pop3`. One that opens none is
/// never made; a row with words that nobody knows opens nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scope(u8);

impl Scope {
    /// The doors of a list; those that are there twice count once.
    pub fn of(doors: impl IntoIterator<Item = Door>) -> Self {
        Self(doors.into_iter().fold(0, |bits, door| bits | Self::bit(door)))
    }

    /// Whether it opens this door.
    #[must_use]
    pub fn opens(self, door: Door) -> bool {
        self.0 & Self::bit(door) != 0
    }

    /// Whether it opens none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What it opens, in the order of [`Door::ALL`].
    pub fn doors(self) -> impl Iterator<Item = Door> {
        Door::ALL.into_iter().filter(move |door| self.opens(*door))
    }

    fn bit(door: Door) -> u8 {
        match door {
            Door::Imap => 1,
            Door::Pop3 => 2,
            Door::Submission => 4,
        }
    }

    fn stored(text: &str) -> Self {
        Self::of(text.split(',').filter_map(|word| door(word.trim())))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.doors().map(Door::as_str).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let doors: Result<Vec<Door>, String> = words
            .map(|word| door(word).ok_or_else(|| format!("{word:?} is none of imap, pop3 and submission")))
            .collect();
        let scope = Self::of(doors?);
        if scope.is_empty() { Err("name at least one of imap, pop3 and submission".to_owned()) } else { Ok(scope) }
    }
}

fn door(word: &str) -> Option<Door> {
    Door::ALL.into_iter().find(|door| door.as_str().eq_ignore_ascii_case(word))
}

/// An app password as it is listed; what it is nobody can read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// Its number.
    pub key: AppPasswordKey,
    /// For which device or program.
    pub name: String,
    /// What it opens.
    pub scope: Scope,
    /// Whether it opens anything.
    pub active: bool,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The day of the last login with it, `2026-01-31`, UTC.
    pub used: Option<String>,
}

/// An app password to be added.
#[derive(Debug, Clone)]
pub struct NewAppPassword {
    /// For which device or program: 1 to 64 characters.
    pub name: String,
    /// What it opens.
    pub scope: Scope,
    /// Its hash.
    pub hash: StoredHash,
}

impl Directory {
    /// The app passwords of an account, the oldest first; none in tables of
    /// another program.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn app_passwords(&self, whose: &Address) -> Result<Vec<AppPassword>, DirectoryError> {
        let Ok(own) = self.own() else { return Ok(Vec::new()) };
        Ok(usable(own.rows(text::APP_PASSWORDS, args![whose.domain().as_str(), whose.local().as_str()], read).await?))
    }

    /// The one with this hash, if it opens anything.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked.
    pub async fn app_password(
        &self,
        whose: &Address,
        hash: &StoredHash,
    ) -> Result<Option<AppPassword>, DirectoryError> {
        let Ok(own) = self.own() else { return Ok(None) };
        let args = args![whose.domain().as_str(), whose.local().as_str(), hash.expose()];
        let found = own.row(text::APP_PASSWORD, args, read).await?;
        Ok(found.filter(|found| found.active))
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::BadName`], [`DirectoryError::TooManyAppPasswords`],
    /// [`DirectoryError::AppPasswordAlreadyThere`],
    /// [`DirectoryError::UnknownAccount`], [`DirectoryError::ForeignTables`].
    pub async fn add_app_password(&self, whose: &Address, new: &NewAppPassword) -> Result<AppPassword, DirectoryError> {
        let own = self.own()?;
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(DirectoryError::BadName { most: MAX_NAME });
        }
        // Two at the same moment may make one more: no harm.
        if self.app_passwords(whose).await?.len() >= MAX_APP_PASSWORDS {
            return Err(DirectoryError::TooManyAppPasswords { most: MAX_APP_PASSWORDS });
        }
        let (domain, local, scope) = (whose.domain().as_str(), whose.local().as_str(), new.scope.to_string());
        let row = args![local, domain, name, new.hash.expose(), &scope];
        let pool = own.pool().await?;
        sql::retry(|| pool.execute(text::ADD_APP_PASSWORD, row)).await.map_err(|error| match error {
            SqlError::Duplicate(_) => DirectoryError::AppPasswordAlreadyThere(name.to_owned()),
            SqlError::Reference(_) => DirectoryError::UnknownAccount(whose.clone()),
            other => other.into(),
        })?;
        let made = self.app_password(whose, &new.hash).await?;
        made.ok_or_else(|| DirectoryError::UnknownAppPassword(name.to_owned()))
    }

    /// Takes one back. Says whether there was such a one.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::ForeignTables`]; of [`mail::Class::Directory`] where
    /// the directory cannot be asked.
    pub async fn revoke_app_password(&self, whose: &Address, which: AppPasswordKey) -> Result<bool, DirectoryError> {
        let own = self.own()?;
        let row = args![whose.domain().as_str(), whose.local().as_str(), which.as_i64()];
        let pool = own.pool().await?;
        Ok(sql::retry(|| pool.execute(text::REVOKE_APP_PASSWORD, row)).await?.rows > 0)
    }

    /// Takes all of an account back. Says how many there were.
    ///
    /// # Errors
    ///
    /// As [`Self::revoke_app_password`].
    pub async fn revoke_app_passwords(&self, whose: &Address) -> Result<u64, DirectoryError> {
        let own = self.own()?;
        let row = args![whose.domain().as_str(), whose.local().as_str()];
        let pool = own.pool().await?;
        Ok(sql::retry(|| pool.execute(text::REVOKE_APP_PASSWORDS, row)).await?.rows)
    }

    /// Notes that there was a login with it on this day, `2026-01-31`.
    ///
    /// # Errors
    ///
    /// Of [`mail::Class::Directory`] where the directory cannot be asked; the
    /// login is good nevertheless.
    pub async fn app_password_used(&self, which: AppPasswordKey, day: &str) -> Result<(), DirectoryError> {
        self.own()?.pool().await?.execute(text::USE_APP_PASSWORD, args![day, which.as_i64(), day]).await?;
        Ok(())
    }
}

fn read(row: &Row) -> Checked<AppPassword> {
    Ok(AppPassword {
        key: AppPasswordKey::new(row.int(0)?),
        name: row.text(1)?.to_owned(),
        scope: Scope::stored(row.text(2)?),
        active: row.int(3)? != 0,
        created: rows::rfc3339(row.text(4)?),
        used: row.opt_text(5)?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_with_commas() {
        let cases = [
            ("imap", Ok("imap")),
            ("submission, IMAP,imap", Ok("imap,submission")),
            ("pop3,submission,imap", Ok("imap,pop3,submission")),
            ("", Err("name at least one of imap, pop3 and submission".to_owned())),
            (",", Err("name at least one of imap, pop3 and submission".to_owned())),
            ("imap,web", Err("\"web\" is none of imap, pop3 and submission".to_owned())),
        ];
        for (text, expected) in cases {
            let read = text.parse::<Scope>().map(|scope| scope.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
        assert_eq!(Scope::stored("imap,web"), Scope::of([Door::Imap]), "what nobody knows opens nothing");
        assert!(Scope::stored("").is_empty() && !Scope::stored("all").opens(Door::Pop3));
    }
}
