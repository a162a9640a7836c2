//! A header block as bytes: where each field begins and ends (RFC 5322 §2.2).
//!
//! Nothing is copied and nothing is refused: mail as it comes has lines that
//! are no fields, and they belong to the field before them, or are a field
//! without a name. Line ends may be CRLF or LF.

/// One field, as slices of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name, colon, value and line end, folded lines included.
    pub raw: &'a [u8],
    /// The name without white space behind it; empty for a line that is no
    /// field.
    pub name: &'a [u8],
    /// All behind the colon, with folds and without the last line end.
    pub value: &'a [u8],
}

impl Field<'_> {
    /// Whether the name is this one, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value unfolded (RFC 5322 §2.2.3) and trimmed, with bytes that are
    /// no UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        let unfolded: Vec<u8> = self.value.iter().copied().filter(|b| *b != b'\r' && *b != b'\n').collect();
        String::from_utf8_lossy(&unfolded).trim().to_owned()
    }
}

/// Iterates over the fields of a message or of a header block, up to the empty
/// line.
#[must_use]
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// The length of the header block with the empty line behind it; the length of
/// all where there is no empty line.
#[must_use]
pub fn block_len(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = next_line(&message[at..]) {
        at += line.len();
        if is_empty_line(line) {
            break;
        }
    }
    at
}

/// See [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let first = next_line(self.rest).filter(|line| !is_empty_line(line))?;
        let mut end = first.len();
        while let Some(line) = next_line(&self.rest[end..]).filter(|line| is_fold(line)) {
            end += line.len();
        }
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(split(raw))
    }
}

fn split(raw: &[u8]) -> Field<'_> {
    let body = without_line_end(raw);
    match body.iter().position(|b| *b == b':') {
        Some(colon) if is_name(body[..colon].trim_ascii_end()) => {
            Field { raw, name: body[..colon].trim_ascii_end(), value: &body[colon + 1..] }
        }
        _ => Field { raw, name: &[], value: body },
    }
}

/// `ftext` (RFC 5322 §3.6.8): printable ASCII without the colon.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| (33..=126).contains(b))
}

fn next_line(rest: &[u8]) -> Option<&[u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |at| at + 1);
    Some(&rest[..end])
}

fn is_empty_line(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn is_fold(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

fn without_line_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(message: &[u8]) -> Vec<(String, String)> {
        fields(message).map(|f| (String::from_utf8_lossy(f.name).into_owned(), f.text())).collect()
    }

    #[test]
    fn fields_of_ordinary_and_odd_blocks() {
        let cases: [(&[u8], &[(&str, &str)]); 5] = [
            (b"From: a\r\nTo : b\r\n\tc\r\n\r\nX: body", &[("From", "a"), ("To", "b\tc")]),
            (b"From: a\nSubject: x\n y\n\n", &[("From", "a"), ("Subject", "x y")]),
            (b"From a b\nTo: c", &[("", "From a b"), ("To", "c")]),
            (b" fold first\r\nA:\r\n", &[("", "fold first"), ("A", "")]),
            (b"\r\nBody: only\r\n", &[]),
        ];
        for (message, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(names(message), expected);
        }
    }

    #[test]
    fn block_length() {
        assert_eq!(block_len(b"A: b\r\n\r\nbody"), 8);
        assert_eq!(block_len(b"A: b\n\nbody"), 6);
        assert_eq!(block_len(b"A: b"), 4);
        assert_eq!(block_len(b""), 0);
    }

    proptest! {
        #[test]
        fn fields_cover_the_block(message in proptest::collection::vec(proptest::sample::select(b"aA: \t\r\n\x00\xff".to_vec()), 0..80)) {
            let covered: usize = fields(&message).map(|f| f.raw.len()).sum();
            let block = block_len(&message);
            prop_assert!(covered <= block && block - covered <= 2);
        }
    }
}
