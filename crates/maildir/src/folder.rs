//! One folder: `tmp/`, `new/`, `cur/`. Messages in it are renamed and removed
//! by other programs at any time, so a name that is not there is looked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uidlist::{BaseName, FileName, Flags};

use crate::own::{Change, Expected};
use crate::{DirHandle, Error, Kind, Name, Place, Store, Withdrawn};

/// How often a message is looked for while others rename it.
pub(crate) const ATTEMPTS: usize = 4;

/// An open folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    dir: DirHandle,
    tmp: DirHandle,
    new: DirHandle,
    cur: DirHandle,
    path: PathBuf,
}

/// Where a message is, or was when we last looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The directory.
    pub place: Place,
    /// The name in it.
    pub name: FileName,
}

/// What [`Folder::remove`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// Unlinked, durably.
    pub gone: Vec<BaseName>,
    /// Not found. Since a listing may miss files, they may still be there.
    pub not_found: Vec<BaseName>,
}

impl Located {
    /// In `new/`, where a delivery puts it.
    #[must_use]
    pub fn in_new(base: &BaseName) -> Self {
        Self { place: Place::New, name: FileName::bare(base) }
    }

    /// In `cur/` with these flags.
    #[must_use]
    pub fn in_cur(base: &BaseName, flags: Flags) -> Self {
        Self { place: Place::Cur, name: FileName::with_flags(base, flags) }
    }

    /// Where a message without flags is as well: some programs leave it in
    /// `new/`, others move it to `cur/` once they have seen it. A listing for
    /// each of thousands of unread ones would take minutes.
    fn other_place(&self) -> Option<Self> {
        let base = self.name.base();
        self.name.flags().is_empty().then(|| match self.place {
            Place::New => Self::in_cur(base, Flags::default()),
            Place::Cur => Self::in_new(base),
        })
    }
}

impl Folder {
    /// Opens the three directories.
    pub(crate) fn open(store: &Store, dir: &DirHandle, path: &Path) -> Result<Self, Error> {
        let sub = |name: &[u8]| store.disk().open_dir(dir, &Name::new(name)?).map_err(Error::io("opening a folder"));
        Ok(Self::from_parts(store, dir, path, [sub(b"tmp")?, sub(b"new")?, sub(b"cur")?]))
    }

