//! The copy of the last signature set that a worker could load, so that a
//! worker that dies while the folder holds a broken set is replaced.
//!
//! The server loads no worker from the folder itself but from a copy of it that
//! nobody else writes: what was loaded is then what is kept, also where a feed
//! was being written at that moment. Hard links would not do, since a feed may
//! be rewritten in place. A copy is made only of a folder that has changed, and
//! shares its blocks with the folder where the file system can do that.
//!
//! `<folder>/set.<process>.<worker>.<attempt>` is one copy each, and the
//! symbolic link `<folder>/good` names the one that is kept. It is replaced by
//! a rename, so at any moment it names a whole set.

use std::fs::{self, DirBuilder, File, FileTimes};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::fingerprint::Fingerprint;

const GOOD: &str = "good";
const SET: &str = "set";
/// A folder that is written while it is copied is looked at again this often.
const ROUNDS: usize = 5;

/// One copy of the signature folder. It is removed when nobody uses it any
/// more, unless it is the one to keep.
#[derive(Debug)]
pub(crate) struct Set {
    folder: PathBuf,
    keep: AtomicBool,
}

/// The folder of copies.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    good: Mutex<Option<Arc<Set>>>,
}

impl Store {
    /// Opens the folder to keep copies in it; made where it is missing. What an
    /// earlier process has left is removed, but for the good set.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
        let store = Self::read(folder);
        let good = store.good().map(|set| set.folder.clone());
        for entry in fs::read_dir(folder)?.flatten() {
            let path = entry.path();
            if is_set(&path)
                && Some(&path) != good.as_ref()
                && let Err(error) = fs::remove_dir_all(&path)
            {
                // It costs room, but is in nobody's way.
                tracing::warn!(%error, folder = %path.display(), "an old copy of the signatures stays");
            }
        }
        Ok(store)
    }

    /// The folder as another process keeps it: only to be read.
    pub(crate) fn read(folder: &Path) -> Self {
        let named = fs::read_link(folder.join(GOOD)).ok();
        let path = named.map(|name| folder.join(name)).filter(|path| is_set(path) && path.is_dir());
        let good = path.map(|folder| Arc::new(Set { folder, keep: AtomicBool::new(true) }));
        Self { folder: folder.to_owned(), good: Mutex::new(good) }
    }

    /// The last set that was loaded.
    pub(crate) fn good(&self) -> Option<Arc<Set>> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A copy of the signature folder as it is now; the good one if that is the
    /// same.
    pub(crate) fn copy(&self, signatures: &Path, worker: u64) -> io::Result<Arc<Set>> {
        let mut before = Fingerprint::of(signatures)?;
        if let Some(good) = self.good()
            && Fingerprint::of(&good.folder).is_ok_and(|copied| copied == before)
        {
            return Ok(good);
        }
        enough_room(&self.folder, before.octets())?;
        let set = Arc::new(Set { folder: self.make(worker)?, keep: AtomicBool::new(false) });
        let mut stale: Vec<_> = before.names().map(str::to_owned).collect();
        for _ in 0..ROUNDS {
            copy_files(signatures, &set.folder, &stale)?;
            let now = Fingerprint::of(signatures)?;
            stale = now.changes_since(&before);
            if stale.is_empty() {
                break;
            }
            before = now;
        }
        Ok(set)
    }

    /// A worker has loaded this set: from now on it is the good one, also after
    /// a power cut.
    pub(crate) fn keep(&self, set: &Arc<Set>) -> io::Result<()> {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good.as_ref().is_some_and(|good| Arc::ptr_eq(good, set)) {
            return Ok(());
        }
        for entry in fs::read_dir(&set.folder)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(&set.folder)?.sync_all()?;
        let (Some(name), new) = (set.folder.file_name(), self.folder.join("good.new")) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => symlink(name, &new)?,
        }
        fs::rename(&new, self.folder.join(GOOD))?;
        // The link names it from here on, whatever fails behind it.
        set.keep.store(true, Ordering::SeqCst);
        let old = good.replace(Arc::clone(set));
        // After a power cut the link may be the old one, until it is synced.
        File::open(&self.folder)?.sync_all()?;
        if let Some(old) = old {
            // A worker may be loading it right now: the last one removes it.
            old.keep.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn make(&self, worker: u64) -> io::Result<PathBuf> {
        // A second scanner in the same process has the same numbers.
        for attempt in 0..1000_u32 {
            let folder = self.folder.join(format!("{SET}.{}.{worker}.{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|()| folder),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

impl Set {
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        if !self.keep.load(Ordering::SeqCst)
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(%error, folder = %self.folder.display(), "a copy of the signatures stays");
        }
    }
}

fn is_set(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
        name.strip_prefix(SET).and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| !rest.contains('/'))
    })
}

/// The disk is the one that mail is spooled on: beside a copy there must stay
/// room for as much again.
fn enough_room(folder: &Path, octets: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(folder)?;
    if leaves_room(octets, disk.f_bavail.saturating_mul(disk.f_frsize)) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::StorageFull, "too little room on the disk for a copy"))
}

fn leaves_room(octets: u64, free: u64) -> bool {
    octets.saturating_mul(2) <= free
}

