//! DATA: the message goes into the spool as it comes, once.

use mail::SpoolId;
use maildir::Blocking;
use spool::{Incoming, Spool, Spooled};

use crate::trace::Hop;

/// A message of which more is to come. Dropping it forgets the message.
#[derive(Debug)]
pub struct Arriving {
    incoming: Incoming,
    waiting: Vec<u8>,
    blocking: Blocking,
    hop: Hop,
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
    /// Begins the spool file, with our own `Received` field in front.
    ///
    /// # Errors
    ///
    /// [`spool::Error`] with its class.
    pub async fn begin(spool: Spool, blocking: Blocking, hop: Hop) -> Result<Self, spool::Error> {
        let (id, trace) = (hop.id, hop.received(None));
        let incoming = blocking.run(move || spool.create(id, &trace)).await?;
        Ok(Self { incoming, waiting: Vec::new(), blocking, hop })
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
        let Self { mut incoming, waiting, blocking, hop } = self;
        let incoming = blocking.run(move || incoming.write(&waiting).map(|()| incoming)).await?;
        Ok(Self { incoming, waiting: Vec::new(), blocking, hop })
    }

    /// The message is whole.
    ///
    /// # Errors
    ///
    /// [`spool::Error`] with its class.
    pub async fn finish(self) -> Result<Arrived, spool::Error> {
        let Self { mut incoming, waiting, blocking, hop } = self;
        let spooled = blocking.run(move || incoming.write(&waiting).and_then(|()| incoming.finish())).await?;
        Ok(Arrived { spooled, hop })
    }
}
