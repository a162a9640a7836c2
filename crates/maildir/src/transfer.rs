//! A message goes from one folder to another by one rename: at no moment is it
//! in both or in none.

use uidlist::{BaseName, Flags};

use crate::folder::file_name;
use crate::own::Change;
use crate::{Error, Folder, Located};

impl Folder {
    /// Moves a message into another folder of the same file system, under a
    /// name that nobody has. Not durable before [`Folder::sync`] of both: of
    /// the one it goes to first, so that a power cut may not take it from both.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where the message is not found.
    pub fn transfer(&self, message: &Located, to: &Self, base: &BaseName, flags: Flags) -> Result<Located, Error> {
        let wanted = if flags.is_empty() { Located::in_new(base) } else { Located::in_cur(base, flags) };
        let name = file_name(&wanted.name)?;
        self.chasing(message, |at| {
            let from = file_name(&at.name)?;
            let (leaves, comes) = (self.expect([Change::out(&from)]), to.expect([Change::into(&name)]));
            let renamed = self.disk().rename(self.dir_of(at.place), &from, to.dir_of(wanted.place), &name);
            renamed.map_err(Error::io("moving a message"))?;
            leaves.happened();
            comes.happened();
            Ok(wanted.clone())
        })
    }
}
