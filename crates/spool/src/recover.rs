//! After a restart: what is still owed, what was never answered, and what
//! cannot be read.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use mail::SpoolId;
use maildir::{Kind, Name};

use crate::folder::{BROKEN, DRAFT, MESSAGE, OWED, name, read_name};
use crate::incoming::Guard;
use crate::owed::Entry;
use crate::survey::HEADER_CAP;
use crate::{Error, Owed, Spool, Spooled};

/// The largest entry that is written and read: a header block at its cap and a
/// trace header for each of some ten thousand recipients.
pub(crate) const MAX_ENTRY_OCTETS: usize = 16 << 20;

/// A message of which deliveries are owed.
#[derive(Debug)]
pub struct Pending {
    /// The message.
    pub message: Spooled,
    /// What is owed. Some of it may have been delivered, and is then found by
    /// its base name.
    pub owed: Owed,
}

/// An entry that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The message.
    pub id: SpoolId,
    /// What is wrong with it.
    pub why: &'static str,
    /// Where entry and message are now.
    pub moved: Moved,
}

/// Where a broken entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// In `broken/`.
    Aside,
    /// Where it was; the next start tries again.
    Not,
}

/// What a start found.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Deliveries that are owed, oldest first. To be loaded one at a time with
    /// [`Spool::load`], since a header block comes with each.
    pub pending: Vec<SpoolId>,
    /// What a human should look at.
    pub broken: Vec<Broken>,
    /// How many files of messages were removed whose arrival was never
    /// answered.
    pub leftovers: usize,
}

impl Spool {
    /// Goes through the folder once, at the start, before anything arrives.
    /// Names that are not ours are left alone.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn recover(&self) -> Result<Recovery, Error> {
        let names = self.store().names(self.dir(), Kind::File)?;
        let mut recovery = Recovery::default();
        let mut answered = BTreeSet::new();
        for id in names.iter().filter_map(|found| entry_of(found, OWED)) {
            if self.recover_entry(id, &mut recovery)? == Answered::Maybe {
                answered.insert(id);
            }
        }
        for found in &names {
            let unanswered = entry_of(found, MESSAGE).is_some_and(|id| !answered.contains(&id));
            if unanswered || entry_of(found, DRAFT).is_some() {
                recovery.leftovers += usize::from(self.disk().unlink(self.dir(), found).is_ok());
            }
        }
        recovery.pending.sort();
        Ok(recovery)
    }

    /// Opens a message of which something is owed; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// [`Error`] where the entry or the message cannot be read.
    pub fn load(&self, id: SpoolId) -> Result<Option<Pending>, Error> {
        let Some(content) = self.store().read_file(self.dir(), &name(id, OWED)?, MAX_ENTRY_OCTETS)? else {
            return Ok(None);
        };
        if content.is_empty() {
            return Err(Error::EmptyEntry);
        }
        let entry: Entry = serde_json::from_slice(&content).map_err(|_| Error::Garbage("the entry cannot be read"))?;
        let message = name(id, MESSAGE)?;
        let file = match self.disk().open(self.dir(), &message) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Garbage("the message is not there"));
            }
            opened => opened.map_err(maildir::Error::io("opening a spool file"))?,
        };
        let size = self.disk().stat(&file).map_err(maildir::Error::io("opening a spool file"))?.size;
        if !entry.fits(id, size) {
            return Err(Error::Garbage("entry and message do not fit together"));
        }
        let header_len = usize::try_from(entry.header_len).unwrap_or(usize::MAX).min(HEADER_CAP);
        let header = self.store().read_range(&file, entry.trace_len, header_len)?;
        if !entry.has_header(&header) {
            return Err(Error::Garbage("the entry says another header than the message has"));
        }
        let guard = Guard { spool: self.clone(), id, name: message, keep: true.into() };
        let message = Spooled::new(guard, file, entry.trace_len, entry.survey(header));
        Ok(Some(Pending { message, owed: entry.owed }))
    }

    fn recover_entry(&self, id: SpoolId, recovery: &mut Recovery) -> Result<Answered, Error> {
        match self.load(id) {
            Ok(Some(_)) => recovery.pending.push(id),
            Ok(None) => return Ok(Answered::No),
            // The power went before the entry was durable, and so before the
            // first recipient could see anything.
            Err(Error::EmptyEntry) => {
                recovery.leftovers += usize::from(self.disk().unlink(self.dir(), &name(id, OWED)?).is_ok());
                return Ok(Answered::No);
            }
            Err(Error::Garbage(why)) => {
                self.set_aside(id)?;
                recovery.broken.push(Broken { id, why, moved: Moved::Aside });
            }
            // A disk that cannot be read now may be readable tomorrow.
            Err(_) => recovery.broken.push(Broken { id, why: "the disk cannot be read", moved: Moved::Not }),
        }
        Ok(Answered::Maybe)
    }

    /// Moves entry and message to `broken/`. What is there already under this
    /// name stays, and so does what cannot be moved.
    fn set_aside(&self, id: SpoolId) -> Result<(), Error> {
        let broken = self.store().ensure_dir(self.dir(), &Name::new(BROKEN)?)?;
        for ending in [MESSAGE, OWED] {
            let file = name(id, ending)?;
            match self.disk().rename(self.dir(), &file, &broken, &file) {
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => {
                    return Err(maildir::Error::io("moving a broken spool entry")(error).into());
                }
                _ => {}
            }
        }
        self.store().sync_dir(&broken)?;
        Ok(self.store().sync_dir(self.dir())?)
    }
}

/// Whether the sender may have heard 250.
#[derive(PartialEq, Eq)]
enum Answered {
    Maybe,
    No,
}

fn entry_of(found: &Name, ending: &str) -> Option<SpoolId> {
    read_name(found).filter(|(_, found)| *found == ending).map(|(id, _)| id)
}
