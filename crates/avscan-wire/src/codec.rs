//! The bytes of a frame: a version, a kind, then fixed fields in little endian
//! and texts with a length of two bytes.

use thiserror::Error;

/// The version of the frames. Both programs are installed together; a worker
/// of another version is refused rather than guessed at.
pub const VERSION: u8 = 1;

/// The largest frame in bytes. A packet that is larger is cut by the receiver
/// and refused.
pub const MAX_FRAME: usize = 4096;

/// A packet that is no frame of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// The other program speaks another version.
    #[error("the other side speaks version {0} of the scanner's protocol, this side {VERSION}")]
    Version(u8),
    /// The packet ends too early or goes on too long.
    #[error("a packet of the scanner's protocol has the wrong length")]
    Length,
    /// A field has a value that the protocol does not know.
    #[error("a packet of the scanner's protocol has an unknown {0}")]
    Unknown(&'static str),
}

/// Writes one frame.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(kind: u8) -> Self {
        Self(vec![VERSION, kind])
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// A text, cut at a character boundary to `cap` bytes: names come from
    /// signature files, and no frame may outgrow its packet.
    pub(crate) fn text(mut self, text: &str, cap: u16) -> Self {
        let end = text.floor_char_boundary(usize::from(cap));
        let cut = &text.as_bytes()[..end];
        self.0.extend_from_slice(&u16::try_from(cut.len()).unwrap_or(cap).to_le_bytes());
        self.0.extend_from_slice(cut);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        debug_assert!(self.0.len() <= MAX_FRAME);
        self.0
    }
}

/// Reads one frame to its end.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Opens a frame and returns its kind.
    pub(crate) fn open(frame: &'a [u8]) -> Result<(u8, Self), WireError> {
        match frame {
            [VERSION, kind, rest @ ..] if frame.len() <= MAX_FRAME => Ok((*kind, Self(rest))),
            [VERSION, ..] | [] => Err(WireError::Length),
            [version, ..] => Err(WireError::Version(*version)),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Length)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A text; what is no UTF-8 in it is shown as U+FFFD.
    pub(crate) fn text(&mut self, cap: u16) -> Result<String, WireError> {
        let length = u16::from_le_bytes(self.array()?);
        if length > cap {
            return Err(WireError::Length);
        }
        let (head, rest) = self.0.split_at_checked(usize::from(length)).ok_or(WireError::Length)?;
        self.0 = rest;
        Ok(String::from_utf8_lossy(head).into_owned())
    }

    /// Says that the frame must be at its end.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, WireError> {
        if self.0.is_empty() { Ok(value) } else { Err(WireError::Length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_at_a_character() {
        let frame = Writer::new(9).text("añb", 2).finish();
        assert_eq!(frame, [VERSION, 9, 1, 0, b'a']);
    }

    #[test]
    fn frames_of_others_are_refused() {
        for (frame, error) in [
            (&[][..], WireError::Length),
            (&[VERSION], WireError::Length),
            (&[VERSION + 1], WireError::Version(VERSION + 1)),
            (&[0, 1, 2], WireError::Version(0)),
        ] {
            assert_eq!(Reader::open(frame).err(), Some(error), "{frame:?}");
        }
        assert_eq!(Reader::open(&[VERSION; MAX_FRAME + 1]).err(), Some(WireError::Length));
    }

    #[test]
    fn a_text_cannot_claim_more_than_there_is() {
        let (_, mut reader) = Reader::open(&[VERSION, 1, 200, 0, b'x']).unwrap();
        assert_eq!(reader.text(256), Err(WireError::Length));
    }
}
