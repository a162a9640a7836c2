//! What arrived and was not used yet: one block of the socket and at most one
//! command line that is not whole.

/// Octets that are taken beyond the longest line.
const BLOCK: usize = 32 * 1024;
/// A line of more than so many times the allowed length has no end.
const PATIENCE: usize = 32;
/// An idle connection keeps no more memory than this.
const KEPT: usize = 2048;

/// The input buffer.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: Vec<u8>,
    start: usize,
    max_line: usize,
    /// Octets of the line that is too long, while its end is looked for.
    overlong: usize,
}

/// What the buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its CRLF.
    Whole(Vec<u8>),
    /// A line longer than allowed, thrown away.
    TooLong,
    /// A line so long that waiting for its end is pointless.
    Endless,
    /// A CR or LF that is not half of a CRLF.
    Bare,
    /// Not a whole line yet.
    Partial,
}

impl Input {
    pub(crate) fn new(max_line: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, max_line: max_line.max(64), overlong: 0 }
    }

    /// Takes as many octets as there is room for; returns how many.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(&bytes[..taken]);
        taken
    }

    pub(crate) fn room(&self) -> usize {
        (BLOCK + self.max_line).saturating_sub(self.rest().len())
    }

    /// What is there.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The first octet of a line, once it is there.
    pub(crate) fn first_of_line(&self) -> Option<u8> {
        self.rest().first().copied().filter(|_| self.overlong == 0)
    }

    /// Uses up the first octets.
    pub(crate) fn advance(&mut self, octets: usize) {
        self.start = (self.start + octets).min(self.bytes.len());
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Throws everything away; returns how much that was.
    pub(crate) fn drop_all(&mut self) -> usize {
        let dropped = self.rest().len();
        self.advance(dropped);
        self.overlong = 0;
        dropped
    }

    /// Gives back memory that only a block of a message needs: many
    /// connections may stand still with half a line.
    pub(crate) fn relax(&mut self) {
        if self.bytes.capacity() > KEPT && self.rest().len() < KEPT {
            self.bytes = self.rest().to_vec();
            self.start = 0;
        }
    }

    /// The next command line. Only CRLF ends it (RFC 5321 §2.3.8): who takes
    /// another end as well reads other commands than the proxy before him. A
    /// bare CR or LF is said at once, since a client that ends its lines so
    /// waits for an answer and never sends the CRLF.
    pub(crate) fn line(&mut self) -> Line {
        let rest = self.rest();
        let end = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
        if let Some((end, tail)) = end.map(|end| (end, &rest[end..])).filter(|(_, tail)| *tail != b"\r") {
            let is_lawful = tail.starts_with(b"\r\n");
            let line = rest[..end].to_vec();
            self.advance(end + 2);
            let length = std::mem::take(&mut self.overlong) + end;
            return match length {
                // The same as if its end had come later: it does not matter in
                // which blocks a line comes.
                _ if length > self.max_line * PATIENCE => Line::Endless,
                _ if !is_lawful => Line::Bare,
                _ if length + 2 > self.max_line => Line::TooLong,
                _ => Line::Whole(line),
            };
        }
        // A CR at the end may be half of the line's end.
        let held = usize::from(rest.last() == Some(&b'\r'));
        if rest.len() <= self.max_line && self.overlong == 0 {
            return Line::Partial;
        }
        let dropped = rest.len() - held;
        self.overlong += dropped;
        self.advance(dropped);
        if self.overlong > self.max_line * PATIENCE { Line::Endless } else { Line::Partial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut input = Input::new(64);
        assert_eq!(input.feed(b"NOOP\r\nQUI"), 9);
        assert_eq!(input.line(), Line::Whole(b"NOOP".to_vec()));
        assert_eq!(input.line(), Line::Partial);
        input.feed(b"T\r");
        assert_eq!(input.line(), Line::Partial);
        input.feed(b"\n");
        assert_eq!(input.line(), Line::Whole(b"QUIT".to_vec()));
    }

    #[test]
    fn a_bare_newline_is_seen_at_once() {
        for bare in ["QUIT\n", "\n", "QUIT\n\r\n", "a\rb", "\r\r", "a\r\r\n"] {
            let mut input = Input::new(64);
            let mut seen = bare.bytes().map(|byte| {
                input.feed(&[byte]);
                input.line()
            });
            assert_eq!(seen.find(|line| *line != Line::Partial), Some(Line::Bare), "{bare:?}");
            let mut input = Input::new(64);
            input.feed(bare.as_bytes());
            assert_eq!(input.line(), Line::Bare, "{bare:?}");
        }
        let mut input = Input::new(64);
        input.feed(&[&[b'a'; 500][..], b"\n"].concat());
        assert_eq!(input.line(), Line::Bare, "also in a line that is too long");
    }

    #[test]
    fn a_line_may_be_as_long_as_allowed() {
        for (length, expected) in [(62, Line::Whole(vec![b'a'; 62])), (63, Line::TooLong), (500, Line::TooLong)] {
            for step in [1, 7, 1000] {
                let mut input = Input::new(64);
                let line = [vec![b'a'; length], b"\r\nNOOP\r\n".to_vec()].concat();
                let mut found = Vec::new();
                for piece in line.chunks(step) {
                    assert_eq!(input.feed(piece), piece.len());
                    found.extend(std::iter::from_fn(|| Some(input.line()).filter(|line| *line != Line::Partial)));
                }
                assert_eq!(found.len(), 2, "{length} in steps of {step}");
                assert_eq!((&found[0], &found[1]), (&expected, &Line::Whole(b"NOOP".to_vec())));
            }
        }
    }

    #[test]
    fn how_a_line_came_does_not_matter() {
        for (length, expected) in [(64 * PATIENCE, Line::TooLong), (64 * PATIENCE + 1, Line::Endless)] {
            for step in [1, 1000, 10_000] {
                let mut input = Input::new(64);
                let line = [vec![b'a'; length], b"\r\n".to_vec()].concat();
                let mut pieces = line.chunks(step).map(|piece| {
                    input.feed(piece);
                    input.line()
                });
                let found = pieces.find(|line| *line != Line::Partial);
                assert_eq!(found.as_ref(), Some(&expected), "{length} by {step}");
            }
        }
    }

    #[test]
    fn memory_has_a_bound() {
        let mut input = Input::new(64);
        let taken = input.feed(&vec![b'a'; 10 * BLOCK]);
        assert_eq!((taken, input.room()), (BLOCK + 64, 0));
        assert_eq!(input.line(), Line::Endless);
        assert_eq!(input.drop_all(), 0);
        input.relax();
        assert_eq!(input.bytes.capacity(), 0);
        input.feed(&[&[b'a'; 2000][..], b"\r\n", &[b'a'; 2000], b"\r\nNOO"].concat());
        assert_eq!((input.line(), input.line(), input.line()), (Line::TooLong, Line::TooLong, Line::Partial));
        input.relax();
        assert!(input.bytes.capacity() < 100 && input.feed(b"P\r\n") == 3);
        assert_eq!(input.line(), Line::Whole(b"NOOP".to_vec()));
        let mut drip = Input::new(64);
        let endless = (0..5000).any(|_| drip.feed(b"a") == 1 && drip.line() == Line::Endless);
        assert!(endless && drip.rest().len() <= 65);
    }
}
