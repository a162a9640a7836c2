//! The spool folder and the names in it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::SpoolId;
use maildir::{DirHandle, Disk, Health, Name, Space, Store};

use crate::{Error, Incoming};

/// One file's removal, which blocks.
pub type Removal = Box<dyn FnOnce() + Send>;

/// Whoever does removals.
type Remover = Arc<dyn Fn(Removal) + Send + Sync>;

/// The open spool folder. Cheap to clone.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    remover: Option<Remover>,
    store: Store,
    dir: DirHandle,
    path: PathBuf,
}

impl Spool {
    /// Opens the folder, which must be there. Call [`Spool::recover`] before
    /// anything arrives.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let dir = disk.open_root(path).map_err(maildir::Error::io("opening the spool"))?;
        Ok(Self(Arc::new(Inner { remover: None, store: Store::new(disk), dir, path: path.to_owned() })))
    }

    /// Has files of messages that are dropped removed by `remover`, on a thread
    /// that may block. Without it whoever drops them removes them.
    #[must_use]
    pub fn removing_by(self, remover: impl Fn(Removal) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { remover: Some(Arc::new(remover)), ..(*self.0).clone() }))
    }

    /// Removes a file, now or soon. What stays if that fails is removed at the
    /// next start.
    pub(crate) fn discard(&self, name: &Name) {
        let Some(remover) = &self.0.remover else {
            let _ = self.disk().unlink(self.dir(), name);
            return;
        };
        let (spool, name) = (self.clone(), name.clone());
        remover(Box::new(move || drop(spool.disk().unlink(spool.dir(), &name))));
    }

    /// Begins a file for an arriving message. `trace` is our own header, with
    /// LF line ends and without an empty line: with it in front the file can be
    /// given to the virus scanner as it is, which then knows it for mail.
    ///
    /// # Errors
    ///
    /// [`Error`], also where an earlier failure took the file system out of
    /// service.
    pub fn create(&self, id: SpoolId, trace: &[u8]) -> Result<Incoming, Error> {
        self.0.store.health().check().map_err(Error::Disk)?;
        Incoming::create(self.clone(), id, trace)
    }

    /// Whether the file system may be trusted.
    #[must_use]
    pub fn health(&self) -> &Health {
        self.0.store.health()
    }

    /// Room on the file system.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn space(&self) -> Result<Space, Error> {
        Ok(self.disk().space(self.dir()).map_err(maildir::Error::io("asking for free space"))?)
    }

    /// Where the file of a message is, for logs.
    #[must_use]
    pub fn path_of(&self, id: SpoolId) -> PathBuf {
        self.0.path.join(format!("{id}.{MESSAGE}"))
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.0.store.disk()
    }

    pub(crate) fn dir(&self) -> &DirHandle {
        &self.0.dir
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// The ending of a message's file.
pub(crate) const MESSAGE: &str = "msg";
/// The ending of an entry.
pub(crate) const OWED: &str = "owed";
/// The ending of an entry that is being written.
pub(crate) const DRAFT: &str = "draft";
/// Where unreadable entries go.
pub(crate) const BROKEN: &[u8] = b"broken";

/// The name of one of a message's files.
pub(crate) fn name(id: SpoolId, ending: &str) -> Result<Name, Error> {
    Ok(Name::new(format!("{id}.{ending}").as_bytes())?)
}

/// The other way round; `None` for names that are not ours.
pub(crate) fn read_name(name: &Name) -> Option<(SpoolId, &str)> {
    let text = std::str::from_utf8(name.as_bytes()).ok()?;
    let (id, ending) = text.split_once('.')?;
    Some((id.parse().ok()?, ending))
}
