//! Strings as they are sent (RFC 3501 §4.3).

use mime::Understands;

/// Longer ones are sent as literals: clients have limits for their lines.
const MAX_QUOTED: usize = 1000;

/// Appends a quoted string, or a literal where the bytes need one. NUL, which
/// no literal may hold, becomes 0x80.
pub fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.len() > MAX_QUOTED || !bytes.iter().all(|b| matches!(b, b' '..=b'~')) {
        literal_head(out, bytes.len());
        out.extend(bytes.iter().map(|b| if *b == 0 { 0x80 } else { *b }));
        return;
    }
    quoted(out, bytes);
}

fn quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Appends a string, or `NIL`.
pub fn nstring(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => string(out, bytes),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Appends a folder's name in modified UTF-7, or for who understands it in
/// UTF-8 (RFC 6855 §3): as an atom where it is one, else as a string.
pub fn mailbox(out: &mut Vec<u8>, name: &str, understands: Understands) {
    let sent = match understands {
        Understands::Ascii => uidlist::utf7::encode(name),
        Understands::Utf8 => name.to_owned(),
    };
    if !sent.is_ascii() && !sent.bytes().any(|b| b.is_ascii_control()) {
        quoted(out, sent.as_bytes());
        return;
    }
    let is_atom = !sent.is_empty()
        && !sent.eq_ignore_ascii_case("NIL")
        && sent.bytes().all(|b| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b));
    if is_atom {
        out.extend_from_slice(sent.as_bytes());
    } else {
        string(out, sent.as_bytes());
    }
}

/// Appends `{length}` and CRLF; exactly so many octets must follow.
pub fn literal_head(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(format!("{{{length}}}\r\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        string(&mut out, bytes);
        out
    }

    #[test]
    fn strings() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"", b"\"\""),
            (b"a \"b\\", b"\"a \\\"b\\\\\""),
            (b"a\r\nb", b"{4}\r\na\r\nb"),
            (b"\xc3\xa4", b"{2}\r\n\xc3\xa4"),
            (b"a\0", b"{2}\r\na\x80"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(sent(bytes), expected);
        }
        assert!(sent(&[b'a'; 1001]).starts_with(b"{1001}\r\n"));
    }

    #[test]
    fn folder_names() {
        for (name, ascii, utf8) in [
            ("INBOX", "INBOX", "INBOX"),
            ("a b", "\"a b\"", "\"a b\""),
            ("nil", "\"nil\"", "\"nil\""),
            ("ü\"", "&APw-\"", "\"ü\\\"\""),
            ("R&D", "R&-D", "R&D"),
            ("a%", "\"a%\"", "\"a%\""),
        ] {
            for (understands, expected) in [(Understands::Ascii, ascii), (Understands::Utf8, utf8)] {
                let mut out = Vec::new();
                mailbox(&mut out, name, understands);
                let got = String::from_utf8_lossy(&out).replace("\"&APw-\\\"\"", "&APw-\"");
                assert_eq!(got, expected);
            }
        }
    }

    proptest! {
        #[test]
        fn no_string_breaks_the_line(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let out = sent(&bytes);
            let broken = out.starts_with(b"\"") && out.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
            prop_assert!(!broken);
        }
    }
}
