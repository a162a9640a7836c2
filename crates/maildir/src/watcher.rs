//! What other programs do in folders that somebody looks at, told by the kernel
//! (inotify(7)): one instance for the process, two directories for a folder.
//!
//! A hint only: whoever is told looks for himself. Where the kernel cannot tell
//! (too many watches, a file system that others change over the network),
//! watching fails, and folders are to be looked at by the clock.

use std::collections::{HashMap, HashSet};
use std::ffi::CStr;
use std::hash::Hash;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, Event, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

use crate::own::{Change, Own};
use crate::{DirHandle, Folder, MailRoot, Place};

/// Octets read at a time: some hundred events.
const BUFFER: usize = 16 << 10;
/// How many events are read before whoever waits for them has a turn.
const IN_A_ROW: usize = 2_000;

/// File systems that others change without this kernel hearing of it: NFS, SMB,
/// CIFS, Ceph, 9P, AFS, GFS2, OCFS2, Lustre, and what runs over FUSE (statfs(2),
/// and the headers of those that are not listed there).
const FAR: [u32; 11] = [
    0x6969,
    0xfe53_4d42,
    0xff53_4d42,
    0x00c3_6400,
    0x0102_1997,
    0x5346_414f,
    0x0116_1970,
    0x7461_636f,
    0x0bd0_0bd0,
    0x6573_5546,
    0x517b,
];

/// After these nothing more is told of a directory.
const ENDS: ReadFlags =
    ReadFlags::IGNORED.union(ReadFlags::UNMOUNT).union(ReadFlags::DELETE_SELF).union(ReadFlags::MOVE_SELF);

/// Watches folders; each has a key by which it is told of. Cheap to clone.
#[derive(Debug)]
pub struct Watcher<K: Copy + Eq + Hash>(Arc<Inner<K>>);

#[derive(Debug)]
struct Inner<K> {
    inotify: AsyncFd<OwnedFd>,
    own: Own,
    /// The keys of each watched directory: as often as it is watched.
    keys: Mutex<HashMap<i32, Vec<K>>>,
}

/// A folder is watched until this is dropped.
#[derive(Debug)]
pub struct FolderWatch<K: Copy + Eq + Hash> {
    inner: Arc<Inner<K>>,
    key: K,
    path: PathBuf,
    directories: Vec<i32>,
}

/// Where somebody else did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched<K> {
    /// In these folders, each once; some may not be watched any more, since a
    /// directory of theirs was removed, moved or unmounted.
    These {
        /// All of them.
        folders: Vec<K>,
        /// Those of them that nobody tells of any more.
        lost: Vec<K>,
    },
    /// More happened than the kernel could keep: maybe in all.
    All,
}

impl MailRoot {
    /// A watcher of folders below this root, which does not tell of what is
    /// done through the same root. To be made once, within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As the operating system says: the user has too many (`EMFILE`).
    pub fn watcher<K: Copy + Eq + Hash>(&self) -> io::Result<Watcher<K>> {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        // Deprecated, since a type may name another descriptor each time it is
        // asked; its successor is unsafe code for that. An `OwnedFd` does not.
        #[allow(deprecated, reason = "an OwnedFd always names the same descriptor")]
        let inotify = AsyncFd::new(inotify)?;
        Ok(Watcher(Arc::new(Inner { inotify, own: self.own().clone(), keys: Mutex::default() })))
    }
}

impl<K: Copy + Eq + Hash> Watcher<K> {
    /// Watches `new/` and `cur/` of a folder; blocks for an instant.
    ///
    /// # Errors
    ///
    /// As the operating system says, such as `ENOSPC` where the user has as many
    /// watches as it may have; `Unsupported` where others may change the file
    /// system without this kernel hearing of it.
    pub fn watch(&self, folder: &Folder, key: K) -> io::Result<FolderWatch<K>> {
        let path = folder.path().to_owned();
        self.0.own.watch(&path);
        let mut watch = FolderWatch { inner: Arc::clone(&self.0), key, path, directories: Vec::with_capacity(2) };
        for place in [Place::New, Place::Cur] {
            watch.directories.push(self.0.add(folder.dir_of(place), key)?);
        }
        Ok(watch)
    }

