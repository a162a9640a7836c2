//! A file of users for tiny sites: plain lines that people edit, read again
//! within seconds when they changed. A change that cannot be read does not
//! count: the last good one does, and the log says why.

mod file;
mod parse;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::{Address, Domain};
use tokio::time::Instant;
use tracing::{info, warn};

use self::file::{Reading, Stamp};
use self::parse::{AccountLine, AliasLine, DomainLine, Users, key};
use super::{Source, WithHash, foreign, shown};
use crate::explain::{Question, ShownRow};
use crate::rows::{Checked, Hosted, Target};
use crate::{Account, AliasEntry, AliasTarget, Credentials, DirectoryError, DomainEntry, StoredHash};

pub use file::UsersFileError;

/// How long what was seen of the file is good.
const FRESH: Duration = Duration::from_secs(1);

/// The users of a file.
#[derive(Debug)]
pub(crate) struct UsersFile {
    path: PathBuf,
    state: Mutex<State>,
    /// Held by whoever reads it again.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    users: Arc<Users>,
    /// What it was read from; `None` where the next change may not show.
    stamp: Option<Stamp>,
    /// What is wrong with the file as it is now, as the log was told.
    wrong: Option<String>,
    /// When the file was looked at.
    looked: Instant,
}

impl UsersFile {
    /// Reads the file.
    pub(crate) async fn open(path: &Path) -> Result<Self, DirectoryError> {
        let reading = blocking(path, file::read).await?;
        if reading.is_public {
            warn!(path = %path.display(), "everybody on this machine can read the users' password hashes; chmod o-r");
        }
        let state = State {
            stamp: reading.settled.then_some(reading.stamp),
            users: Arc::new(reading.users),
            wrong: None,
            looked: Instant::now(),
        };
        Ok(Self { path: path.to_owned(), state: Mutex::new(state), reading: tokio::sync::Mutex::default() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The users, of a file that was looked at just now.
    async fn users(&self) -> Arc<Users> {
        let is_fresh = |state: &State| state.looked.elapsed() < FRESH;
        if let Some(users) = self.state(|state| is_fresh(state).then(|| Arc::clone(&state.users))) {
            return users;
        }
        let _one = self.reading.lock().await;
        // Another question may have waited for it already.
        let (stamp, users) = self.state(|state| {
            let users = is_fresh(state).then(|| Arc::clone(&state.users));
            (state.stamp, users)
        });
        if let Some(users) = users {
            return users;
        }
        let read = blocking(&self.path, move |path| read_if_changed(path, stamp)).await;
        self.state(|state| state.take(read, &self.path))
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // What a panic leaves behind is a state that was good before.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Takes what was read, if it is good.
    fn take(&mut self, read: Result<Option<Reading>, DirectoryError>, path: &Path) -> Arc<Users> {
        self.looked = Instant::now();
        match read {
            Ok(None) => {}
            Ok(Some(reading)) => {
                self.stamp = reading.settled.then_some(reading.stamp);
                if self.wrong.take().is_some() || *self.users != reading.users {
                    info!(path = %path.display(), "the users file was read again");
                    self.users = Arc::new(reading.users);
                }
            }
            Err(error) => {
                self.stamp = None;
                let wrong = error.to_string();
                if self.wrong.as_ref() != Some(&wrong) {
                    warn!(error = wrong, "the users file as it is now cannot be used; the last good one counts");
                    self.wrong = Some(wrong);
                }
            }
        }
        Arc::clone(&self.users)
    }
}

fn read_if_changed(path: &Path, known: Option<Stamp>) -> Result<Option<Reading>, UsersFileError> {
    if known.is_some() && file::stamp(path).ok() == known {
        return Ok(None);
    }
    file::read(path).map(Some)
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, UsersFileError> + Send + 'static,
) -> Result<T, DirectoryError> {
    let path = path.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&path)).await;
    Ok(done.map_err(|error| DirectoryError::Interrupted(error.to_string()))??)
}

impl Source for UsersFile {
    /// Whether the file as it is now can be used.
    async fn ping(&self) -> Result<(), DirectoryError> {
        blocking(&self.path, file::read).await.map(drop)
    }

    async fn close(&self) {}

    async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        Ok(self.users().await.domains.get(domain).map(|line| hosted(domain, line)))
    }

    async fn account(&self, address: &Address) -> Result<Option<WithHash>, DirectoryError> {
        Ok(self.users().await.accounts.get(&key(address)).map(account))
    }

    async fn targets(&self, address: &Address) -> Result<Vec<Target>, DirectoryError> {
        Ok(self.users().await.aliases.get(&key(address)).map(targets).unwrap_or_default())
    }

    async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError> {
        let users = self.users().await;
        Ok(users.domains.iter().map(|(name, line)| entry(name, line, &users)).collect())
    }

    async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Checked<WithHash>>, DirectoryError> {
        let users = self.users().await;
        let lines = users.accounts.values().filter(|line| of.is_none_or(|domain| line.address.domain() == domain));
        Ok(lines.map(|line| Ok(account(line))).collect())
    }

    async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError> {
        let users = self.users().await;
        Ok(users.aliases.values().map(|line| alias(line, &users)).collect())
    }

    async fn alias(&self, address: &Address) -> Result<Option<AliasEntry>, DirectoryError> {
        let users = self.users().await;
        Ok(users.aliases.get(&key(address)).map(|line| alias(line, &users)))
    }

    async fn replace_hash(&self, whose: &Credentials, new: &StoredHash) -> Result<bool, DirectoryError> {
        let Some(old) = whose.hash.clone() else { return Ok(false) };
        let (address, new) = (whose.address.clone(), new.clone());
        let done = blocking(&self.path, move |path| file::replace(path, &address, (&old, &new))).await?;
        // The next question must not be answered from before.
        let _one = self.reading.lock().await;
        let read = blocking(&self.path, file::read).await;
        self.state(|state| state.take(read.map(Some), &self.path));
        Ok(done)
    }

    async fn place(&self, _: Question) -> String {
        format!("the file {}", self.path.display())
    }

    async fn shown(&self, question: Question, about: &Address) -> Result<Vec<ShownRow>, DirectoryError> {
        let users = self.users().await;
        let (line, row) = match question {
            Question::Domain => {
                let found = users.domains.get(about.domain());
                (found.map(|line| line.line), found.map(|line| shown::domain(&hosted(about.domain(), line))))
            }
            Question::Account => {
                let found = users.accounts.get(&key(about));
                (found.map(|line| line.line), found.map(|line| shown::account(&account(line))))
            }
            Question::Alias => {
                let found = users.aliases.get(&key(about));
                let rows = found.iter().flat_map(|line| targets(line)).map(|target| shown::target(&target));
                return Ok(rows.map(|row| numbered(row, found.map(|line| line.line))).collect());
            }
        };
        Ok(row.into_iter().map(|row| numbered(row, line)).collect())
    }

    /// What the file as it is now has wrong, while the last good one counts.
    async fn slips(&self) -> Result<Vec<String>, DirectoryError> {
        Ok(self.ping().await.err().map(|error| error.to_string()).into_iter().collect())
    }
}

fn numbered(mut row: ShownRow, line: Option<usize>) -> ShownRow {
    row.columns.insert(0, ("line".to_owned(), line.map(|line| line.to_string())));
    row
}

fn hosted(name: &Domain, line: &DomainLine) -> Hosted {
    Hosted {
        name: name.clone(),
        active: line.active,
        alias_of: line.alias_of.clone(),
        catch_all: line.catch_all.clone(),
        postmaster: line.postmaster.clone(),
        unusable: None,
    }
}

fn entry(name: &Domain, line: &DomainLine, users: &Users) -> DomainEntry {
    let count = |found: usize| u64::try_from(found).unwrap_or(u64::MAX);
    DomainEntry {
        name: name.clone(),
        active: line.active,
        alias_of: line.alias_of.clone(),
        catch_all: line.catch_all.first().cloned(),
        postmaster: line.postmaster.clone(),
        comment: String::new(),
        created: String::new(),
        accounts: count(users.accounts.keys().filter(|(domain, _)| domain == name).count()),
        aliases: count(users.aliases.keys().filter(|(domain, _)| domain == name).count()),
    }
}

fn account(line: &AccountLine) -> WithHash {
    let account = Account {
        key: foreign::key(&line.address.normal()),
        address: line.address.clone(),
        name: line.name.clone(),
        quota: line.quota,
        active: line.active,
        has_password: line.hash.is_some(),
        language: line.language.clone(),
        time_zone: line.time_zone.clone(),
        created: String::new(),
    };
    (account, line.hash.clone())
}

fn targets(line: &AliasLine) -> Vec<Target> {
    line.targets.iter().map(|address| Target { address: address.clone(), active: true, exclusive: false }).collect()
}

fn alias(line: &AliasLine, users: &Users) -> AliasEntry {
    let target = |address: &Address| AliasTarget {
        outside: !users.domains.contains_key(address.domain()),
        address: address.clone(),
        active: true,
    };
    AliasEntry { address: line.address.clone(), targets: line.targets.iter().map(target).collect() }
}
