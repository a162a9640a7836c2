//! A message file on its way to the client: LF becomes CRLF, lines that begin
//! with a dot get another (RFC 1939 §3), and `.` ends it.

/// How much of the message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// RETR: all of it.
    Whole,
    /// TOP: the header, the empty line, and so many lines of the body.
    Top(u32),
}

/// Turns chunks of a file into what is sent.
///
/// Files have LF; old ones of other servers may have CRLF, which stays one
/// line end. A CR without LF stays as it is, and ends no line. NUL, which no
/// mail may hold, is shown as 0x80.
#[derive(Debug)]
pub struct Stuffer {
    place: Place,
    at_start: bool,
    /// A CR came and its LF may follow in the next chunk.
    cr: bool,
    /// Nothing but CR came in this line so far.
    empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Whole,
    TopHeader(u32),
    TopBody(u32),
    Done,
}

impl Stuffer {
    /// At the beginning of a message.
    #[must_use]
    pub fn new(part: Part) -> Self {
        let place = match part {
            Part::Whole => Place::Whole,
            Part::Top(lines) => Place::TopHeader(lines),
        };
        Self { place, at_start: true, cr: false, empty: true }
    }

    /// Takes the next chunk of the file and puts what is to be sent behind
    /// `out`: at most twice the chunk's length, and a few octets.
    pub fn push(&mut self, mut chunk: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = chunk.first() {
            if self.is_done() {
                return;
            }
            if self.cr || is_special(first) || (self.at_start && first == b'.') {
                self.octet(first, out);
                chunk = &chunk[1..];
            } else {
                let run = chunk.iter().position(|&byte| is_special(byte)).unwrap_or(chunk.len());
                out.extend_from_slice(&chunk[..run]);
                (self.at_start, self.empty) = (false, false);
                chunk = &chunk[run..];
            }
        }
    }

    /// Whether TOP has all it needs; the rest of the file need not be read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Ends a last line that had no end, and writes the end of the response.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if !self.is_done() {
            if std::mem::take(&mut self.cr) {
                self.plain(b'\r', out);
            }
            if !self.at_start {
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(b".\r\n");
    }

    fn octet(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'\n' => {
                self.cr = false;
                self.line_end(out);
            }
            b'\r' => {
                if std::mem::replace(&mut self.cr, true) {
                    self.plain(b'\r', out);
                }
            }
            other => {
                if std::mem::take(&mut self.cr) {
                    self.plain(b'\r', out);
                }
                self.plain(other, out);
            }
        }
    }

    fn plain(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.at_start && byte == b'.' {
            out.push(b'.');
        }
        out.push(if byte == 0 { 0x80 } else { byte });
        (self.at_start, self.empty) = (false, false);
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.place = match self.place {
            Place::TopHeader(0) if self.empty => Place::Done,
            Place::TopHeader(lines) if self.empty => Place::TopBody(lines),
            Place::TopBody(0 | 1) => Place::Done,
            Place::TopBody(lines) => Place::TopBody(lines - 1),
            same => same,
        };
        (self.at_start, self.empty) = (true, true);
    }
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(part: Part, chunks: &[&[u8]]) -> Vec<u8> {
        let mut stuffer = Stuffer::new(part);
        let mut out = Vec::new();
        for chunk in chunks {
            let before = out.len();
            stuffer.push(chunk, &mut out);
            assert!(out.len() - before <= 2 * chunk.len() + 4);
        }
        stuffer.finish(&mut out);
        out
    }

    #[test]
    fn whole_messages() {
        let cases: [(&str, &str); 14] = [
            ("", ".\r\n"),
            ("a\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("\r\r\n", "\r\r\n.\r\n"),
            ("\n", "\r\n.\r\n"),
            (".\n", "..\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("..\n", "...\r\n.\r\n"),
            ("a\n.\nb\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a.b\n\r.c\n", "a.b\r\n\r.c\r\n.\r\n"),
            ("\r\n.x", "\r\n..x\r\n.\r\n"),
        ];
        for (file, expected) in cases {
            assert_eq!(String::from_utf8(sent(Part::Whole, &[file.as_bytes()])).unwrap(), expected, "{file:?}");
        }
        assert_eq!(sent(Part::Whole, &[b"a\0b\n\0"]), b"a\x80b\r\n\x80\r\n.\r\n");
    }

    #[test]
    fn tops() {
        let message = "A: 1\nB: 2\n\none\n.two\nthree\n";
        let crlf = message.replace('\n', "\r\n");
        let cases = [
            (0, "A: 1\r\nB: 2\r\n\r\n.\r\n"),
            (1, "A: 1\r\nB: 2\r\n\r\none\r\n.\r\n"),
            (2, "A: 1\r\nB: 2\r\n\r\none\r\n..two\r\n.\r\n"),
            (3, "A: 1\r\nB: 2\r\n\r\none\r\n..two\r\nthree\r\n.\r\n"),
            (u32::MAX, "A: 1\r\nB: 2\r\n\r\none\r\n..two\r\nthree\r\n.\r\n"),
        ];
        for (lines, expected) in cases {
            for file in [message, crlf.as_str()] {
                let got = sent(Part::Top(lines), &[file.as_bytes()]);
                assert_eq!(String::from_utf8(got).unwrap(), expected, "{lines}");
            }
        }
        assert_eq!(sent(Part::Top(0), &[b"only: header"]), b"only: header\r\n.\r\n");
        assert_eq!(sent(Part::Top(0), &[b"\nbody\n"]), b"\r\n.\r\n");
    }

    /// What a client makes of it: the first line that is a dot ends it.
    fn received(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut lines = bytes.split_inclusive(|&byte| byte == b'\n');
        for line in lines.by_ref().take_while(|line| line != b".\r\n") {
            assert!(line.ends_with(b"\r\n"));
            plain.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        assert_eq!((lines.next(), bytes.ends_with(b".\r\n")), (None, true), "it ended too early, or not at all");
        plain
    }

    /// The same by another way: the file with CRLF line ends.
    fn expected(file: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        for line in file.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
            plain.extend(line.iter().map(|&byte| if byte == 0 { 0x80 } else { byte }));
            plain.extend_from_slice(b"\r\n");
        }
        plain
    }

    proptest! {
        #[test]
        fn a_client_gets_the_file(
            file in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'x'), Just(0u8)], 0..40),
            at in 0usize..40,
            lines in 0u32..5,
        ) {
            let at = at.min(file.len());
            let whole = sent(Part::Whole, &[&file]);
            prop_assert_eq!(received(&whole), expected(&file));
            prop_assert_eq!(&sent(Part::Whole, &[&file[..at], &file[at..]]), &whole);
            let top = sent(Part::Top(lines), &[&file]);
            prop_assert_eq!(&sent(Part::Top(lines), &[&file[..at], &file[at..]]), &top);
            prop_assert!(received(&whole).starts_with(&received(&top)));
        }
    }
}
