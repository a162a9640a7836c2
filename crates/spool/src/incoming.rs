//! A message that is arriving: bytes go to its file and past the surveyor;
//! nothing grows in memory but its header block, up to a cap.

use mail::SpoolId;
use maildir::{FileHandle, Name};

use crate::folder::{MESSAGE, name};
use crate::survey::Surveyor;
use crate::{Error, Spool, Spooled};

/// Octets gathered before they are written.
const BUFFER_OCTETS: usize = 64 << 10;

/// A message of which more is to come. All calls block. Dropping it removes
/// its file.
#[derive(Debug)]
pub struct Incoming {
    guard: Guard,
    file: FileHandle,
    trace_len: u64,
    surveyor: Surveyor,
    buffer: Vec<u8>,
    size: u64,
    /// A write failed: bytes are missing, whatever comes later.
    torn: bool,
}

/// Removes a message's file unless it is to be kept.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) spool: Spool,
    pub(crate) id: SpoolId,
    pub(crate) name: Name,
    pub(crate) keep: std::sync::atomic::AtomicBool,
}

impl Incoming {
    pub(crate) fn create(spool: Spool, id: SpoolId, trace: &[u8]) -> Result<Self, Error> {
        let name = name(id, MESSAGE)?;
        let created = spool.disk().create(spool.dir(), &name);
        let file = created.map_err(maildir::Error::io("creating a spool file"))?;
        let guard = Guard { spool, id, name, keep: false.into() };
        let trace_len = trace.len() as u64;
        let buffer = Vec::with_capacity(BUFFER_OCTETS);
        let mut incoming = Self { guard, file, trace_len, surveyor: Surveyor::new(), buffer, size: 0, torn: false };
        incoming.append(trace)?;
        Ok(incoming)
    }

    /// Takes more of the message, with LF line ends.
    ///
    /// # Errors
    ///
    /// [`Error`], of class `DiskFull` where there is no room. Drop it then, and
    /// its file is gone; every later call fails too.
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.surveyor.take(chunk);
        self.append(chunk)
    }

    /// The id it was created with.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.guard.id
    }

    /// Octets of the message so far, without the trace header.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.size - self.trace_len
    }

    /// The message is complete. Nothing is durable yet: that is what
    /// [`Spooled::owe`] is for, once there is something to owe.
    ///
    /// # Errors
    ///
    /// As [`Incoming::write`].
    pub fn finish(mut self) -> Result<Spooled, Error> {
        self.flush()?;
        if self.torn {
            return Err(Error::Incomplete);
        }
        Ok(Spooled::new(self.guard, self.file, self.trace_len, self.surveyor.finish()))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER_OCTETS {
            self.flush()?;
        }
        if bytes.len() > BUFFER_OCTETS {
            return self.put(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            self.put(&buffer)?;
        }
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.torn {
            return Err(Error::Incomplete);
        }
        let written = self.guard.spool.disk().write(&self.file, bytes);
        self.torn = written.is_err();
        Ok(written.map_err(maildir::Error::io("writing a spool file"))?)
    }
}

impl Guard {
    pub(crate) fn keep(&self) {
        self.keep.store(true, std::sync::atomic::Ordering::Release);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.keep.load(std::sync::atomic::Ordering::Acquire) {
            self.spool.discard(&self.name);
        }
    }
}
