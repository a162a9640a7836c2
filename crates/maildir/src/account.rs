//! One account's Maildir and its folders beside each other (Maildir++).

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use uidlist::FolderDir;

use crate::folder::Folder;
use crate::{DirHandle, Error, Kind, Name, Store};

/// Where removed things wait for the administrator.
const REMOVED: &[u8] = b".removed";
/// Says that a directory is a folder and no Maildir of its own (Maildir++).
const FOLDER_MARK: &[u8] = b"maildirfolder";

/// An open Maildir. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Account {
    maker: Maker,
    /// The folder that holds `Maildir`.
    home: DirHandle,
    maildir: DirHandle,
    path: PathBuf,
}

/// Whether something was made or was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Made now.
    Now,
    /// It was there.
    Before,
}

/// The number under which something removed is kept; to be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovalId(pub i64);

/// Makes and moves directories, one at a time in this process.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    pub(crate) store: Store,
    pub(crate) making: Arc<RwLock<()>>,
}

impl Account {
    /// Called while nobody else makes directories.
    pub(crate) fn create(maker: Maker, home: DirHandle, path: PathBuf) -> Result<Self, Error> {
        let maildir = maker.store.ensure_dir(&home, &maildir_name()?)?;
        Folder::create(&maker.store, &maildir, &path)?;
        Ok(Self { maker, home, maildir, path })
    }

    pub(crate) fn open(maker: Maker, home: DirHandle, path: PathBuf) -> Result<Self, Error> {
        let opened = maker.store.disk().open_dir(&home, &maildir_name()?);
        let maildir = opened.map_err(Error::io("opening a Maildir"))?;
        Ok(Self { maker, home, maildir, path })
    }

    /// Where the Maildir is, for logs and for watching it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of the server's beside the Maildir, of at most `cap` octets;
    /// `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], or as the operating system says.
    pub fn read_beside(&self, name: &Name, cap: usize) -> Result<Option<Vec<u8>>, Error> {
        self.maker.store.read_file(&self.home, name, cap)
    }

    /// Writes such a file anew, durably; readers see the old one or the new.
    ///
    /// # Errors
    ///
    /// [`Error`], with the old one in place.
    pub fn replace_beside(&self, name: &Name, content: &[u8]) -> Result<(), Error> {
        self.maker.store.health().check()?;
        // The draft has one name, so there is one writer.
        let _making = self.maker.exclusive();
        let draft = Name::new(&[name.as_bytes(), b".new"].concat())?;
        self.maker.store.replace_file(&self.home, name, &draft, content)
    }

    /// Opens a folder; one of `tmp`, `new`, `cur` that is missing is made.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where there is no such folder.
    pub fn folder(&self, folder: &FolderDir) -> Result<Folder, Error> {
        let opened = {
            let _nobody_makes = self.maker.making.read().unwrap_or_else(PoisonError::into_inner);
            let dir = self.open_dir(folder)?;
            Folder::open(&self.maker.store, &dir, &self.path_of(folder))
        };
        match opened {
            Err(Error::Missing(_)) => {
                let _making = self.maker.exclusive();
                Folder::create(&self.maker.store, &self.open_dir(folder)?, &self.path_of(folder))
            }
            result => result,
        }
    }

    /// Makes a folder, durably; one that is there is completed.
    ///
    /// # Errors
    ///
    /// [`Error`] where something cannot be made.
    pub fn create_folder(&self, folder: &FolderDir) -> Result<(Folder, Made), Error> {
        self.maker.store.health().check()?;
        let _making = self.maker.exclusive();
        if folder.is_inbox() {
            return Ok((Folder::create(&self.maker.store, &self.maildir, &self.path)?, Made::Before));
        }
        let store = &self.maker.store;
        let name = Name::new(folder.as_bytes())?;
        let made = if store.disk().open_dir(&self.maildir, &name).is_ok() { Made::Before } else { Made::Now };
        let dir = store.ensure_dir(&self.maildir, &name)?;
        match store.disk().create(&dir, &Name::new(FOLDER_MARK)?) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io("making a folder")(error));
            }
            _ => {}
        }
        Ok((Folder::create(store, &dir, &self.path_of(folder))?, made))
    }

    /// Gives one folder another name, durably. Folders below it are
    /// directories of their own, and renamed by calls of their own.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::Exists`]; INBOX cannot be renamed
    /// ([`Error::BadName`]).
    pub fn rename_folder(&self, from: &FolderDir, to: &FolderDir) -> Result<(), Error> {
        self.maker.store.health().check()?;
        let _making = self.maker.exclusive();
        let (from, to) = (Name::new(from.as_bytes())?, Name::new(to.as_bytes())?);
        let store = &self.maker.store;
        let renamed = store.disk().rename(&self.maildir, &from, &self.maildir, &to);
        renamed.map_err(Error::io("renaming a folder"))?;
        store.sync_dir(&self.maildir)
    }

    /// Moves one folder to `.removed/<id>` beside the Maildir, durably; see
    /// [`Account::rename_folder`] for the folders below it.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], or [`Error::Exists`] where that id was used before;
    /// INBOX cannot be removed ([`Error::BadName`]).
    pub fn remove_folder(&self, folder: &FolderDir, id: RemovalId) -> Result<(), Error> {
        let _making = self.maker.exclusive();
        self.maker.remove(&self.maildir, &Name::new(folder.as_bytes())?, &self.home, id)
    }

    /// All folders, INBOX first, then by name. Directories that are no
    /// folders, symlinks, and names that no folder can have are left out.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn folders(&self) -> Result<Vec<FolderDir>, Error> {
        let disk = self.maker.store.disk();
        let cur = Name::new(b"cur")?;
        let mut folders = vec![FolderDir::inbox()];
        for name in self.maker.store.names(&self.maildir, Kind::Directory)? {
            let Ok(folder) = FolderDir::new(name.as_bytes()) else { continue };
            if disk.open_dir(&self.maildir, &name).and_then(|dir| disk.open_dir(&dir, &cur)).is_ok() {
                folders.push(folder);
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn open_dir(&self, folder: &FolderDir) -> Result<DirHandle, Error> {
        if folder.is_inbox() {
            return Ok(self.maildir.clone());
        }
        let opened = self.maker.store.disk().open_dir(&self.maildir, &Name::new(folder.as_bytes())?);
        opened.map_err(Error::io("opening a folder"))
    }

    fn path_of(&self, folder: &FolderDir) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(folder.as_bytes()))
    }
}

impl Maker {
    /// While this is held nobody else makes or opens directories.
    pub(crate) fn exclusive(&self) -> RwLockWriteGuard<'_, ()> {
        self.making.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves `parent/name` to `home/.removed/<id>`. The new place is made
    /// durable first: after a power cut the thing has both names or one, never
    /// none.
    pub(crate) fn remove(&self, parent: &DirHandle, name: &Name, home: &DirHandle, id: RemovalId) -> Result<(), Error> {
        self.store.health().check()?;
        let removed = self.store.ensure_dir(home, &Name::new(REMOVED)?)?;
        let kept_as = Name::new(id.0.to_string().as_bytes())?;
        let moved = self.store.disk().rename(parent, name, &removed, &kept_as);
        moved.map_err(Error::io("moving away what is removed"))?;
        self.store.sync_dir(&removed)?;
        self.store.sync_dir(parent)
    }
}

fn maildir_name() -> Result<Name, Error> {
    Ok(Name::new(b"Maildir")?)
}