    /// Makes what is missing of the three directories, durably.
    pub(crate) fn create(store: &Store, dir: &DirHandle, path: &Path) -> Result<Self, Error> {
        for name in [b"tmp", b"new", b"cur"] {
            match store.disk().make_dir(dir, &Name::new(name)?) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("making a folder")(error));
                }
                _ => {}
            }
        }
        store.sync_dir(dir)?;
        Self::open(store, dir, path)
    }

    fn from_parts(store: &Store, dir: &DirHandle, path: &Path, [tmp, new, cur]: [DirHandle; 3]) -> Self {
        let (store, dir, path) = (store.clone(), dir.clone(), path.to_owned());
        Self(Arc::new(Inner { store, dir, tmp, new, cur, path }))
    }

    /// Where the folder is, for logs and for watching it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether the file system may be trusted.
    #[must_use]
    pub fn health(&self) -> &crate::Health {
        self.0.store.health()
    }

    /// Looks for a message by its base name; `None` where a listing does not
    /// show it.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn find(&self, base: &BaseName) -> Result<Option<Located>, Error> {
        let listing = self.list()?;
        // `cur/` was listed later, so a message that is in both is there.
        let found = listing.iter().filter(|(_, name)| name.base() == base).last();
        Ok(found.map(|(place, name)| Located { place, name: name.clone() }))
    }

    /// Gives a message other flags: it moves to `cur/` under its new name. Not
    /// durable before [`Folder::sync`], so that many cost one.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where the message is not found.
    pub fn set_flags(&self, message: &Located, flags: Flags) -> Result<Located, Error> {
        let wanted = Located::in_cur(message.name.base(), flags);
        self.chasing(message, |at| {
            if *at == wanted {
                let there = self.disk().open(self.dir_of(at.place), &file_name(&at.name)?);
                return there.map(|_| wanted.clone()).map_err(Error::io("renaming a message"));
            }
            let (from, to) = (file_name(&at.name)?, file_name(&wanted.name)?);
            let expected = self.expect([Change::out(&from), Change::into(&to)]);
            let renamed = self.disk().rename(self.dir_of(at.place), &from, self.dir_of(Place::Cur), &to);
            renamed.map_err(Error::io("renaming a message"))?;
            expected.happened();
            Ok(wanted.clone())
        })
    }

    /// Makes all renames so far durable.
    ///
    /// # Errors
    ///
    /// [`Error::DirectorySync`].
    pub fn sync(&self) -> Result<(), Error> {
        self.store().sync_dir(self.dir_of(Place::Cur))?;
        self.store().sync_dir(self.dir_of(Place::New))
    }

    /// Removes messages, durably.
    ///
    /// # Errors
    ///
    /// [`Error`] where a name cannot be removed; those before it are.
    pub fn remove(&self, messages: &[Located]) -> Result<Removed, Error> {
        let removed = self.unlink_all(messages)?;
        if !removed.gone.is_empty() {
            self.sync()?;
        }
        Ok(removed)
    }

    /// Removes what deliveries that did not end left in `tmp/` more than `age`
    /// seconds ago; returns how many.
    ///
    /// A file's own time may be any date of the past, so the time in its name
    /// counts where that is later.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn sweep(&self, now_secs: i64, age: i64) -> Result<usize, Error> {
        let mut swept = 0;
        for name in self.store().names(self.tmp(), Kind::File)? {
            let named = BaseName::new(name.as_bytes()).ok().and_then(|base| base.secs());
            let named = named.and_then(|secs| i64::try_from(secs).ok()).unwrap_or(i64::MIN);
            let Ok(file) = self.disk().open(self.tmp(), &name) else { continue };
            let written = self.disk().stat(&file).map_err(Error::io("sweeping tmp"))?.modified.secs;
            if named.max(written) < now_secs.saturating_sub(age) && self.disk().unlink(self.tmp(), &name).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Does something where a message is; if it is not there any more, looks
    /// for it and tries again.
    pub(crate) fn chasing<T>(&self, message: &Located, act: impl Fn(&Located) -> Result<T, Error>) -> Result<T, Error> {
        let mut at = message.clone();
        let mut result = act(&at);
        if let (Err(Error::Missing(_)), Some(other)) = (&result, message.other_place()) {
            result = act(&other);
        }
        for _ in 1..ATTEMPTS {
            match result {
                Err(Error::Missing(_)) => {}
                done => return done,
            }
            if let Some(found) = self.find(message.name.base())? {
                at = found;
            }
            result = act(&at);
        }
        result
    }

    /// Takes names out again that could not be made durable.
    pub(crate) fn withdraw(&self, messages: &[Located]) -> Withdrawn {
        match self.unlink_all(messages) {
            Ok(_) => Withdrawn::All,
            Err(_) => Withdrawn::NotAll,
        }
    }

    /// One listing serves for all that are not where they were.
    fn unlink_all(&self, messages: &[Located]) -> Result<Removed, Error> {
        let mut removed = Removed::default();
        let mut wanted: Vec<Located> = messages.to_vec();
        for attempt in 1..=ATTEMPTS {
            let mut missed = Vec::new();
            for message in wanted {
                let base = message.name.base().clone();
                let name = file_name(&message.name)?;
                let expected = self.expect([Change::out(&name)]);
                match self.disk().unlink(self.dir_of(message.place), &name) {
                    Ok(()) => {
                        expected.happened();
                        removed.gone.push(base);
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => missed.push(base),
                    Err(error) => return Err(Error::io("removing a message")(error)),
                }
            }
            if missed.is_empty() || attempt == ATTEMPTS {
                removed.not_found.extend(missed);
                break;
            }
            wanted = self.find_all(missed, &mut removed.not_found)?;
            if wanted.is_empty() {
                break;
            }
        }
        Ok(removed)
    }

    fn find_all(&self, bases: Vec<BaseName>, not_found: &mut Vec<BaseName>) -> Result<Vec<Located>, Error> {
        let listing = self.list()?;
        let there: BTreeMap<&BaseName, (Place, &FileName)> =
            listing.iter().map(|(place, name)| (name.base(), (place, name))).collect();
        let mut found = Vec::new();
        for base in bases {
            match there.get(&base) {
                Some((place, name)) => found.push(Located { place: *place, name: (*name).clone() }),
                None => not_found.push(base),
            }
        }
        Ok(found)
    }

    /// Says what is about to be done here, so that nobody who watches the folder
    /// takes it for another program's.
    pub(crate) fn expect<const N: usize>(&self, changes: [Change; N]) -> Expected<'_> {
        self.0.store.own().expect(&self.0.path, changes)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn disk(&self) -> &dyn crate::Disk {
        self.0.store.disk()
    }

    pub(crate) fn dir(&self) -> &DirHandle {
        &self.0.dir
    }

    pub(crate) fn tmp(&self) -> &DirHandle {
        &self.0.tmp
    }

    pub(crate) fn dir_of(&self, place: Place) -> &DirHandle {
        match place {
            Place::New => &self.0.new,
            Place::Cur => &self.0.cur,
        }
    }
}

pub(crate) fn file_name(name: &FileName) -> Result<Name, Error> {
    Ok(Name::new(name.as_bytes())?)
}
