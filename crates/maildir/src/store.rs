//! A disk together with its health: what every durable write starts from.

use std::sync::Arc;

use crate::own::Own;
use crate::{DirHandle, Disk, Error, FileHandle, Health, Kind, Name, Withdrawn};

/// A file system and whether it may be trusted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    disk: Arc<dyn Disk>,
    health: Health,
    own: Own,
}

impl Store {
    /// A healthy file system.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, health: Health::default(), own: Own::default() }
    }

    /// The operations.
    #[must_use]
    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    /// Whether it may be trusted.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What is done through it in folders that are watched.
    pub(crate) fn own(&self) -> &Own {
        &self.own
    }

    /// Makes the names in a directory durable, once: a failure takes the file
    /// system out of service.
    ///
    /// # Errors
    ///
    /// [`Error::DirectorySync`].
    pub fn sync_dir(&self, dir: &DirHandle) -> Result<(), Error> {
        self.disk.sync_dir(dir).map_err(|source| {
            self.health.take_out_of_service();
            Error::DirectorySync { source, names: Withdrawn::None }
        })
    }

    /// Opens a directory, made durably if it was not there. The parent is made
    /// durable in any case: another process may have made the directory an
    /// instant ago.
    ///
    /// # Errors
    ///
    /// [`Error`] where it can neither be made nor opened.
    pub fn ensure_dir(&self, parent: &DirHandle, name: &Name) -> Result<DirHandle, Error> {
        match self.disk.make_dir(parent, name) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io("making a directory")(error));
            }
            _ => self.sync_dir(parent)?,
        }
        self.disk.open_dir(parent, name).map_err(Error::io("opening a directory"))
    }

    /// Writes a new file under a name that nobody reads yet, durable in content
    /// but not in name. What could not be finished is removed.
    ///
    /// # Errors
    ///
    /// [`Error`], with nothing left behind.
    pub fn write_file(
        &self,
        dir: &DirHandle,
        name: &Name,
        write: impl FnOnce(&FileHandle) -> std::io::Result<()>,
    ) -> Result<FileHandle, Error> {
        let file = self.disk.create(dir, name).map_err(Error::io("creating a file"))?;
        match write(&file).and_then(|()| self.disk.sync_file(&file)) {
            Ok(()) => Ok(file),
            Err(error) => {
                // What stays if this fails too has a name that nobody reads.
                let _ = self.disk.unlink(dir, name);
                Err(Error::io("writing a file")(error))
            }
        }
    }

    /// Writes a file anew, durably, under a draft name first: readers see the
    /// old one or the new. A draft that a crash left goes.
    ///
    /// # Errors
    ///
    /// [`Error`], with the old one in place.
    pub fn replace_file(&self, dir: &DirHandle, name: &Name, draft: &Name, content: &[u8]) -> Result<(), Error> {
        const DOING: &str = "replacing a file";
        match self.disk.unlink(dir, draft) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(DOING)(error)),
            _ => {}
        }
        self.write_file(dir, draft, |file| self.disk.write(file, content))?;
        self.disk.replace(dir, draft, name).map_err(Error::io(DOING))?;
        self.sync_dir(dir)
    }

    /// Reads a whole file of at most `cap` octets; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], or as the operating system says.
    pub fn read_file(&self, dir: &DirHandle, name: &Name, cap: usize) -> Result<Option<Vec<u8>>, Error> {
        const DOING: &str = "reading a file";
        let file = match self.disk.open(dir, name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(Error::io(DOING))?,
        };
        let size = self.disk.stat(&file).map_err(Error::io(DOING))?.size;
        let size = usize::try_from(size).ok().filter(|size| *size <= cap).ok_or(Error::TooLarge(DOING))?;
        self.read_range(&file, 0, size).map(Some)
    }

    /// Reads exactly `len` octets, or fewer at the end of the file.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn read_range(&self, file: &FileHandle, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while filled < len {
            let read = self.disk.read_at(file, offset + filled as u64, &mut bytes[filled..]);
            match read.map_err(Error::io("reading a file"))? {
                0 => break,
                more => filled += more,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The names of one kind in a directory.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn names(&self, dir: &DirHandle, kind: Kind) -> Result<Vec<Name>, Error> {
        let entries = self.disk.list(dir).map_err(Error::io("listing a directory"))?;
        Ok(entries.into_iter().filter(|entry| entry.kind == kind).map(|entry| entry.name).collect())
    }
}
