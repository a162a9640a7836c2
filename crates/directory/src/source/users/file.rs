//! The users file on disk: read, read again when it changed, and written back
//! with one hash in the place of another. Everything here blocks.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use mail::Address;
use thiserror::Error;
use tracing::warn;

use super::parse::{MAX_BYTES, Problem, Users, key, parse};
use crate::StoredHash;

/// A file that was changed less than this before it was read may be changed
/// again without its times showing it.
const SETTLED: Duration = Duration::from_secs(2);
/// How often a change is begun anew when somebody else was faster.
const TRIES: usize = 50;

/// Why a users file cannot be used or written. Says nothing of what stands in
/// it.
#[derive(Debug, Error)]
pub enum UsersFileError {
    /// It is not there, or must not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is larger than 16 MiB.
    #[error("{}: it is larger than {MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// It is no UTF-8.
    #[error("{}: it is no UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// A line of it cannot be understood.
    #[error("{}:{line}:{column}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// It, or the folder that it lies in, must not be written, or its owner
    /// cannot be kept.
    #[error("{} cannot be written: {source}", path.display())]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A hash that would not be one word of a line.
    #[error("this hash cannot stand in a users file")]
    BadHash,
    /// Somebody else changes it all the time.
    #[error("{} is being changed by somebody else", .0.display())]
    Busy(PathBuf),
}

/// Names of files of one process must differ.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    size: u64,
    changed: (i64, i64),
    inode_changed: (i64, i64),
}

impl Stamp {
    /// When anything about the file was changed last, by nobody's choice: its
    /// content, or that it lies there.
    pub(super) fn changed_at(&self) -> SystemTime {
        let (seconds, nanos) = self.inode_changed;
        let part = |number: i64| u64::try_from(number).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_secs(part(seconds)) + Duration::from_nanos(part(nanos))
    }

