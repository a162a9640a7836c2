//! Cuts the text of a reply into lines that fit.

/// The text in pieces of at most `width` octets of visible ASCII, cut at
/// spaces where there are some. At least one piece.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let clean: String = text.chars().map(visible).collect();
    let width = width.max(1);
    let mut rest = clean.as_str();
    let mut pieces = Vec::new();
    while rest.len() > width {
        let (piece, next) = match rest[..=width].rfind(' ') {
            Some(at) if at > 0 => (&rest[..at], &rest[at + 1..]),
            _ => rest.split_at(width),
        };
        pieces.push(piece.to_owned());
        rest = next;
    }
    pieces.push(rest.to_owned());
    pieces
}

/// Replies are ASCII: UTF-8 in them would need the peer's consent
/// (RFC 6531 §3.7.4.2), which is not known for every reply.
pub(super) fn visible(c: char) -> char {
    if c == ' ' || c.is_ascii_graphic() { c } else { '?' }
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn pieces() {
        let cases: [(&str, usize, &[&str]); 7] = [
            ("", 5, &[""]),
            ("abcde", 5, &["abcde"]),
            ("abc de", 5, &["abc", "de"]),
            ("abcde fg", 5, &["abcde", "fg"]),
            ("abcdefg", 5, &["abcde", "fg"]),
            (" abcdefg", 5, &[" abcd", "efg"]),
            ("ä\tb", 5, &["??b"]),
        ];
        for (text, width, pieces) in cases {
            assert_eq!(wrap(text, width), pieces, "{text:?}");
        }
    }
}
