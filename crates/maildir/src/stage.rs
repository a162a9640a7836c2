//! A delivery in two steps: everything is written and made durable in `tmp/`,
//! where nobody looks; then it gets its name, and the name is made durable.

use uidlist::{BaseName, Flags};

use crate::folder::file_name;
use crate::own::Change;
use crate::{Error, FileHandle, Folder, Located, Name, Place};

/// A part of a message's file.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// A range of another file, copied within the kernel where possible.
    Range {
        /// The file.
        file: &'a FileHandle,
        /// Where the range begins.
        offset: u64,
        /// How many octets.
        len: u64,
    },
}

/// Where a new message is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// In `new/`: an ordinary delivery.
    New,
    /// In `cur/` with flags: an APPEND, a COPY.
    Cur(Flags),
}

impl Arrival {
    /// Where a message of this base name is put.
    #[must_use]
    pub fn located(self, base: &BaseName) -> Located {
        match self {
            Self::New => Located::in_new(base),
            Self::Cur(flags) => Located::in_cur(base, flags),
        }
    }
}

/// A message that is durable in `tmp/` and not visible yet. Dropping it
/// removes it.
#[derive(Debug)]
#[must_use = "a staged message that is dropped is removed"]
pub struct Staged {
    folder: Folder,
    base: BaseName,
    name: Name,
    kept: bool,
}

/// A message that is visible, but may be gone after a power cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "not durable before Folder::settle"]
pub struct Published(Located);

impl Folder {
    /// Writes a message to `tmp/` and makes its content durable.
    ///
    /// The base name must be one that no message had before; where it says a
    /// size (`S=`), the pieces must have that size. `received_secs` becomes the
    /// file's time (INTERNALDATE), in seconds since 1970.
    ///
    /// # Errors
    ///
    /// [`Error`], with nothing left behind: [`Error::OutOfService`] after an
    /// earlier failure, [`Error::Exists`] where the name is taken,
    /// [`Error::WrongSize`].
    pub fn stage(&self, base: &BaseName, pieces: &[Piece<'_>], received_secs: i64) -> Result<Staged, Error> {
        self.health().check()?;
        let written = pieces.iter().map(Piece::len).sum();
        if let Some(claimed) = base.claimed_sizes().map(|sizes| sizes.disk).filter(|claimed| *claimed != written) {
            return Err(Error::WrongSize { claimed, written });
        }
        let name = Name::new(base.as_bytes())?;
        self.store().write_file(self.tmp(), &name, |file| {
            pieces.iter().try_for_each(|piece| match piece {
                Piece::Bytes(bytes) => self.disk().write(file, bytes),
                Piece::Range { file: from, offset, len } => self.disk().copy_range(from, *offset, *len, file),
            })?;
            self.disk().set_modified(file, received_secs)
        })?;
        Ok(Staged { folder: self.clone(), base: base.clone(), name, kept: false })
    }

    /// Removes what a delivery that did not end left in `tmp/` under this name;
    /// `Ok` where there is nothing.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn unstage(&self, base: &BaseName) -> Result<(), Error> {
        match self.disk().unlink(self.tmp(), &Name::new(base.as_bytes())?) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("removing a draft")(error)),
            _ => Ok(()),
        }
    }

    /// Makes published messages durable, one synchronisation for each
    /// directory. From here on they may be acknowledged.
    ///
    /// # Errors
    ///
    /// [`Error::DirectorySync`]: the names were taken out again as far as
    /// possible, and the file system is out of service.
    pub fn settle(&self, published: Vec<Published>) -> Result<Vec<Located>, Error> {
        let messages: Vec<Located> = published.into_iter().map(|Published(located)| located).collect();
        for place in [Place::New, Place::Cur] {
            if !messages.iter().any(|message| message.place == place) {
                continue;
            }
            match self.store().sync_dir(self.dir_of(place)) {
                Err(Error::DirectorySync { source, .. }) => {
                    return Err(Error::DirectorySync { source, names: self.withdraw(&messages) });
                }
                result => result?,
            }
        }
        Ok(messages)
    }
}

impl Staged {
    /// Gives the message its name, which nobody else may have. To be followed
    /// by [`Folder::settle`].
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] where the name is taken, or as the operating system
    /// says; the message is then removed from `tmp/`.
    pub fn publish(mut self, arrival: Arrival) -> Result<Published, Error> {
        self.folder.health().check()?;
        let located = arrival.located(&self.base);
        let (tmp, to) = (self.folder.tmp(), self.folder.dir_of(located.place));
        let name = file_name(&located.name)?;
        let expected = self.folder.expect([Change::into(&name)]);
        self.folder.disk().rename(tmp, &self.name, to, &name).map_err(Error::io("publishing a message"))?;
        expected.happened();
        self.kept = true;
        Ok(Published(located))
    }

    /// Removes it, because the delivery does not take place.
    pub fn discard(self) {}

    /// The folder it is staged in.
    #[must_use]
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its base name.
    #[must_use]
    pub fn base(&self) -> &BaseName {
        &self.base
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            // What stays if this fails is swept up later.
            let _ = self.folder.disk().unlink(self.folder.tmp(), &self.name);
        }
    }
}

impl Published {
    /// Where it is.
    #[must_use]
    pub fn located(&self) -> &Located {
        &self.0
    }
}

impl Piece<'_> {
    /// Octets.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Range { len, .. } => *len,
        }
    }

    /// Whether it adds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