    fn of(meta: &Metadata) -> Self {
        Self {
            file: (meta.dev(), meta.ino()),
            size: meta.size(),
            changed: (meta.mtime(), meta.mtime_nsec()),
            inode_changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) users: Users,
    text: String,
    pub(super) stamp: Stamp,
    /// Whether the stamp will show the next change.
    pub(super) settled: bool,
    /// Whether everybody on this machine can read it.
    pub(super) is_public: bool,
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Reading, UsersFileError> {
    let unreadable = |source| UsersFileError::Unreadable { path: path.to_owned(), source };
    let mut file = open(path).map_err(unreadable)?;
    read_open(&mut file, path)
}

/// Opens it without waiting: a pipe in its place would wait for a writer, and
/// every question with it.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    File::options().read(true).custom_flags(i32::try_from(flags).unwrap_or_default()).open(path)
}

fn read_open(file: &mut File, path: &Path) -> Result<Reading, UsersFileError> {
    let unreadable = |source| UsersFileError::Unreadable { path: path.to_owned(), source };
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(UsersFileError::TooLarge(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| UsersFileError::NotText(path.to_owned()))?;
    let users = parse(&text).map_err(|Problem { line, column, what }| UsersFileError::Wrong {
        path: path.to_owned(),
        line,
        column,
        what,
    })?;
    let age = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    let settled = age.is_some_and(|age| age > SETTLED);
    Ok(Reading { users, text, stamp: Stamp::of(&meta), settled, is_public: meta.mode() & 0o004 != 0 })
}

/// The stamp of the file as it lies there now.
pub(super) fn stamp(path: &Path) -> io::Result<Stamp> {
    std::fs::metadata(path).map(|meta| Stamp::of(&meta))
}

/// Puts `new` in the place of `old` in the line of this account, and leaves
/// everything else as it is. Says whether `old` was still there.
///
/// Our own processes exclude each other by a lock on the file; whoever else
/// writes is noticed by the stamp just before the new file takes the place of
/// the one that was read.
pub(super) fn replace(
    path: &Path,
    whose: &Address,
    (old, new): (&StoredHash, &StoredHash),
) -> Result<bool, UsersFileError> {
    if new.expose().is_empty() || new.expose().contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(UsersFileError::BadHash);
    }
    // A link stays one; what it leads to is replaced.
    let unreadable = |source| UsersFileError::Unreadable { path: path.to_owned(), source };
    let path = &path.canonicalize().map_err(unreadable)?;
    for _ in 0..TRIES {
        let mut file = open(path).map_err(unreadable)?;
        file.lock().map_err(unreadable)?;
        let reading = read_open(&mut file, path)?;
        // The lock was waited for, on a file that another has taken the place of.
        if stamp(path).ok() != Some(reading.stamp) {
            continue;
        }
        let Some(entry) = reading.users.accounts.get(&key(whose)) else { return Ok(false) };
        if entry.hash.as_ref() != Some(old) {
            return Ok(false);
        }
        let (before, behind) = (&reading.text[..entry.hash_at.start], &reading.text[entry.hash_at.end..]);
        let text = format!("{before}{}{behind}", new.expose());
        let not_writable = |source| UsersFileError::NotWritable { path: path.clone(), source };
        if put(path, &text, (&file, reading.stamp), on_disk).map_err(not_writable)? {
            return Ok(true);
        }
    }
    Err(UsersFileError::Busy(path.clone()))
}

/// Writes the text beside the file, on disk, and renames it over the file if
/// that is still the one that was read. Once it was renamed, the new one counts:
/// that it may not outlive a crash is for the log.
fn put(
    path: &Path,
    text: &str,
    (read, stamp): (&File, Stamp),
    on_disk: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".{name}.{}-{number}.new", std::process::id()));
    let written = write(&beside, text, &read.metadata()?).and_then(|()| {
        let is_same = self::stamp(path).is_ok_and(|now| now == stamp);
        if is_same {
            std::fs::rename(&beside, path)?;
            if let Err(error) = on_disk(folder) {
                warn!(path = %path.display(), %error, "the users file was written, but a crash may bring back the old one");
            }
        }
        Ok(is_same)
    });
    if !matches!(written, Ok(true)) {
        // Where it was renamed, there is nothing of this name any more.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

fn on_disk(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn write(beside: &Path, text: &str, like: &Metadata) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = "# Ours\r\nbob@example.org:{PLAIN}one  name=Bob # him\n\nalice@example.org:{PLAIN}two\n# end";

    fn hash(text: &str) -> StoredHash {
        StoredHash::new(text)
    }

    #[test]
    fn one_hash_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        std::fs::write(&path, FILE).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("users", &link).unwrap();
        let bob: Address = "bob@example.org".parse().unwrap();
        assert!(replace(&link, &bob, (&hash("{PLAIN}one"), &hash("$6$salt$hash"))).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, FILE.replace("{PLAIN}one", "$6$salt$hash"));
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);
        assert!(link.is_symlink());
        // Not there any more, nobody of this name, and what would be no word.
        assert!(!replace(&path, &bob, (&hash("{PLAIN}one"), &hash("x"))).unwrap());
        assert!(!replace(&path, &"eve@example.org".parse().unwrap(), (&hash("a"), &hash("b"))).unwrap());
        for bad in ["", "a b", "a\nb"] {
            let done = replace(&path, &bob, (&hash("$6$salt$hash"), &hash(bad)));
            assert!(matches!(done, Err(UsersFileError::BadHash)), "{done:?}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn a_pipe_in_its_place_keeps_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = read(&path).unwrap_err();
        assert!(error.to_string().contains("it is no file"), "{error}");
    }

    #[test]
    fn who_was_faster_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        std::fs::write(&path, FILE).unwrap();
        let file = File::open(&path).unwrap();
        let before = stamp(&path).unwrap();
        // An editor that writes a new file, and one that writes into the old.
        std::fs::write(folder.path().join("other"), "# other\n").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(!put(&path, "mine", (&file, before), on_disk).unwrap());
        let before = stamp(&path).unwrap();
        std::fs::write(&path, "# longer than before\n").unwrap();
        assert!(!put(&path, "mine", (&file, before), on_disk).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# longer than before\n");
        // What was renamed counts, on disk or not.
        let full = |_: &Path| Err(io::Error::from(io::ErrorKind::StorageFull));
        assert!(put(&path, "mine", (&file, stamp(&path).unwrap()), full).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn two_changes_at_a_time_both_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let lines: String = (0..8).map(|n| format!("u{n}@example.org:{{PLAIN}}0\n")).collect();
        std::fs::write(&path, lines).unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let address: Address = format!("u{n}@example.org").parse().unwrap();
                    // The lock may be had on a file that was replaced meanwhile.
                    assert!(replace(path, &address, (&hash("{PLAIN}0"), &hash("{PLAIN}1"))).unwrap());
                });
            }
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches("{PLAIN}1").count(), 8, "{text}");
    }

    #[test]
    fn what_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        assert!(matches!(read(&path), Err(UsersFileError::Unreadable { .. })));
        assert!(matches!(read(folder.path()), Err(UsersFileError::Unreadable { .. })));
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(read(&path), Err(UsersFileError::NotText(_))));
        std::fs::write(&path, "\nnobody\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(
            error.ends_with("users:2:1: this is neither `address:hash`, nor `address: address, …`, nor `domain name`"),
            "{error}"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&path, "a@b.example:{PLAIN}x").unwrap();
        assert!(read(&path).unwrap().is_public);
    }
}