    /// Waits until something happens, and tells where. Nothing is lost when it
    /// is not waited for to the end.
    ///
    /// # Errors
    ///
    /// As the operating system says; nothing is told any more then.
    pub async fn next(&self) -> io::Result<Touched<K>> {
        loop {
            let mut ready = self.0.inotify.readable().await?;
            match self.0.read() {
                Ok(Touched::These { folders, .. }) if folders.is_empty() => {}
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                touched => return Ok(touched?),
            }
        }
    }
}

impl<K: Copy + Eq + Hash> Inner<K> {
    fn add(&self, dir: &DirHandle, key: K) -> io::Result<i32> {
        let dir: &OwnedFd = dir.inner()?;
        if is_far(dir)? {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the file system is shared over a network"));
        }
        // By its descriptor: a path could lead elsewhere by now.
        let path = format!("/proc/self/fd/{}", dir.as_raw_fd());
        let what = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::MODIFY
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        // Whoever reads an event finds the key.
        let mut keys = self.keys();
        let added = inotify::add_watch(self.inotify.get_ref(), path, what)?;
        keys.entry(added).or_default().push(key);
        Ok(added)
    }

    /// What is there to be read; an error only where that is nothing. What the
    /// kernel has handed over is read to its end, since it does so only once.
    fn read(&self) -> Result<Touched<K>, Errno> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(self.inotify.get_ref().as_fd(), &mut buffer);
        let (mut touched, mut lost, mut count) = (HashSet::new(), HashSet::new(), 0);
        while count < IN_A_ROW || !reader.is_buffer_empty() {
            let event = match reader.next() {
                Err(Errno::INTR) => continue,
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
                Ok(event) => event,
            };
            count += 1;
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                self.own.forget_all();
                return Ok(Touched::All);
            }
            if change(&event).is_some_and(|change| self.own.was(&change)) {
                continue;
            }
            let keys = self.keys().get(&event.wd()).cloned().unwrap_or_default();
            if event.events().intersects(ENDS) {
                lost.extend(keys.iter().copied());
            }
            touched.extend(keys);
        }
        Ok(Touched::These { folders: touched.into_iter().collect(), lost: lost.into_iter().collect() })
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<i32, Vec<K>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an event tells of a name; nothing where it is of another kind.
fn change(event: &Event<'_>) -> Option<Change> {
    let name: Box<[u8]> = event.file_name().map(CStr::to_bytes)?.into();
    if event.events().intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
        return Some(Change::In(name));
    }
    event.events().intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM).then_some(Change::Out(name))
}

fn is_far(dir: &OwnedFd) -> io::Result<bool> {
    let kind = rustix::fs::fstatfs(dir)?.f_type;
    // The number has 32 bits on all machines, its type not.
    #[allow(clippy::useless_conversion, reason = "it is none on some machines")]
    let kind = i64::from(kind) & 0xffff_ffff;
    Ok(FAR.iter().any(|far| i64::from(*far) == kind))
}

impl<K: Copy + Eq + Hash> Clone for Watcher<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Copy + Eq + Hash> Drop for FolderWatch<K> {
    fn drop(&mut self) {
        self.inner.own.unwatch(&self.path);
        let mut keys = self.inner.keys();
        for directory in &self.directories {
            let Some(watching) = keys.get_mut(directory) else { continue };
            if let Some(place) = watching.iter().position(|key| *key == self.key) {
                watching.swap_remove(place);
            }
            if watching.is_empty() {
                keys.remove(directory);
                // That of a directory which was removed is gone already.
                let _ = inotify::remove_watch(self.inner.inotify.get_ref(), *directory);
            }
        }
    }
}
