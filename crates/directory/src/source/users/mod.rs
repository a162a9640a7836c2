//! A file of users for tiny sites: plain lines that people edit, read again
//! within seconds when they changed. A change that cannot be read does not
//! count: the last good one does, and the log says why. Nor does one that
//! somebody may be at still: half a file is a good one, without the other half
//! of the users, whose mail would bounce.

mod file;
mod parse;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

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

/// How long a file must lie there unchanged before what was changed counts.
const RESTED: Duration = Duration::from_secs(2);
/// The same of one that has nobody in it any more: a full disk or a tool that
/// failed looks like that, and takes longer to be noticed.
const RESTED_EMPTY: Duration = Duration::from_secs(30);

/// By both clocks: that of files, which may be set, and one that only runs on.
#[derive(Debug, Clone, Copy)]
struct Now {
    wall: SystemTime,
    instant: Instant,
}

/// What a look at the file finds.
enum Look {
    /// Nothing new.
    Same,
    /// Another file than before that may be changing still.
    Changing(Stamp),
    /// One that lies still, for so long.
    Rested(Box<Reading>, Duration),
}

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
    /// What is not taken yet, and since when it looks like that.
    changing: Option<(Stamp, Instant)>,
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
            changing: None,
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
        self.users_at(Now { wall: SystemTime::now(), instant: Instant::now() }).await
    }

    async fn users_at(&self, now: Now) -> Arc<Users> {
        let fresh = |state: &State| {
            let is_fresh = now.instant.saturating_duration_since(state.looked) < FRESH;
            is_fresh.then(|| Arc::clone(&state.users))
        };
        if let Some(users) = self.state(|state| fresh(state)) {
            return users;
        }
        let _one = self.reading.lock().await;
        // Another question may have waited for it already.
        let (known, users) = self.state(|state| ((state.stamp, state.changing), fresh(state)));
        if let Some(users) = users {
            return users;
        }
        let found = blocking(&self.path, move |path| look(path, known, now)).await;
        self.state(|state| state.see(found, now, &self.path))
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // What a panic leaves behind is a state that was good before.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Takes what a look found, if it is good and lies still.
    fn see(&mut self, found: Result<Look, DirectoryError>, now: Now, path: &Path) -> Arc<Users> {
        self.looked = now.instant;
        match found {
            Ok(Look::Same) => self.changing = None,
            Ok(Look::Changing(stamp)) => self.wait_for(stamp, now),
            Ok(Look::Rested(reading, since)) if reading.users.is_empty() && !self.users.is_empty() => {
                if since < RESTED_EMPTY {
                    self.wait_for(reading.stamp, now);
                } else {
                    warn!(path = %path.display(), "the users file has nobody in it any more");
                    self.take(Ok(*reading), path);
                }
            }
            Ok(Look::Rested(reading, _)) => self.take(Ok(*reading), path),
            Err(error) => self.take(Err(error), path),
        }
        Arc::clone(&self.users)
    }

    fn wait_for(&mut self, stamp: Stamp, now: Now) {
        if self.changing.is_none_or(|(before, _)| before != stamp) {
            self.changing = Some((stamp, now.instant));
        }
    }

    /// Takes what was read, if it is good.
    fn take(&mut self, read: Result<Reading, DirectoryError>, path: &Path) {
        self.changing = None;
        match read {
            Ok(reading) => {
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
    }
}

/// Reads the file if it is another one than what is known, and lies still. How
/// long it does is what its own time says; where the clock was set back, so
/// that it lies in the future, how long it has looked like that.
fn look(
    path: &Path,
    (known, changing): (Option<Stamp>, Option<(Stamp, Instant)>),
    now: Now,
) -> Result<Look, UsersFileError> {
    let Ok(stamp) = file::stamp(path) else { return file::read(path).map(|read| Look::Changing(read.stamp)) };
    if known == Some(stamp) {
        return Ok(Look::Same);
    }
    let by_itself = now.wall.duration_since(stamp.changed_at()).unwrap_or_default();
    let since = changing.filter(|(before, _)| *before == stamp).map(|(_, since)| since);
    let as_seen = since.map_or(Duration::ZERO, |since| now.instant.saturating_duration_since(since));
    let rested = by_itself.max(as_seen);
    if rested < RESTED {
        return Ok(Look::Changing(stamp));
    }
    let reading = file::read(path)?;
    // Changed since, or while it was read.
    if reading.stamp != stamp || file::stamp(path).ok() != Some(stamp) {
        return Ok(Look::Changing(stamp));
    }
    Ok(Look::Rested(Box::new(reading), rested))
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
        self.state(|state| state.take(read, &self.path));
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

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "alice@example.org:{PLAIN}x\nbob@example.org:\n";

    struct Site {
        _folder: tempfile::TempDir,
        path: PathBuf,
        file: UsersFile,
        instant: Instant,
    }

    impl Site {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("users");
            std::fs::write(&path, TWO).unwrap();
            let file = UsersFile::open(&path).await.unwrap();
            Self { _folder: folder, path, file, instant: Instant::now() + FRESH }
        }

        /// Who is there when the file was changed so many seconds ago by its own
        /// time, `passed` after the last look.
        async fn seen(&mut self, age: i64, passed: u64) -> String {
            let changed = file::stamp(&self.path).unwrap().changed_at();
            let by = Duration::from_secs(age.unsigned_abs());
            let wall = if age < 0 { changed - by } else { changed + by };
            self.instant += Duration::from_secs(passed);
            let users = self.file.users_at(Now { wall, instant: self.instant }).await;
            users.accounts.values().map(|line| line.address.local().as_str().to_owned()).collect::<Vec<_>>().join(" ")
        }
    }

    #[tokio::test]
    async fn half_a_file_does_not_count() {
        let mut site = Site::open().await;
        std::fs::write(&site.path, "alice@example.org:{PLAIN}x\n").unwrap();
        assert_eq!(site.seen(0, 1).await, "alice bob");
        assert_eq!(site.seen(1, 1).await, "alice bob");
        // What cannot be read is not complained of either while it changes.
        std::fs::write(&site.path, "alice@example.org:{PLAIN}x\nbo").unwrap();
        assert_eq!(site.seen(1, 1).await, "alice bob");
        assert_eq!(site.file.state(|state| state.wrong.clone()), None);
        std::fs::write(&site.path, format!("{TWO}carol@example.org:\n")).unwrap();
        assert_eq!(site.seen(1, 1).await, "alice bob");
        assert_eq!(site.seen(2, 1).await, "alice bob carol");
        // At once where it was changed long before anybody asked.
        std::fs::write(&site.path, TWO).unwrap();
        assert_eq!(site.seen(3600, 3600).await, "alice bob");
    }

    #[tokio::test]
    async fn an_empty_file_counts_when_it_stays_so() {
        let mut site = Site::open().await;
        std::fs::write(&site.path, "# nobody\n").unwrap();
        for age in [0, 3, 29] {
            assert_eq!(site.seen(age, 1).await, "alice bob", "{age}");
        }
        assert_eq!(site.seen(30, 1).await, "");
        std::fs::write(&site.path, TWO).unwrap();
        assert_eq!(site.seen(2, 1).await, "alice bob");
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_does_not_keep_a_change_away() {
        let mut site = Site::open().await;
        std::fs::write(&site.path, "alice@example.org:{PLAIN}x\n").unwrap();
        assert_eq!(site.seen(-3600, 1).await, "alice bob");
        assert_eq!(site.seen(-3600, 1).await, "alice bob");
        assert_eq!(site.seen(-3600, 1).await, "alice");
    }
}
