//! One command line of a client, cut from the bytes as they come.

/// A line before login: an address of 320 octets must fit behind `USER`.
pub(crate) const BEFORE_LOGIN: usize = 512;
/// The answer to `+` of AUTH: name and password of 255 octets each, the former
/// twice (RFC 4616 §2), in base64 with room to spare.
pub(crate) const SASL_ANSWER: usize = 2048;
/// A line after login, CRLF counted (RFC 2449 §4).
pub(crate) const AFTER_LOGIN: usize = 255;

/// Collects one line; keeps never more than a line's cap.
#[derive(Debug, Default)]
pub(crate) struct LineReader {
    held: Vec<u8>,
    too_long: bool,
}

/// What came to an end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line without its end.
    Whole(Vec<u8>),
    /// A line longer than it may be; its bytes are dropped.
    TooLong,
}

impl LineReader {
    /// Takes bytes from the front of `input` up to the end of a line, which
    /// is LF or CRLF: commands carry no data that a lenient end could hide.
    /// `None` where the input was used up before the line's end.
    pub(crate) fn take(&mut self, input: &mut &[u8], cap: usize) -> Option<Line> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let (part, rest) = input.split_at(end.map_or(input.len(), |at| at + 1));
        *input = rest;
        self.hold(part, cap);
        end?;
        Some(self.finish())
    }

    fn hold(&mut self, part: &[u8], cap: usize) {
        if self.too_long || self.held.len() + part.len() > cap {
            self.too_long = true;
            wipe(&mut self.held);
        } else {
            self.held.extend_from_slice(part);
        }
    }

    fn finish(&mut self) -> Line {
        if std::mem::take(&mut self.too_long) {
            return Line::TooLong;
        }
        let mut line = std::mem::take(&mut self.held);
        line.pop_if(|last| *last == b'\n');
        line.pop_if(|last| *last == b'\r');
        Line::Whole(line)
    }
}

/// A line may hold a password.
pub(crate) fn wipe(bytes: &mut Vec<u8>) {
    drop(mail::Secret::new(std::mem::take(bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]], cap: usize) -> Vec<Line> {
        let mut reader = LineReader::default();
        let mut found = Vec::new();
        for chunk in chunks {
            let mut input = *chunk;
            while let Some(line) = reader.take(&mut input, cap) {
                found.push(line);
            }
            assert!(input.is_empty() && reader.held.len() <= cap);
        }
        found
    }

    #[test]
    fn ends_and_caps() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(lines(&[b"STAT\r\nLI", b"ST\n", b"\r\n"], 10), [whole("STAT"), whole("LIST"), whole("")]);
        assert_eq!(lines(&[b"a\rb\r\r\n"], 10), [whole("a\rb\r")]);
        assert_eq!(lines(&[b"12345678\r\n"], 10), [whole("12345678")]);
        assert_eq!(lines(&[b"123456789\r\nNOOP\r\n"], 10), [Line::TooLong, whole("NOOP")]);
        assert_eq!(lines(&[b"1234567890", b"1234567890", b"x\r\nNOOP\r\n"], 10), [Line::TooLong, whole("NOOP")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn splitting_changes_nothing(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..80), at in 0usize..80) {
            let at = at.min(bytes.len());
            prop_assert_eq!(lines(&[&bytes[..at], &bytes[at..]], 16), lines(&[&bytes], 16));
        }
    }
}
