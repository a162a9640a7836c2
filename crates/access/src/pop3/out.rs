//! What is said to the client: collected, and sent in pieces of bounded size,
//! so that a million lines of LIST cost no memory and the answers to pipelined
//! commands travel together.

use pop3::{Language, Reply};

use crate::imap::{Gone, Sink};

/// Sent when so much has come together.
const PIECE: usize = 32 << 10;

/// Why a session ends in the middle of an answer. The connection is closed
/// without a further word, so that half a message is not taken for a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client is gone, or too slow.
    Gone,
    /// A message could not be read to its end.
    Broken,
    /// Another session of the same user took the maildrop over.
    TakenOver,
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// What is collected, in front of a sink.
pub(super) struct Out<'a, S> {
    held: Vec<u8>,
    language: Language,
    sent: usize,
    sink: &'a mut S,
}

impl<'a, S: Sink> Out<'a, S> {
    pub(super) fn new(sink: &'a mut S) -> Self {
        Self { held: Vec::new(), language: Language::default(), sent: 0, sink }
    }

    /// Replies from now on are in this language.
    pub(super) fn speak(&mut self, language: Language) {
        self.language = language;
    }

    pub(super) fn reply(&mut self, reply: &Reply) {
        reply.encode(self.language, &mut self.held);
    }

    /// Where to put octets; call [`Out::pause`] every now and then.
    pub(super) fn octets(&mut self) -> &mut Vec<u8> {
        &mut self.held
    }

    /// Sends what is held, if that is much.
    pub(super) async fn pause(&mut self) -> Result<(), Ended> {
        if self.held.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    /// Sends what is held.
    pub(super) async fn flush(&mut self) -> Result<(), Ended> {
        if !self.held.is_empty() {
            self.sent += self.held.len();
            self.sink.write(std::mem::take(&mut self.held)).await?;
        }
        Ok(())
    }

    /// Octets that were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent as u64
    }
}
