//! What a client that did not say UTF8 is sent in the place of a header in
//! UTF-8 (RFC 6856 §4, RFC 6858).

use mail::header::block_len;
use mailbox::{OpenMessage, StoreError};
use mime::{downgrade, wire::wire_len};

/// Read at once; most headers fit.
const PIECE: usize = 16 << 10;
/// A longer header is sent as it is.
const MAX_HEADER: usize = 1 << 20;

/// A header in ASCII, and what it stands for.
pub(super) struct Surrogate {
    /// With the empty line behind it.
    pub(super) header: Vec<u8>,
    /// Where in the file the body begins.
    pub(super) body: u64,
    /// How long the file's header is on the wire.
    replaced: u64,
}

impl Surrogate {
    /// The octets that are sent, of a message that has so many itself.
    pub(super) fn octets(&self, whole: u64) -> u64 {
        whole.saturating_sub(self.replaced).saturating_add(wire_len(&self.header) as u64)
    }
}

/// The surrogate; nothing where the header can be sent as it is.
pub(super) async fn of(message: &OpenMessage) -> Result<Option<Surrogate>, StoreError> {
    let surrogate = message.with(|file| {
        let mut read = Vec::new();
        loop {
            let piece = file.read(read.len() as u64, PIECE)?;
            let at_end = piece.len() < PIECE;
            read.extend(piece);
            let header = block_len(&read);
            // An end of line may go on in the next piece.
            if at_end || header < read.len() {
                return Ok(surrogate(&read[..header]));
            }
            if read.len() >= MAX_HEADER {
                return Ok(None);
            }
        }
    });
    surrogate.await.map_err(|error: maildir::Error| error.into())
}

fn surrogate(header: &[u8]) -> Option<Surrogate> {
    let shown = downgrade(header)?;
    Some(Surrogate { header: shown, body: header.len() as u64, replaced: wire_len(header) as u64 })
}
