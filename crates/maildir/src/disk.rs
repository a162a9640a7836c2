//! The handful of file operations that all durable state is made of.
//!
//! Names are single components relative to an open directory, so no operation
//! can be led elsewhere by a symlink or a `..`. Nothing is written in place:
//! files are created exclusively, written from start to end, made durable, and
//! only then given their name.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::Name;

/// An open directory. Cheap to clone.
#[derive(Clone)]
pub struct DirHandle(Arc<dyn Any + Send + Sync>);

/// An open regular file. Cheap to clone.
#[derive(Clone)]
pub struct FileHandle(Arc<dyn Any + Send + Sync>);

/// A point in time as the file system keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp {
    /// Seconds since 1970.
    pub secs: i64,
    /// Nanoseconds within that second.
    pub nanos: u32,
}

/// What is known about a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Octets.
    pub size: u64,
    /// When the content (of a directory: a name in it) last changed.
    pub modified: Timestamp,
}

/// What a directory entry is. Symlinks and devices are [`Kind::Other`], and
/// never opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// What it is.
    pub kind: Kind,
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Octets that this process may still write.
    pub free: u64,
    /// Octets in all.
    pub total: u64,
    /// Files that may still be created.
    pub free_files: u64,
}

/// A file system. All calls block.
///
/// Errors are those of the operating system; `AlreadyExists` and `NotFound`
/// mean what they say, and `IsADirectory`, `NotADirectory` or
/// `InvalidInput` that a name is not the kind of thing that was asked for.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a directory that the administrator configured; symlinks on the way
    /// to it are his affair.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn open_root(&self, path: &Path) -> io::Result<DirHandle>;

    /// Opens a directory in a directory; a symlink is an error.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn open_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<DirHandle>;

    /// Makes a directory, mode 0700.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, or as the operating system says.
    fn make_dir(&self, dir: &DirHandle, name: &Name) -> io::Result<()>;

    /// Creates a file for writing and reading, mode 0600.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, or as the operating system says.
    fn create(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle>;

    /// Opens a regular file for reading; a symlink, a pipe or a device is an
    /// error and is never waited for.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn open(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle>;

    /// Opens a regular file so that writes go behind its end.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn open_append(&self, dir: &DirHandle, name: &Name) -> io::Result<FileHandle>;

    /// Writes all the bytes behind what was written.
    ///
    /// # Errors
    ///
    /// As the operating system says; some of the bytes may have been written.
    fn write(&self, file: &FileHandle, bytes: &[u8]) -> io::Result<()>;

    /// Copies exactly `len` octets from `offset` on behind what was written to
    /// the other file, within the kernel where that is possible.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` where the source is shorter, or as the operating system
    /// says.
    fn copy_range(&self, from: &FileHandle, offset: u64, len: u64, to: &FileHandle) -> io::Result<()>;

    /// Reads up to a buffer full; 0 is the end of the file.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn read_at(&self, file: &FileHandle, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Makes the file's content and times durable. Never to be repeated after a
    /// failure: the kernel then forgets what it could not write, and a second
    /// call would succeed without anything being on disk.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn sync_file(&self, file: &FileHandle) -> io::Result<()>;

    /// Makes the names in a directory durable; see [`Disk::sync_file`].
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn sync_dir(&self, dir: &DirHandle) -> io::Result<()>;

    /// Sets the time of modification.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn set_modified(&self, file: &FileHandle, secs: i64) -> io::Result<()>;

    /// Gives a file (or a directory) another name, never one that is taken.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, or as the operating system says.
    fn rename(&self, from_dir: &DirHandle, from: &Name, to_dir: &DirHandle, to: &Name) -> io::Result<()>;

    /// Gives a file another name in its directory, in place of the file that
    /// has it.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn replace(&self, dir: &DirHandle, from: &Name, to: &Name) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    ///
    /// `NotFound`, or as the operating system says.
    fn unlink(&self, dir: &DirHandle, name: &Name) -> io::Result<()>;

    /// All names in a directory, in no order. A listing that races with renames
    /// may miss files that are there all the time.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn list(&self, dir: &DirHandle) -> io::Result<Vec<Entry>>;

    /// Size and time of an open file.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn stat(&self, file: &FileHandle) -> io::Result<Stat>;

    /// Time of an open directory.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn stat_dir(&self, dir: &DirHandle) -> io::Result<Stat>;

    /// Room on the file system that holds a directory.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn space(&self, dir: &DirHandle) -> io::Result<Space>;

    /// A read-only descriptor of a regular file, to hand to another process.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    fn descriptor(&self, dir: &DirHandle, name: &Name) -> io::Result<std::fs::File>;
}

impl DirHandle {
    /// For implementations of [`Disk`]: wraps what they mean by a directory.
    #[must_use]
    pub fn new(inner: impl Any + Send + Sync) -> Self {
        Self(Arc::new(inner))
    }

    /// For implementations of [`Disk`]: what they wrapped.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a handle of another kind of disk.
    pub fn inner<T: Any>(&self) -> io::Result<&T> {
        self.0.downcast_ref().ok_or_else(foreign)
    }
}

impl FileHandle {
    /// For implementations of [`Disk`]: wraps what they mean by a file.
    #[must_use]
    pub fn new(inner: impl Any + Send + Sync) -> Self {
        Self(Arc::new(inner))
    }

    /// For implementations of [`Disk`]: what they wrapped.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a handle of another kind of disk.
    pub fn inner<T: Any>(&self) -> io::Result<&T> {
        self.0.downcast_ref().ok_or_else(foreign)
    }
}

fn foreign() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "a handle of another disk")
}

impl fmt::Debug for DirHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirHandle")
    }
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileHandle")
    }
}
