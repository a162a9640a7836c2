//! What is said to the client: collected, and sent in pieces of bounded size,
//! so that a folder of a million messages or a mail of a gigabyte does not grow
//! in memory on its way out.

use std::future::Future;

use imap::response::Reply;

/// Sent when so much has come together.
const PIECE: usize = 32 << 10;

/// The way to one client.
pub trait Sink: Send {
    /// Sends these octets, waiting while the client is slow.
    ///
    /// # Errors
    ///
    /// [`Gone`] where the connection broke, or took too long.
    fn write(&mut self, bytes: Vec<u8>) -> impl Future<Output = Result<(), Gone>> + Send;
}

/// The client is gone; the connection is closed without a further word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What is collected in front of a sink.
pub(super) struct Output<'a, S> {
    held: Vec<u8>,
    sent: usize,
    sink: &'a mut S,
}

impl<'a, S: Sink> Output<'a, S> {
    pub(super) fn new(sink: &'a mut S) -> Self {
        Self { held: Vec::new(), sent: 0, sink }
    }

    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    pub(super) async fn untagged(&mut self, reply: &Reply) -> Result<(), Gone> {
        self.put(&reply.untagged()).await
    }

    pub(super) async fn flush(&mut self) -> Result<(), Gone> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.sent += self.held.len();
        self.sink.write(std::mem::take(&mut self.held)).await
    }

    /// Octets that were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent as u64
    }
}
