//! Bytes as they are sent: each line end as CRLF, and no NUL (RFC 3501 §4.3).

use std::borrow::Cow;
use std::ops::Range;

/// A place in a message, with how many line ends, and how many of them without
/// CR, come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) at: usize,
    pub(crate) lines: usize,
    pub(crate) bare: usize,
}

impl Mark {
    /// The place behind these bytes.
    pub(crate) fn after(self, bytes: &[u8]) -> Self {
        let lines = bytes.iter().filter(|b| **b == b'\n').count();
        Self { at: self.at + bytes.len(), lines: self.lines + lines, bare: self.bare + bare_lines(bytes) }
    }
}

/// The bytes as they are sent: LF alone becomes CRLF, NUL becomes 0x80.
#[must_use]
pub fn to_wire(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bare = bare_lines(bytes);
    if bare == 0 && !bytes.contains(&0) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len() + bare);
    ToWire::default().push(bytes, &mut out);
    Cow::Owned(out)
}

/// How far marks are apart, and how many there are at most.
const STEP: usize = 64 << 10;
const MAX_MARKS: usize = 512;

/// Where in a long text each octet as it is sent is to be found: so the middle
/// of a large message is sent without reading what comes before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marks {
    /// Places in the text and in what is sent, ascending, apart from the
    /// beginning. None is between CR and LF.
    marks: Vec<(usize, usize)>,
    len: usize,
}

impl Marks {
    /// Looks through the text once.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let step = STEP.max(bytes.len() / MAX_MARKS + 1);
        let (mut marks, mut at, mut len) = (Vec::new(), 0, 0);
        loop {
            let mut next = bytes.len().min(at + step);
            while next < bytes.len() && bytes[next - 1] == b'\r' {
                next += 1;
            }
            len += wire_len(&bytes[at..next]);
            if next == bytes.len() {
                return Self { marks, len };
            }
            marks.push((next, len));
            at = next;
        }
    }

    /// How many octets are sent of the whole text.
    #[must_use]
    pub fn wire_len(&self) -> usize {
        self.len
    }

    /// Octets in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        size_of_val(self.marks.as_slice())
    }

    /// The last mark before this octet of what is sent: its place in the text,
    /// and how many octets are sent before it.
    #[must_use]
    pub fn before(&self, octet: usize) -> (usize, usize) {
        let behind = self.marks.partition_point(|(_, sent)| *sent <= octet);
        behind.checked_sub(1).and_then(|mark| self.marks.get(mark).copied()).unwrap_or_default()
    }
}

/// Does the work of [`to_wire`] on bytes that come in pieces.
#[derive(Debug, Default)]
pub struct ToWire {
    previous: u8,
}

impl ToWire {
    /// Appends the next piece as it is sent.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len());
        for byte in piece.iter().copied() {
            push(out, self.previous, byte);
            self.previous = byte;
        }
    }
}

/// How many octets [`to_wire`] makes of them.
#[must_use]
pub fn wire_len(bytes: &[u8]) -> usize {
    bytes.len() + bare_lines(bytes)
}

/// The octets in this range of what [`to_wire`] makes; empty where the range
/// lies behind the end (RFC 3501 §6.4.5, `partial`). Only what is asked for is
/// built.
#[must_use]
pub fn slice(bytes: &[u8], range: Range<usize>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    let mut rest = bytes;
    // Whole lines are skipped by their length: a client that reads a large
    // part in pieces must not pay for each octet before the piece.
    while !rest.is_empty() && at < range.end {
        let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1);
        let (line, behind) = rest.split_at(end);
        let length = wire_len(line);
        if at + length > range.start {
            let line = to_wire(line);
            let from = range.start.saturating_sub(at).min(length);
            out.extend_from_slice(&line[from..length.min(range.end - at).max(from)]);
        }
        at += length;
        rest = behind;
    }
    out
}

fn push(out: &mut Vec<u8>, previous: u8, byte: u8) {
    match byte {
        b'\n' if previous != b'\r' => out.extend_from_slice(b"\r\n"),
        0 => out.push(0x80),
        other => out.push(other),
    }
}

fn bare_lines(bytes: &[u8]) -> usize {
    let mut previous = 0;
    let mut bare = 0;
    for byte in bytes {
        bare += usize::from(*byte == b'\n' && previous != b'\r');
        previous = *byte;
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn line_ends() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"a\nb\r\nc", b"a\r\nb\r\nc"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a\rb", b"a\rb"),
            (b"a\0b", b"a\x80b"),
            (b"", b""),
        ];
        for (disk, wire) in cases {
            assert_eq!(&*to_wire(disk), wire);
        }
    }

    #[test]
    fn marks_lead_to_each_octet() {
        let long =
            [b"a line\n".repeat(30_000), b"\r\n".repeat(50_000), vec![b'\r'; 70_000], b"\n\0x".repeat(9)].concat();
        for text in [long.as_slice(), b"", b"a\nb", &b"\n".repeat(70_000), &vec![b'x'; 200_000]] {
            let (marks, wire) = (Marks::of(text), to_wire(text));
            assert_eq!(marks.wire_len(), wire.len());
            assert!(marks.marks.len() <= text.len() / STEP);
            for octet in (0..wire.len() + 10).step_by(997) {
                let (at, sent) = marks.before(octet);
                assert!(sent <= octet && (octet - sent <= 2 * STEP || text.starts_with(b"a line")), "{octet}");
                let rest = to_wire(&text[at..]);
                assert_eq!(rest.len(), wire.len() - sent, "{octet}");
                assert!(rest.iter().take(99).eq(wire[sent..].iter().take(99)), "{octet}");
            }
        }
    }

    proptest! {
        #[test]
        fn slices_and_lengths_agree(bytes in proptest::collection::vec(proptest::sample::select(b"a\r\n\0".to_vec()), 0..30), start in 0usize..40, len in 0usize..40) {
            let wire = to_wire(&bytes).into_owned();
            prop_assert_eq!(wire.len(), wire_len(&bytes));
            let (mut converter, mut joined) = (ToWire::default(), Vec::new());
            bytes.chunks(len % 5 + 1).for_each(|piece| converter.push(piece, &mut joined));
            prop_assert_eq!(&joined, &wire);
            let from = start.min(wire.len());
            prop_assert_eq!(slice(&bytes, start..start + len), wire[from..(start + len).clamp(from, wire.len())].to_vec());
        }
    }
}
