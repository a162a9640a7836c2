//! The folder that holds everybody's mail: `<domain>/<local part>/Maildir`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use mail::Address;

use crate::account::{Account, Maker, RemovalId};
use crate::{BadName, DirHandle, Disk, Error, Health, Name, Space, Store};

/// The most components of an account's path.
const MAX_COMPONENTS: usize = 8;

/// Where an account's mail is, below the mail root: `example.org/alice`. Set
/// once in an account's life, and kept by the index as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountPath(Box<str>);

/// The folder that holds all accounts of one file system.
#[derive(Debug, Clone)]
pub struct MailRoot {
    store: Store,
    dir: DirHandle,
    path: PathBuf,
    /// Held while directories are made: nobody may find a directory that is
    /// not durable yet, deliver into it and acknowledge that.
    making: Arc<RwLock<()>>,
}

impl AccountPath {
    /// The path for a new account: domain and local part in normal form, with
    /// what a path cannot hold written `%XX`.
    ///
    /// # Errors
    ///
    /// [`BadName`] where a part is too long when escaped.
    pub fn for_address(address: &Address) -> Result<Self, BadName> {
        let (domain, local) = (escape(address.domain().as_str()), escape(address.local().as_str()));
        Self::parse(&format!("{domain}/{local}"))
    }

    /// Checks a path that was stored.
    ///
    /// # Errors
    ///
    /// [`BadName`] where a component is empty, begins with a dot, is too long,
    /// or there are more than eight.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.split('/').count() > MAX_COMPONENTS {
            return Err(BadName);
        }
        for component in text.split('/') {
            Name::new(component.as_bytes())?;
            if component.starts_with('.') || component.contains(char::is_control) {
                return Err(BadName);
            }
        }
        Ok(Self(text.into()))
    }

    /// The text, for storing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn components(&self) -> Result<Vec<Name>, BadName> {
        self.0.split('/').map(|component| Name::new(component.as_bytes())).collect()
    }
}

impl MailRoot {
    /// Opens the folder, which must be there.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, Error> {
        let dir = disk.open_root(path).map_err(Error::io("opening the mail root"))?;
        Ok(Self { store: Store::new(disk), dir, path: path.to_owned(), making: Arc::default() })
    }

    /// Whether the file system may be trusted.
    #[must_use]
    pub fn health(&self) -> &Health {
        self.store.health()
    }

    pub(crate) fn own(&self) -> &crate::own::Own {
        self.store.own()
    }

    /// Room on the file system.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn space(&self) -> Result<Space, Error> {
        self.store.disk().space(&self.dir).map_err(Error::io("asking for free space"))
    }

    /// Reads a file of the administrator's or the server's beside the domains,
    /// of at most `cap` octets; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], or as the operating system says.
    pub fn read_file(&self, name: &Name, cap: usize) -> Result<Option<Vec<u8>>, Error> {
        self.store.read_file(&self.dir, name, cap)
    }

    /// Writes such a file anew, durably; readers see the old one or the new.
    ///
    /// # Errors
    ///
    /// [`Error`], with the old one in place.
    pub fn replace_file(&self, name: &Name, content: &[u8]) -> Result<(), Error> {
        self.health().check()?;
        let draft = Name::new(&[name.as_bytes(), b".new"].concat())?;
        self.store.replace_file(&self.dir, name, &draft, content)
    }

    /// Makes an account's folder and Maildir, durably; one that is there is
    /// completed.
    ///
    /// # Errors
    ///
    /// [`Error`] where something cannot be made.
    pub fn create_account(&self, path: &AccountPath) -> Result<Account, Error> {
        self.health().check()?;
        let maker = self.maker();
        let _making = maker.exclusive();
        let mut dir = self.dir.clone();
        for component in path.components()? {
            dir = self.store.ensure_dir(&dir, &component)?;
        }
        Account::create(maker.clone(), dir, self.maildir_path(path))
    }

    /// Opens an account's Maildir.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where there is none.
    pub fn account(&self, path: &AccountPath) -> Result<Account, Error> {
        let _nobody_makes = self.making.read().unwrap_or_else(PoisonError::into_inner);
        Account::open(self.maker(), self.descend(path)?, self.maildir_path(path))
    }

    /// Moves an account's folder to `.removed/<id>`, durably.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where there is none, [`Error::Exists`] where that id
    /// was used before.
    pub fn remove_account(&self, path: &AccountPath, id: RemovalId) -> Result<(), Error> {
        let maker = self.maker();
        let _making = maker.exclusive();
        let mut components = path.components()?;
        let last = components.pop().ok_or(BadName)?;
        let mut parent = self.dir.clone();
        for component in components {
            parent = self.open_dir(&parent, &component)?;
        }
        maker.remove(&parent, &last, &self.dir, id)
    }

    fn descend(&self, path: &AccountPath) -> Result<DirHandle, Error> {
        path.components()?.iter().try_fold(self.dir.clone(), |dir, component| self.open_dir(&dir, component))
    }

    fn open_dir(&self, dir: &DirHandle, name: &Name) -> Result<DirHandle, Error> {
        self.store.disk().open_dir(dir, name).map_err(Error::io("opening an account's folder"))
    }

    fn maker(&self) -> Maker {
        Maker { store: self.store.clone(), making: Arc::clone(&self.making) }
    }

    fn maildir_path(&self, path: &AccountPath) -> PathBuf {
        self.path.join(path.as_str()).join("Maildir")
    }
}

/// A local part may hold a slash or begin with a dot (when quoted).
fn escape(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for (at, c) in part.char_indices() {
        if matches!(c, '/' | '%') || c.is_control() || (at == 0 && c == '.') {
            out.extend(c.to_string().bytes().map(|b| format!("%{b:02x}")));
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for AccountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
