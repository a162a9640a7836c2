//! A message that arrived whole: what is judged, and what deliveries are made
//! from.

use std::path::PathBuf;

use mail::SpoolId;
use maildir::{FileHandle, Name, Piece};

use crate::folder::{DRAFT, OWED, name};
use crate::incoming::Guard;
use crate::owed::Entry;
use crate::recover::MAX_ENTRY_OCTETS;
use crate::{Error, Owed, Spool, Survey};

/// A complete message in the spool. All calls that touch the disk block.
///
/// Dropping it removes its file, unless something is owed: then file and entry
/// stay until [`Spooled::done`], also over a restart.
#[derive(Debug)]
pub struct Spooled {
    guard: Guard,
    file: FileHandle,
    trace_len: u64,
    survey: Survey,
}

/// The right to open a message's file; it keeps nothing alive.
#[derive(Debug)]
pub struct Opener {
    spool: Spool,
    name: Name,
}

impl Opener {
    /// A read-only descriptor of the whole file; blocks.
    ///
    /// # Errors
    ///
    /// As the operating system says, also where the message is gone.
    pub fn open(&self) -> Result<std::fs::File, Error> {
        let opened = self.spool.disk().descriptor(self.spool.dir(), &self.name);
        Ok(opened.map_err(maildir::Error::io("opening a spool file"))?)
    }
}

impl Spooled {
    pub(crate) fn new(guard: Guard, file: FileHandle, trace_len: u64, survey: Survey) -> Self {
        Self { guard, file, trace_len, survey }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.guard.id
    }

    /// Where the file is, for logs.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.guard.spool.path_of(self.guard.id)
    }

    /// What was noted while it arrived: header block, counts, hash.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// The received header block; see [`Survey::header`].
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.survey.header
    }

    /// Octets of our trace header at the begin of the file.
    #[must_use]
    pub fn trace_len(&self) -> u64 {
        self.trace_len
    }

    /// Where in the file the body begins.
    #[must_use]
    pub fn body_offset(&self) -> u64 {
        self.trace_len + self.survey.header.len() as u64
    }

    /// Octets of the received message with LF line ends, without our trace
    /// header.
    #[must_use]
    pub fn message_len(&self) -> u64 {
        self.survey.header.len() as u64 + self.survey.body_len
    }

    /// LF octets of the received message.
    #[must_use]
    pub fn message_lf(&self) -> u64 {
        self.survey.header_lf + self.survey.body_lf
    }

    /// The body, as a piece of a recipient's file.
    #[must_use]
    pub fn body(&self) -> Piece<'_> {
        Piece::Range { file: &self.file, offset: self.body_offset(), len: self.survey.body_len }
    }

    /// A read-only descriptor of the whole file, trace header first: for the
    /// virus scanner, or to be read by a parser.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn descriptor(&self) -> Result<std::fs::File, Error> {
        self.opener().open()
    }

    /// Opens the file elsewhere: on a thread that may block. Does not block by
    /// itself.
    #[must_use]
    pub fn opener(&self) -> Opener {
        Opener { spool: self.guard.spool.clone(), name: self.guard.name.clone() }
    }

    /// Up to `len` octets of the received message from `offset` on (its header
    /// block first, without our trace header); fewer only at the end.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let left = usize::try_from(self.message_len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let offset = self.trace_len.saturating_add(offset);
        Ok(self.guard.spool.store().read_range(&self.file, offset, len.min(left))?)
    }

    /// Makes durable the message and that these deliveries of it are owed: to
    /// be called when all of them are staged, before the first is published.
    ///
    /// # Errors
    ///
    /// [`Error`]: then nothing is owed, and a restart knows of nothing.
    pub fn owe(&self, owed: Owed) -> Result<(), Error> {
        let spool = &self.guard.spool;
        spool.health().check()?;
        let content = self.entry(owed)?;
        let entry = name(self.id(), OWED)?;
        spool.disk().sync_file(&self.file).map_err(maildir::Error::io("making a spool file durable"))?;
        spool.store().write_file(spool.dir(), &entry, |file| spool.disk().write(file, &content))?;
        if let Err(error) = spool.store().sync_dir(spool.dir()) {
            // Its sender will hear 451 and come again: a restart must not
            // deliver this copy too.
            let _ = spool.disk().unlink(spool.dir(), &entry);
            return Err(error.into());
        }
        self.guard.keep();
        Ok(())
    }

    /// Replaces what is owed by what is still owed, after some deliveries were
    /// made and others wait; durable.
    ///
    /// # Errors
    ///
    /// [`Error`]: then the earlier entry holds, and deliveries that were made
    /// are found by their base names.
    pub fn settle(&self, left: Owed) -> Result<(), Error> {
        let spool = &self.guard.spool;
        spool.health().check()?;
        let content = self.entry(left)?;
        let (draft, entry) = (name(self.id(), DRAFT)?, name(self.id(), OWED)?);
        // One that an earlier failure left is in the way.
        let _ = spool.disk().unlink(spool.dir(), &draft);
        spool.store().write_file(spool.dir(), &draft, |file| spool.disk().write(file, &content))?;
        let replaced = spool.disk().replace(spool.dir(), &draft, &entry);
        replaced.map_err(maildir::Error::io("replacing a spool entry"))?;
        Ok(spool.store().sync_dir(spool.dir())?)
    }

    /// All deliveries are made, durable and in the index: entry and file go.
    ///
    /// Not made durable, which would cost a synchronisation for each message:
    /// an entry that reappears after a power cut names deliveries that are
    /// found by their base names.
    ///
    /// # Errors
    ///
    /// As the operating system says; the entry may then be found at the next
    /// start.
    pub fn done(self) -> Result<(), Error> {
        let spool = &self.guard.spool;
        if self.guard.keep.load(std::sync::atomic::Ordering::Acquire) {
            let removed = spool.disk().unlink(spool.dir(), &name(self.id(), OWED)?);
            removed.map_err(maildir::Error::io("removing a spool entry"))?;
            self.guard.keep.store(false, std::sync::atomic::Ordering::Release);
        }
        Ok(())
    }

    fn entry(&self, owed: Owed) -> Result<Vec<u8>, Error> {
        let mut content = serde_json::to_vec(&Entry::new(self.id(), self.trace_len, &self.survey, owed))?;
        content.push(b'\n');
        if content.len() > MAX_ENTRY_OCTETS { Err(Error::LargeEntry) } else { Ok(content) }
    }
}
