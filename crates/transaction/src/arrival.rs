//! DATA: the message goes into the spool as it comes, once.

use mail::SpoolId;
use maildir::Blocking;
use spool::{Incoming, Spool, Spooled};

use crate::trace::Hop;

/// A message of which more is to come. Dropping it forgets the message.
#[derive(Debug)]
pub struct Arriving {
    file: File,
    waiting: Vec<u8>,
    blocking: Blocking,
    hop: Hop,
}

/// The file in the spool: made when there is something to write, so that a
/// small message costs one visit to a blocking thread and not three.
#[derive(Debug)]
enum File {
    NotYet(Spool),
    Open(Box<Incoming>),
}

impl File {
    fn write(self, hop: &Hop, bytes: &[u8]) -> Result<Incoming, spool::Error> {
        let mut incoming = match self {
            Self::NotYet(spool) => spool.create(hop.id, &hop.received(None))?,
            Self::Open(incoming) => *incoming,
        };
        incoming.write(bytes)?;
        Ok(incoming)
    }
}

/// A message that is whole and in the spool.
#[derive(Debug)]
pub struct Arrived {
    /// The message.
    pub spooled: Spooled,
    /// How it came.
    pub hop: Hop,
}

/// So many octets are gathered before a blocking thread is asked to write
/// them: the memory that a message of any size takes.
const GATHERED: usize = 64 << 10;

impl Arriving {
    /// Begins a message; its spool file will have our own `Received` field in
    /// front.
    ///
    /// # Errors
    ///
    /// [`spool::Error`] where the spool is out of service.
    pub fn begin(spool: Spool, blocking: Blocking, hop: Hop) -> Result<Self, spool::Error> {
        spool.health().check()?;
        Ok(Self { file: File::NotYet(spool), waiting: Vec::new(), blocking, hop })
    }

    /// The message's id.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.hop.id
    }

    /// Takes more bytes, with LF line ends. A message that could not be written
    /// is gone with the error.
    ///
    /// # Errors
    ///
    /// [`spool::Error`] with its class.
    pub async fn push(mut self, bytes: &[u8]) -> Result<Self, spool::Error> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < GATHERED {
            return Ok(self);
        }
        let Self { file, waiting, blocking, hop } = self;
        let (written, hop) = blocking.run(move || (file.write(&hop, &waiting), hop)).await;
        Ok(Self { file: File::Open(Box::new(written?)), waiting: Vec::new(), blocking, hop })
    }

    /// The message is whole.
    ///
    /// # Errors
    ///
    /// [`spool::Error`] with its class.
    pub async fn finish(self) -> Result<Arrived, spool::Error> {
        let Self { file, waiting, blocking, hop } = self;
        let finish = move || (file.write(&hop, &waiting).and_then(Incoming::finish), hop);
        let (spooled, hop) = blocking.run(finish).await;
        Ok(Arrived { spooled: spooled?, hop })
    }
}
