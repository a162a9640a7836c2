//! The small files beside the messages: Dovecot's uidlist and keywords, and
//! the subscriptions.

use crate::{Error, Folder, Name};

/// A lock of Dovecot that is older than this is one of a process that died
/// (its own limit is two minutes).
const STALE_LOCK_SECS: i64 = 120;
/// And one of ours: Dovecot writes into its own who holds them.
const OWN_STALE_LOCK_SECS: i64 = 5;

/// A file beside `tmp/`, `new/` and `cur/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideFile {
    /// `dovecot-uidlist`.
    UidList,
    /// `dovecot-keywords`.
    Keywords,
    /// `courierpop3dsizelist`, which is only read.
    CourierPop3,
    /// `subscriptions`, in the Maildir itself.
    Subscriptions,
}

/// The lock file of a side file; dropping it removes it.
#[derive(Debug)]
pub struct Lock {
    folder: Folder,
    name: Name,
}

impl SideFile {
    fn name(self, suffix: &str) -> Result<Name, Error> {
        let name = match self {
            Self::UidList => "dovecot-uidlist",
            Self::Keywords => "dovecot-keywords",
            Self::CourierPop3 => "courierpop3dsizelist",
            Self::Subscriptions => "subscriptions",
        };
        Ok(Name::new(format!("{name}{suffix}").as_bytes())?)
    }
}

impl Folder {
    /// Reads a side file of at most `cap` octets; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], or as the operating system says.
    pub fn read_side(&self, which: SideFile, cap: usize) -> Result<Option<Vec<u8>>, Error> {
        self.store().read_file(self.dir(), &which.name("")?, cap)
    }

    /// Writes a side file anew, durably; readers see the old one or the new.
    ///
    /// # Errors
    ///
    /// [`Error`], with the old one in place.
    pub fn replace_side(&self, which: SideFile, content: &[u8]) -> Result<(), Error> {
        self.health().check()?;
        self.store().replace_file(self.dir(), &which.name("")?, &which.name(".gatepost")?, content)
    }

    /// Writes behind the end of a side file, durably.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where there is none; after another error some of the
    /// bytes may be there, and the file is to be replaced.
    pub fn append_side(&self, which: SideFile, content: &[u8]) -> Result<(), Error> {
        const DOING: &str = "appending to a file";
        self.health().check()?;
        let file = self.disk().open_append(self.dir(), &which.name("")?).map_err(Error::io(DOING))?;
        self.disk().write(&file, content).and_then(|()| self.disk().sync_file(&file)).map_err(Error::io(DOING))
    }

    /// Takes the lock of a side file, as Dovecot does (`.lock` beside it);
    /// `None` while somebody else has it. A lock older than two minutes is
    /// taken over. An empty one is of ours, held for an instant only: it is taken
    /// over after a few seconds, and at once where it is not younger than this
    /// process (`started_secs`), so that a crash delays nothing.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn lock_side(&self, which: SideFile, now_secs: i64, started_secs: i64) -> Result<Option<Lock>, Error> {
        const DOING: &str = "locking a file";
        let name = which.name(".lock")?;
        for _ in 0..2 {
            match self.disk().create(self.dir(), &name).map_err(Error::io(DOING)) {
                Ok(_) => return Ok(Some(Lock { folder: self.clone(), name })),
                Err(Error::Exists(_)) => {}
                Err(error) => return Err(error),
            }
            let Ok(held) = self.disk().open(self.dir(), &name) else { continue };
            let held = self.disk().stat(&held).map_err(Error::io(DOING))?;
            let stale = if held.size == 0 { OWN_STALE_LOCK_SECS } else { STALE_LOCK_SECS };
            let earlier_life = held.size == 0 && held.modified.secs <= started_secs;
            // One of the future is from before the clock was set back.
            if !earlier_life && now_secs.saturating_sub(held.modified.secs).saturating_abs() < stale {
                return Ok(None);
            }
            // Another process may take it over at the same instant.
            let _ = self.disk().unlink(self.dir(), &name);
        }
        Ok(None)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock that stays is stale after two minutes.
        let _ = self.folder.disk().unlink(self.folder.dir(), &self.name);
    }
}
