//! A message as a hostile sender writes it: its structure, and what IMAP makes
//! of it for a client.

use imap::fetch::{self, Extension};
use mail::header;
use mime::{Disposition, Envelope, Kind, Limits, Part, PartId, Structure, Understands, text, wire};

/// The structure lies inside the message, keeps the caps, and is told to the
/// client in lines that the message cannot break.
pub fn message(data: &[u8]) {
    let small = Limits { depth: 4, parts: 12, header: 400, header_line: 120 };
    for limits in [Limits::default(), small] {
        let structure = Structure::parse(data, &limits);
        assert!(structure.parts().len() <= limits.parts && (!structure.is_opaque() || structure.parts().len() == 1));
        let seen = walk(data, &structure, structure.root(), 0, &limits);
        assert_eq!(seen, structure.parts().len(), "each part is reached once");
        for (extension, word) in [(Extension::Shown, "BODYSTRUCTURE ("), (Extension::Hidden, "BODY (")] {
            for understands in [Understands::Ascii, Understands::Utf8] {
                let mut out = Vec::new();
                fetch::body_structure(&mut out, data, &structure, extension, understands);
                assert!(out.starts_with(word.as_bytes()));
                check_response(&out);
            }
        }
    }
    envelope(data);
}

/// Checks one part and what is in it; how many parts that are.
fn walk(data: &[u8], structure: &Structure, part: &Part, depth: usize, limits: &Limits) -> usize {
    assert!(depth < limits.depth, "nested too deeply");
    let (header, body) = (part.header.range(), part.body.range());
    assert!(header.start <= header.end && header.end == body.start && body.start <= body.end && body.end <= data.len());
    for span in [part.header, part.body, part.whole()] {
        let bytes = &data[span.range()];
        assert_eq!(span.octets(), wire::wire_len(bytes), "octets on the wire");
        assert_eq!(span.lines(), bytes.iter().filter(|byte| **byte == b'\n').count());
    }
    assert!(text::decoded(data, part).len() <= body.len(), "decoding makes nothing longer");
    if let Some(body) = text::body(data, part) {
        assert!(body.len() <= 8 * part.body.range().len() + 8);
    }
    let inner: Vec<PartId> = match &part.kind {
        Kind::Leaf => Vec::new(),
        Kind::Multipart(children) => children.clone(),
        Kind::Message(inner) => vec![*inner],
    };
    let mut behind = body.start;
    let mut seen = 1;
    for id in inner {
        let child = structure.part(id);
        let range = child.whole().range();
        assert!(behind <= range.start && range.end <= body.end, "{range:?} is not in {body:?} behind {behind}");
        behind = range.end;
        seen += walk(data, structure, child, depth + 1, limits);
    }
    seen
}

fn envelope(data: &[u8]) {
    let mut out = Vec::new();
    fetch::envelope(&mut out, &Envelope::parse(&data[..header::block_len(data)]));
    check_response(&out);
    for field in header::fields(data) {
        // A replaced octet has three, and no charset makes more of one.
        assert!(text::header(field.value).len() <= 8 * field.value.len() + 8);
        if let Some(disposition) = Disposition::parse(field.value) {
            let octets: usize = disposition.parameters().iter().map(|(name, value)| name.len() + value.len()).sum();
            // An octet of a name that is no text is replaced by three.
            assert!(octets <= 3 * field.value.len(), "parameters grow");
        }
    }
}

/// What a client must be able to read: parentheses that match, quoted strings
/// that end in their line, literals as long as they say, and no line end but
/// theirs (RFC 3501 §4.3).
fn check_response(out: &[u8]) {
    let mut open = 0_usize;
    let mut rest = out;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'(' => open += 1,
            b')' => open = open.checked_sub(1).expect("a parenthesis closes that was not opened"),
            b'"' => rest = behind_quoted(rest),
            b'{' => rest = behind_literal(rest),
            other => assert!(*other == b' ' || other.is_ascii_graphic(), "{other:#x} outside a string"),
        }
    }
    assert_eq!(open, 0, "a parenthesis stays open");
}

fn behind_quoted(mut rest: &[u8]) -> &[u8] {
    loop {
        let (first, behind) = rest.split_first().expect("a quoted string ends");
        match first {
            b'"' => return behind,
            b'\\' => rest = &behind[1..],
            other => {
                assert!(other.is_ascii() && !b"\r\n\0".contains(other), "{other:#x} in a quoted string");
                rest = behind;
            }
        }
    }
}

fn behind_literal(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| *byte == b'}').expect("a literal's length ends");
    let length: usize = std::str::from_utf8(&rest[..end]).unwrap().parse().expect("a length is a number");
    let content = rest[end..].strip_prefix(b"}\r\n").expect("a line end behind the length");
    assert!(!content[..length].contains(&0), "NUL in a literal");
    &content[length..]
}