/// Copies these files, each with its time; one that is gone is removed.
fn copy_files(from: &Path, to: &Path, names: &[String]) -> io::Result<()> {
    for name in names {
        let copy = to.join(name);
        let mut source = match File::open(from.join(name)) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let _ = fs::remove_file(copy);
                continue;
            }
            Err(error) => return Err(error),
        };
        let modified = source.metadata()?.modified()?;
        let mut target = File::create(copy)?;
        // Between files this is `copy_file_range`, which shares the blocks
        // where the file system can.
        io::copy(&mut source, &mut target)?;
        target.set_times(FileTimes::new().set_modified(modified))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let signatures = folder.path().join("signatures");
        fs::create_dir(&signatures).unwrap();
        fs::write(signatures.join("a.ndb"), "one").unwrap();
        let kept = folder.path().join("kept");
        (folder, signatures, kept)
    }

    fn sets(kept: &Path) -> usize {
        fs::read_dir(kept).unwrap().filter(|entry| is_set(&entry.as_ref().unwrap().path())).count()
    }

    fn content(set: &Set) -> String {
        fs::read_to_string(set.path().join("a.ndb")).unwrap()
    }

    #[test]
    fn a_copy_is_kept_and_found_again() {
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        assert!(store.good().is_none());
        let set = store.copy(&signatures, 1).unwrap();
        store.keep(&set).unwrap();
        // Rewritten in place.
        fs::write(signatures.join("a.ndb"), "broken").unwrap();
        drop((set, store));
        assert_eq!(content(&Store::read(&kept).good().unwrap()), "one");
        let store = Store::open(&kept).unwrap();
        assert_eq!((content(&store.good().unwrap()), sets(&kept)), ("one".to_owned(), 1));
    }

    #[test]
    fn one_that_is_not_kept_is_removed() {
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        let set = store.copy(&signatures, 1).unwrap();
        assert_eq!((content(&set), sets(&kept)), ("one".to_owned(), 1));
        drop(set);
        assert_eq!(sets(&kept), 0);
    }

    #[test]
    fn an_old_set_lives_as_long_as_it_is_used() {
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        let first = store.copy(&signatures, 1).unwrap();
        store.keep(&first).unwrap();
        fs::write(signatures.join("a.ndb"), "second").unwrap();
        let second = store.copy(&signatures, 2).unwrap();
        store.keep(&second).unwrap();
        assert_eq!((content(&first), content(&store.good().unwrap())), ("one".to_owned(), "second".to_owned()));
        drop((first, second));
        assert_eq!(sets(&kept), 1);
    }

    #[test]
    fn what_has_not_changed_is_not_copied_again() {
        let (_guard, signatures, kept) = folders();
        fs::write(signatures.join(".partial.ndb"), "half").unwrap();
        fs::create_dir(signatures.join("tmp.1")).unwrap();
        let store = Store::open(&kept).unwrap();
        let set = store.copy(&signatures, 1).unwrap();
        assert_eq!(fs::read_dir(set.path()).unwrap().count(), 1, "only what libclamav shall load");
        store.keep(&set).unwrap();
        assert!(Arc::ptr_eq(&set, &store.copy(&signatures, 2).unwrap()));
        fs::remove_file(signatures.join("a.ndb")).unwrap();
        assert!(!Arc::ptr_eq(&set, &store.copy(&signatures, 3).unwrap()));
    }

    #[test]
    fn a_copy_leaves_room_for_mail() {
        for (octets, free, expected) in [(0, 0, true), (5, 10, true), (6, 10, false), (u64::MAX, u64::MAX - 1, false)] {
            assert_eq!(leaves_room(octets, free), expected, "{octets} of {free}");
        }
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        // Larger than any disk, and nothing on it.
        File::create(signatures.join("huge.ndb")).unwrap().set_len(1 << 42).unwrap();
        assert_eq!(store.copy(&signatures, 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(sets(&kept), 0);
    }

    #[test]
    fn a_link_that_cannot_be_replaced_leaves_the_old_set() {
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        store.keep(&store.copy(&signatures, 1).unwrap()).unwrap();
        fs::write(signatures.join("a.ndb"), "second").unwrap();
        let second = store.copy(&signatures, 2).unwrap();
        fs::create_dir(kept.join("good.new")).unwrap();
        assert!(store.keep(&second).is_err());
        drop(second);
        assert_eq!((content(&store.good().unwrap()), sets(&kept)), ("one".to_owned(), 1));
        assert_eq!(content(&Store::read(&kept).good().unwrap()), "one");
    }

    #[test]
    fn what_was_left_behind_is_removed_and_nothing_else() {
        let (_guard, signatures, kept) = folders();
        let store = Store::open(&kept).unwrap();
        std::mem::forget(store.copy(&signatures, 1).unwrap());
        fs::write(kept.join("note"), "x").unwrap();
        assert_eq!(sets(&kept), 1);
        // Names nothing that we would have made.
        symlink("../signatures", kept.join(GOOD)).unwrap();
        let store = Store::open(&kept).unwrap();
        assert!(store.good().is_none());
        assert_eq!((sets(&kept), kept.join("note").exists(), signatures.exists()), (0, true, true));
    }
}
