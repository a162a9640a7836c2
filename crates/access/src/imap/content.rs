//! A message's bytes and parts, read when a command needs them.

use mail::header::block_len;
use mailbox::{Mailbox, OpenMessage, Store, StoreError, Uid};
use maildir::MessageFile;
use mime::{Limits, Structure, Understands};

use super::room::Room;

/// How much is read at a time where the header alone is wanted.
const STEP: usize = 16 << 10;

/// How much of large messages all sessions together have in memory. One for the
/// process, as memory is.
static ROOM: Room = Room::new(64 << 20);

/// How much of a message a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depth {
    /// Nothing: what the index knows is enough.
    Index,
    /// The header block.
    Header,
    /// All.
    Whole,
}

/// How a message is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) depth: Depth,
    /// By whom.
    pub(super) understands: Understands,
}

/// The bytes as on disk, and what they consist of.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) structure: Structure,
    pub(super) understands: Understands,
    /// The header block that stands for the message's own, where the client
    /// cannot be sent that (RFC 6858). The header blocks of parts stand as they
    /// are: they are of the body, which may be signed.
    pub(super) surrogate: Option<Vec<u8>>,
}

impl Content {
    pub(super) fn new(bytes: Vec<u8>, understands: Understands) -> Self {
        let structure = Structure::parse(&bytes, &Limits::default());
        let surrogate = match understands {
            Understands::Ascii if !structure.is_opaque() => mime::downgrade(&bytes[structure.root().header.range()]),
            _ => None,
        };
        Self { bytes, structure, understands, surrogate }
    }

    /// The header block as the client is shown it.
    pub(super) fn shown_header(&self) -> &[u8] {
        self.surrogate.as_deref().unwrap_or_else(|| self.header())
    }

    /// Octets that the client is sent more than there are.
    pub(super) fn grown(&self) -> i64 {
        let octets = |bytes| i64::try_from(mime::wire::wire_len(bytes)).unwrap_or(i64::MAX);
        self.surrogate.as_ref().map_or(0, |surrogate| octets(surrogate) - octets(self.header()))
    }

    /// The message's own header block.
    pub(super) fn header(&self) -> &[u8] {
        &self.bytes[self.structure.root().header.range()]
    }
}

/// Reads and parses a message, on a thread where that may take its time, and
/// does something with it there. Its bytes are given up behind that: what is
/// sent of them comes from the file once more, so that a slow client does not
/// keep a message in memory.
pub(super) async fn with<T: Send + 'static>(
    store: &Store,
    mailbox: &Mailbox,
    uid: Uid,
    reading: Reading,
    work: impl FnOnce(&Content) -> T + Send + 'static,
) -> Result<(OpenMessage, T), StoreError> {
    let Reading { depth, understands } = reading;
    let opened = store.open_message(mailbox, uid).await?;
    let _taken = ROOM.take(if depth == Depth::Whole { opened.size() } else { 0 }).await;
    let done =
        opened.with(move |file| Ok::<_, StoreError>(work(&Content::new(read(file, depth)?, understands)))).await?;
    Ok((opened, done))
}

/// All, or up to the empty line behind the header. A header longer than the
/// limit is read a little further than the limit, so that it is seen to be too
/// long.
fn read(file: &MessageFile, depth: Depth) -> Result<Vec<u8>, StoreError> {
    let most = match depth {
        Depth::Whole => usize::MAX,
        Depth::Header | Depth::Index => Limits::default().header + STEP,
    };
    let mut bytes = Vec::with_capacity(if depth == Depth::Whole { capacity(file.size()) } else { 0 });
    loop {
        let piece = file.read(bytes.len() as u64, if depth == Depth::Whole { STEP * 16 } else { STEP })?;
        let is_end = piece.is_empty();
        bytes.extend_from_slice(&piece);
        if depth != Depth::Whole && has_empty_line(&bytes) {
            bytes.truncate(block_len(&bytes));
            return Ok(bytes);
        }
        if is_end || bytes.len() > most {
            return Ok(bytes);
        }
    }
}

/// How large the buffer for a whole message is. The C library keeps blocks below
/// 32 MiB for the thread that gave them up, and there are many threads; larger
/// ones come from the system and go back to it at once (mallopt(3),
/// `M_MMAP_THRESHOLD`). What of them is not written to costs nothing.
fn capacity(size: u64) -> usize {
    let size = usize::try_from(size).unwrap_or_default();
    if size > 1 << 20 { size.max(33 << 20) } else { size }
}

fn has_empty_line(bytes: &[u8]) -> bool {
    let header = block_len(bytes);
    let block = &bytes[..header];
    header < bytes.len() || block.ends_with(b"\n\n") || block.ends_with(b"\n\r\n") || block == b"\n" || block == b"\r\n"
}
