//! What is noted about a message while its bytes go by: where its header ends,
//! how many lines it has, its hash.

use sha2::{Digest, Sha256};

/// The most octets of a header block that are kept in memory; what follows is
/// treated as body.
pub const HEADER_CAP: usize = 1 << 20;

/// The result: everything that later stages ask about the message without
/// reading it again. Offsets count from the first octet of the received
/// message, without the trace header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The received header block, with the empty line behind it where there is
    /// one. Header and body together are the message.
    pub header: Vec<u8>,
    /// Whether the header block was larger than [`HEADER_CAP`]: then `header`
    /// ends before a field, and the rest of the block counts as body.
    pub header_truncated: bool,
    /// Lines in the whole header block, without the empty one.
    pub header_lines: u64,
    /// Octets of the longest line in the whole header block, without line end.
    pub longest_header_line: u64,
    /// LF octets in `header`.
    pub header_lf: u64,
    /// Octets behind `header`.
    pub body_len: u64,
    /// LF octets behind `header`.
    pub body_lf: u64,
    /// SHA-256 of the message as it was received, with LF line ends.
    pub sha256: [u8; 32],
}

/// Takes the message in chunks.
#[derive(Debug)]
pub(crate) struct Surveyor {
    header: Vec<u8>,
    phase: Phase,
    /// Octets of the current header line.
    line: u64,
    header_lines: u64,
    longest: u64,
    /// Where in `header` the last line began that is no fold.
    field: usize,
    truncated: bool,
    len: u64,
    lf: u64,
    hash: Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Header,
    Body,
}

impl Surveyor {
    pub(crate) fn new() -> Self {
        Self {
            header: Vec::new(),
            phase: Phase::Header,
            line: 0,
            header_lines: 0,
            longest: 0,
            field: 0,
            truncated: false,
            len: 0,
            lf: 0,
            hash: Sha256::new(),
        }
    }

    pub(crate) fn take(&mut self, chunk: &[u8]) {
        self.hash.update(chunk);
        self.len += chunk.len() as u64;
        self.lf += count_lf(chunk);
        let mut rest = chunk;
        while self.phase == Phase::Header && !rest.is_empty() {
            let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
            self.header_part(&rest[..end]);
            rest = &rest[end..];
        }
    }

    pub(crate) fn finish(mut self) -> Survey {
        if self.line > 0 {
            self.header_lines += 1;
        }
        if self.truncated {
            self.header.truncate(self.field);
        }
        let header_lf = count_lf(&self.header);
        Survey {
            header_truncated: self.truncated,
            header_lines: self.header_lines,
            longest_header_line: self.longest,
            header_lf,
            body_len: self.len - self.header.len() as u64,
            body_lf: self.lf - header_lf,
            sha256: self.hash.finalize().into(),
            header: self.header,
        }
    }

    /// A line of the header block, or a part of one that ends with the chunk.
    fn header_part(&mut self, part: &[u8]) {
        let text = part.strip_suffix(b"\n").unwrap_or(part);
        let complete = text.len() < part.len();
        self.keep(part);
        self.line += text.len() as u64;
        self.longest = self.longest.max(self.line);
        if !complete {
            return;
        }
        if self.line == 0 {
            self.phase = Phase::Body;
        } else {
            self.header_lines += 1;
        }
        self.line = 0;
    }

    /// Within the cap; a field that does not fit whole is cut off at the end.
    fn keep(&mut self, part: &[u8]) {
        if self.truncated {
            return;
        }
        let begins_field = self.line == 0 && !matches!(part.first(), Some(b' ' | b'\t'));
        if begins_field {
            self.field = self.header.len();
        }
        if self.header.len() + part.len() > HEADER_CAP {
            self.truncated = true;
            self.header.truncate(self.field);
        } else {
            self.header.extend_from_slice(part);
        }
    }
}

pub(crate) fn count_lf(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn survey(chunks: &[&[u8]]) -> Survey {
        let mut surveyor = Surveyor::new();
        chunks.iter().for_each(|chunk| surveyor.take(chunk));
        surveyor.finish()
    }

    #[test]
    fn where_the_header_ends() {
        let cases: [(&[u8], &[u8], u64); 8] = [
            (b"A: b\n\nbody\n", b"A: b\n\n", 1),
            (b"A: b\n c\n\n", b"A: b\n c\n\n", 2),
            (b"A: b\n", b"A: b\n", 1),
            (b"A: b", b"A: b", 1),
            (b"", b"", 0),
            (b"\nbody", b"\n", 0),
            (b"no field\nat all\n\nbody", b"no field\nat all\n\n", 2),
            (b"A: b\n \n\nc", b"A: b\n \n\n", 2),
        ];
        for (message, header, lines) in cases {
            let survey = survey(&[message]);
            assert_eq!((survey.header.as_slice(), survey.header_lines), (header, lines));
            assert_eq!(survey.header.len(), mail::header::block_len(message));
        }
    }

    #[test]
    fn a_huge_header_is_cut_before_a_field() {
        let small = b"A: b\n".to_vec();
        let huge = [b"B: ".as_slice(), &vec![b'x'; 600_000], b"\n ", &vec![b'y'; 600_000], b"\n"].concat();
        let message = [small.clone(), huge, b"C: d\n\nbody\n".to_vec()].concat();
        let survey = survey(&message.chunks(1000).collect::<Vec<_>>());
        assert!(survey.header_truncated);
        assert_eq!(survey.header, small);
        assert_eq!((survey.header_lines, survey.longest_header_line), (4, 600_003));
        assert_eq!((survey.header_lf, survey.body_lf), (1, 5));
        assert_eq!(survey.body_len, (message.len() - small.len()) as u64);
    }

    #[test]
    fn a_header_of_exactly_the_cap_is_kept() {
        let line = [vec![b'x'; HEADER_CAP - 2], b"\n\n".to_vec()].concat();
        let kept = survey(&[&line, b"body"]);
        assert!(!kept.header_truncated && kept.header.len() == HEADER_CAP);
        let cut = survey(&[b"x", &line, b"body"]);
        // All but the empty line, which then belongs to the body.
        assert!(cut.header_truncated && cut.header.len() == HEADER_CAP && cut.body_len == 5);
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(
            message in proptest::collection::vec(proptest::sample::select(b"ab: \n\n\t".to_vec()), 0..60),
            size in 1_usize..7,
        ) {
            let whole = survey(&[&message]);
            prop_assert_eq!(&survey(&message.chunks(size).collect::<Vec<_>>()), &whole);
            prop_assert_eq!(whole.header.len(), mail::header::block_len(&message));
            prop_assert_eq!(&whole.header, &message[..whole.header.len()]);
            prop_assert_eq!(whole.header.len() as u64 + whole.body_len, message.len() as u64);
            prop_assert_eq!(whole.header_lf + whole.body_lf, count_lf(&message));
            let expected: [u8; 32] = Sha256::digest(&message).into();
            prop_assert_eq!(whole.sha256, expected);
        }
    }
}
