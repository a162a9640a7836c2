//! The bytes of a message: CRLF becomes LF, dots are unstuffed, and what no
//! message may have is counted.
//!
//! In DATA only CRLF "." CRLF ends the message (RFC 5321 §4.1.1.4): whoever
//! takes another sequence as the end reads two messages where the server
//! before him saw one. In BDAT the length alone ends it (RFC 3030 §2).

use crate::{BareNewline, Refusal, reply};

/// How a message is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// DATA: lines, ended by a dot alone.
    Data,
    /// BDAT: chunks of a declared length.
    Bdat,
}

/// What was seen of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// DATA or BDAT.
    pub framing: Framing,
    /// Octets with LF line ends: what the chunks add up to.
    pub bytes: u64,
    /// Line ends; `bytes + lines` is the size with CRLF.
    pub lines: u64,
    /// CR without LF. In a message that was not refused these came in BDAT and
    /// were repaired.
    pub bare_cr: u64,
    /// LF without CR, likewise.
    pub bare_lf: u64,
    /// NUL octets.
    pub nul: u64,
    /// Octets above 127.
    pub eight_bit: u64,
    /// Whether the message is larger than allowed. `bytes` and `lines` then
    /// say how much was read, not how much was given out.
    pub too_large: bool,
}

impl Facts {
    /// The size with CRLF line ends, as SIZE counts it.
    #[must_use]
    pub fn wire_size(&self) -> u64 {
        self.bytes.saturating_add(self.lines)
    }
}

/// Why the session itself refused a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Larger than allowed.
    TooLarge,
    /// A NUL in it.
    Nul,
    /// A bare CR or LF in it.
    BareNewline,
}

impl Flaw {
    /// What the peer hears.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Self::TooLarge => reply::message_too_large(),
            Self::Nul => reply::nul(),
            Self::BareNewline => reply::bare_newline(),
        }
    }
}

/// A message that the session refused by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discarded {
    /// Why.
    pub flaw: Flaw,
    /// What was seen of it.
    pub facts: Facts,
}

/// A message while it comes in.
#[derive(Debug)]
pub(crate) struct Message {
    facts: Facts,
    place: Place,
    limit: u64,
    bare: BareNewline,
    /// Octets on the wire, whatever came of them.
    octets: u64,
}

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind a CRLF, or at the beginning.
    Start,
    /// Within a line.
    Text,
    /// Behind a CR.
    Cr,
    /// Behind a dot that began a line (DATA).
    Dot,
    /// Behind a dot that began a line and a CR (DATA).
    DotCr,
    /// Behind the end.
    End,
}

impl Message {
    /// A message of at most `limit` octets with CRLF line ends.
    pub(crate) fn new(framing: Framing, limit: u64, bare_in_bdat: BareNewline) -> Self {
        let facts =
            Facts { framing, bytes: 0, lines: 0, bare_cr: 0, bare_lf: 0, nul: 0, eight_bit: 0, too_large: false };
        let bare = if framing == Framing::Data { BareNewline::Refuse } else { bare_in_bdat };
        Self { facts, place: Place::Start, limit, bare, octets: 0 }
    }

    pub(crate) fn facts(&self) -> Facts {
        self.facts
    }

