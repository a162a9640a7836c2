//! A message that is being read.

use crate::folder::file_name;
use crate::{Error, FileHandle, Folder, Located, Piece, Stat, Store};

/// An open message: it can be read to its end even when its name is changed or
/// removed meanwhile.
#[derive(Debug, Clone)]
pub struct MessageFile {
    store: Store,
    file: FileHandle,
    stat: Stat,
    located: Located,
}

impl Folder {
    /// Opens a message. Where it is not found (because its flags changed, say)
    /// its base name is looked for in `new/` and `cur/`.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where it is not found again.
    pub fn open_message(&self, message: &Located) -> Result<MessageFile, Error> {
        self.chasing(message, |at| {
            let opened = self.disk().open(self.dir_of(at.place), &file_name(&at.name)?);
            let file = opened.map_err(Error::io("opening a message"))?;
            let stat = self.disk().stat(&file).map_err(Error::io("opening a message"))?;
            Ok(MessageFile { store: self.store().clone(), file, stat, located: at.clone() })
        })
    }
}

impl MessageFile {
    /// Octets on disk, with LF line ends.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.stat.size
    }

    /// INTERNALDATE: the file's time, in seconds since 1970.
    #[must_use]
    pub fn received_secs(&self) -> i64 {
        self.stat.modified.secs
    }

    /// Where it was found.
    #[must_use]
    pub fn located(&self) -> &Located {
        &self.located
    }

    /// Up to `len` octets from `offset` on; fewer only at the end.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let left = usize::try_from(self.stat.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        self.store.read_range(&self.file, offset, len.min(left))
    }

    /// All of it, as a piece of a new file: for copies between folders.
    #[must_use]
    pub fn as_piece(&self) -> Piece<'_> {
        Piece::Range { file: &self.file, offset: 0, len: self.stat.size }
    }
}