    /// Why the message will be refused, as far as is known.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        let facts = &self.facts;
        match self.bare {
            _ if facts.too_large => Some(Flaw::TooLarge),
            _ if facts.nul > 0 => Some(Flaw::Nul),
            BareNewline::Refuse if facts.bare_cr + facts.bare_lf > 0 => Some(Flaw::BareNewline),
            _ => None,
        }
    }

    /// A chunk of a declared length would make it too large.
    pub(crate) fn declare(&mut self, octets: u64) {
        if octets > self.limit.saturating_sub(self.facts.wire_size()) {
            self.facts.too_large = true;
        }
    }

    /// Octets of DATA that were read. They are more than what was kept: a
    /// stream of bare CRs alone keeps nothing and never ends.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether CRLF "." CRLF was read.
    pub(crate) fn is_ended(&self) -> bool {
        self.place == Place::End
    }

    /// Reads DATA up to the end of `wire` or of the message, whichever comes
    /// first. Returns how many octets were used; what is to be kept is added
    /// to `out`, nothing any more once the message has a flaw.
    pub(crate) fn read_data(&mut self, wire: &[u8], out: &mut Vec<u8>) -> usize {
        let mut used = 0;
        while used < wire.len() && self.place != Place::End {
            used += self.plain(&wire[used..], out);
            if let Some(&byte) = wire.get(used) {
                self.data_octet(byte, out);
                used += 1;
            }
        }
        self.octets += used as u64;
        used
    }

    /// Reads a piece of a BDAT chunk, all of which belongs to the message.
    pub(crate) fn read_bdat(&mut self, wire: &[u8], out: &mut Vec<u8>) {
        let mut used = 0;
        while used < wire.len() {
            used += self.plain(&wire[used..], out);
            if let Some(&byte) = wire.get(used) {
                self.bdat_octet(byte, out);
                used += 1;
            }
        }
    }

    /// Ends a BDAT message: a last line without line end gets one.
    pub(crate) fn end_bdat(&mut self, out: &mut Vec<u8>) {
        match self.place {
            Place::Cr => self.lone_cr(out),
            Place::Text => self.newline(out),
            _ => {}
        }
        self.place = Place::End;
    }

    /// The fast way through the middle of lines: what is neither CR nor LF
    /// there is only copied and counted.
    fn plain(&mut self, wire: &[u8], out: &mut Vec<u8>) -> usize {
        if self.place != Place::Text {
            return 0;
        }
        let length = wire.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(wire.len());
        self.keep(&wire[..length], out);
        length
    }

    fn data_octet(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.place = match (self.place, byte) {
            (Place::DotCr, b'\n') => Place::End,
            (Place::Cr, b'\n') => return self.newline(out),
            (Place::Dot, b'\r') => Place::DotCr,
            (Place::Start, b'.') => Place::Dot,
            (Place::Cr | Place::DotCr, b'\r') => {
                self.facts.bare_cr += 1;
                Place::Cr
            }
            (_, b'\r') => Place::Cr,
            (place, byte) => {
                self.facts.bare_cr += u64::from(matches!(place, Place::Cr | Place::DotCr));
                self.facts.bare_lf += u64::from(byte == b'\n');
                self.keep(&[byte], out);
                Place::Text
            }
        };
    }

    fn bdat_octet(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.place, byte) {
            (Place::Cr, b'\n') => self.newline(out),
            (Place::Cr, b'\r') => {
                self.lone_cr(out);
                self.place = Place::Cr;
            }
            (Place::Cr, _) => {
                self.lone_cr(out);
                self.place = Place::Text;
                self.keep(&[byte], out);
            }
            (_, b'\r') => self.place = Place::Cr,
            (_, b'\n') => {
                self.facts.bare_lf += 1;
                self.newline(out);
            }
            _ => {
                self.place = Place::Text;
                self.keep(&[byte], out);
            }
        }
    }

    fn lone_cr(&mut self, out: &mut Vec<u8>) {
        self.facts.bare_cr += 1;
        self.newline(out);
    }

    fn newline(&mut self, out: &mut Vec<u8>) {
        self.place = Place::Start;
        self.facts.lines += 1;
        self.keep(b"\n", out);
    }

    fn keep(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let facts = &mut self.facts;
        facts.bytes += bytes.len() as u64;
        facts.nul += bytes.iter().filter(|b| **b == 0).count() as u64;
        facts.eight_bit += bytes.iter().filter(|b| **b >= 0x80).count() as u64;
        facts.too_large |= facts.wire_size() > self.limit;
        if self.flaw().is_none() {
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(framing: Framing, wire: &[u8], step: usize) -> (Message, Vec<u8>, usize) {
        let mut message = Message::new(framing, 1000, BareNewline::Repair);
        let (mut out, mut used) = (Vec::new(), 0);
        for piece in wire.chunks(step) {
            match framing {
                Framing::Data => used += message.read_data(piece, &mut out),
                Framing::Bdat => message.read_bdat(piece, &mut out),
            }
        }
        if framing == Framing::Bdat {
            message.end_bdat(&mut out);
        }
        (message, out, used)
    }

    #[test]
    fn data() {
        // Wire form, what is kept, whether it ended, what is wrong.
        let cases: [(&str, &str, bool, Option<Flaw>); 13] = [
            (".\r\n", "", true, None),
            ("a\r\n.\r\n", "a\n", true, None),
            ("..\r\n.\r\n", ".\n", true, None),
            (".a\r\n...\r\n.\r\n", "a\n..\n", true, None),
            ("\r\n\r\n.\r\n", "\n\n", true, None),
            ("a\r\n.\r", "a\n", false, None),
            ("a\n.\n", "a", false, Some(Flaw::BareNewline)),
            ("a\n.\r\n", "a", false, Some(Flaw::BareNewline)),
            ("a\r.\r\n", "a", false, Some(Flaw::BareNewline)),
            ("a\r\n.\n", "a\n", false, Some(Flaw::BareNewline)),
            ("a\r\n.\r\r\n.\r\n", "a\n", true, Some(Flaw::BareNewline)),
            ("a\r\n\0.\r\n.\r\n", "a\n", true, Some(Flaw::Nul)),
            ("a\r\n\0\r\n.\r\n", "a\n", true, Some(Flaw::Nul)),
        ];
        for (wire, kept, ended, flaw) in cases {
            for step in 1..=wire.len() {
                let (message, out, used) = read(Framing::Data, wire.as_bytes(), step);
                assert_eq!((message.is_ended(), message.flaw()), (ended, flaw), "{wire:?} by {step}");
                assert_eq!((String::from_utf8(out).unwrap().as_str(), used), (kept, wire.len()), "{wire:?}");
            }
        }
    }

    #[test]
    fn what_stands_behind_the_end_is_left_alone() {
        let (_, out, used) = read(Framing::Data, b"a\r\n.\r\nQUIT\r\n", 100);
        assert_eq!((out.as_slice(), used), (&b"a\n"[..], 6));
    }

    #[test]
    fn bdat() {
        let cases = [
            ("", "", 0, 0),
            ("a", "a\n", 0, 0),
            ("a\r\n", "a\n", 0, 0),
            ("a\r\n.\r\nb", "a\n.\nb\n", 0, 0),
            ("a\nb\n", "a\nb\n", 0, 2),
            ("a\rb\r", "a\nb\n", 2, 0),
            ("a\r\r\n\n", "a\n\n\n", 1, 1),
        ];
        for (wire, kept, bare_cr, bare_lf) in cases {
            for step in 1..=wire.len().max(1) {
                let (message, out, _) = read(Framing::Bdat, wire.as_bytes(), step);
                let facts = message.facts();
                assert_eq!((facts.bare_cr, facts.bare_lf), (bare_cr, bare_lf), "{wire:?}");
                assert_eq!((facts.bytes, message.flaw()), (kept.len() as u64, None), "{wire:?}");
                assert_eq!(String::from_utf8(out).unwrap(), kept, "{wire:?} by {step}");
            }
        }
    }

    #[test]
    fn counts_and_limits() {
        let mut message = Message::new(Framing::Data, 6, BareNewline::Repair);
        let mut out = Vec::new();
        message.read_data("é\r\nab".as_bytes(), &mut out);
        assert_eq!((message.facts().eight_bit, message.facts().wire_size(), message.flaw()), (2, 6, None));
        message.read_data(b"c", &mut out);
        assert_eq!((message.flaw(), out.as_slice()), (Some(Flaw::TooLarge), "é\nab".as_bytes()));
        let mut chunked = Message::new(Framing::Bdat, 6, BareNewline::Refuse);
        chunked.declare(6);
        assert_eq!(chunked.flaw(), None);
        chunked.read_bdat(b"a\n", &mut out);
        assert_eq!(chunked.flaw(), Some(Flaw::BareNewline));
        chunked.declare(4);
        assert_eq!(chunked.flaw(), Some(Flaw::TooLarge));
    }
}
