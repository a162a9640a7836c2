//! The bytes that a section names (RFC 3501 §6.4.5).

use std::ops::Range;

use imap::{Section, SectionText};
use mime::{Names, Part, select_fields};

use super::content::{Content, Depth};

/// Longer literals are read from the file once more while they are sent.
const HELD: usize = 128 << 10;

/// The octets of a literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Octets {
    /// As they are sent.
    Held(Vec<u8>),
    /// These, and then to be read from this range of the file; of what is sent
    /// of it, this window.
    OnDisk { before: Vec<u8>, range: Range<usize>, window: Range<usize> },
}

impl Octets {
    /// How many are sent.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Held(octets) => octets.len(),
            Self::OnDisk { before, window, .. } => before.len() + window.len(),
        }
    }
}

/// Where the bytes of a section come from.
enum Source {
    File(Range<usize>),
    Made(Vec<u8>),
    /// A header that was made, and a body.
    Both(Vec<u8>, Range<usize>),
}

/// The octets; nothing where the message has no such part. Of the file no more
/// than fits into `room` is held.
pub(super) fn octets(content: &Content, section: &Section, partial: Option<(u32, u32)>, room: usize) -> Option<Octets> {
    let (made, range) = match source(content, section)? {
        Source::File(range) => (Vec::new(), range),
        Source::Made(made) => (made, 0..0),
        Source::Both(made, range) => (made, range),
    };
    let (made, bytes) = (mime::wire::to_wire(&made), &content.bytes[range.clone()]);
    let total = made.len() + mime::wire::wire_len(bytes);
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (from, length) = partial.map_or((0, total), |(from, length)| (size(from), size(length)));
    let window = from.min(total)..from.saturating_add(length).min(total);
    let mut before = made[window.start.min(made.len())..window.end.min(made.len())].to_vec();
    let window = window.start.saturating_sub(made.len())..window.end.saturating_sub(made.len());
    if window.len() > HELD.min(room) {
        return Some(Octets::OnDisk { before, range, window });
    }
    before.extend(mime::wire::slice(bytes, window));
    Some(Octets::Held(before))
}

fn source(content: &Content, section: &Section) -> Option<Source> {
    let structure = &content.structure;
    let is_message = section.part.is_empty();
    let part = if is_message { structure.root() } else { structure.find(&section.part)? };
    // HEADER and TEXT of a part are those of the message that it holds.
    let message = || if is_message { Some(part) } else { structure.enclosed(part) };
    // The message's own header may have a surrogate; also as that of part 1.
    let surrogate = |part: &Part| content.surrogate.as_deref().filter(|_| std::ptr::eq(part, structure.root()));
    let header = |part: &Part| match surrogate(part) {
        Some(surrogate) => Source::Made(surrogate.to_vec()),
        None => Source::File(part.header.range()),
    };
    let fields = |part: &Part, names: &Names<'_>| {
        let header = surrogate(part).unwrap_or_else(|| &content.bytes[part.header.range()]);
        Some(Source::Made(select_fields(header, names)))
    };
    match &section.text {
        SectionText::All if is_message => Some(match &content.surrogate {
            Some(surrogate) => Source::Both(surrogate.clone(), part.header.range().end..content.bytes.len()),
            None => Source::File(0..content.bytes.len()),
        }),
        SectionText::All => Some(Source::File(part.body.range())),
        SectionText::Header => Some(header(message()?)),
        SectionText::Text => Some(Source::File(message()?.body.range())),
        SectionText::Mime => Some(header(part)),
        SectionText::Fields(names) => fields(message()?, &Names::Only(names)),
        SectionText::FieldsNot(names) => fields(message()?, &Names::AllBut(names)),
    }
}

/// How much of the message must be read for a section.
pub(super) fn depth(section: &Section) -> Depth {
    let of_header = matches!(section.text, SectionText::Header | SectionText::Fields(_) | SectionText::FieldsNot(_));
    if section.part.is_empty() && of_header { Depth::Header } else { Depth::Whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mime::Understands;

    const MESSAGE: &[u8] = b"Subject: out\nX: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\
        Content-Type: message/rfc822\n\nSubject: in\nTo: z\n\ninner\nbody\n--b--\n";

    fn check(part: &[u32], text: SectionText, partial: Option<(u32, u32)>, expected: Option<&str>) {
        let content = Content::new(MESSAGE.to_vec(), Understands::Ascii);
        let section = Section { part: part.to_vec(), text };
        let got = octets(&content, &section, partial, HELD).map(|octets| match octets {
            Octets::Held(octets) => String::from_utf8_lossy(&octets).into_owned(),
            Octets::OnDisk { .. } => panic!("such short sections are held"),
        });
        assert_eq!(got.as_deref(), expected, "{section:?}");
    }

    #[test]
    fn sections() {
        check(&[1], SectionText::All, None, Some("first"));
        check(&[1], SectionText::Mime, None, Some("\r\n"));
        check(&[1], SectionText::Header, None, None);
        check(&[2], SectionText::All, None, Some("Subject: in\r\nTo: z\r\n\r\ninner\r\nbody"));
        check(&[2], SectionText::Header, None, Some("Subject: in\r\nTo: z\r\n\r\n"));
        check(&[2], SectionText::Text, None, Some("inner\r\nbody"));
        check(&[2], SectionText::Mime, None, Some("Content-Type: message/rfc822\r\n\r\n"));
        check(&[2, 1], SectionText::All, None, Some("inner\r\nbody"));
        check(&[2, 1], SectionText::All, Some((5, 4)), Some("\r\nbo"));
        check(&[2, 1], SectionText::All, Some((50, 4)), Some(""));
        check(&[2], SectionText::Fields(vec![b"to".to_vec()]), None, Some("To: z\r\n\r\n"));
        check(&[], SectionText::Fields(vec![b"x".to_vec()]), None, Some("X: y\r\n\r\n"));
        check(&[3], SectionText::All, None, None);
    }

    #[test]
    fn without_room_the_file_is_read_once_more() {
        let content = Content::new(MESSAGE.to_vec(), Understands::Ascii);
        let first = Section { part: vec![1], text: SectionText::All };
        let range = content.structure.find(&[1]).unwrap().body.range();
        assert_eq!(octets(&content, &first, None, 5), Some(Octets::Held(b"first".to_vec())));
        assert_eq!(octets(&content, &first, None, 4), Some(Octets::OnDisk { before: Vec::new(), range, window: 0..5 }));
    }

    #[test]
    fn long_sections_stay_on_disk() {
        let bytes = [b"A: b\n\n".as_slice(), &b"x\n".repeat(HELD)].concat();
        let content = Content::new(bytes, Understands::Ascii);
        let text = Section { part: Vec::new(), text: SectionText::Text };
        let (range, window) = (6..6 + 2 * HELD, 5..2 * HELD + 5);
        let wanted = Some((5, u32::try_from(2 * HELD).unwrap()));
        assert_eq!(
            octets(&content, &text, wanted, 4 * HELD),
            Some(Octets::OnDisk { before: Vec::new(), range: range.clone(), window })
        );
        assert_eq!(
            octets(&content, &text, None, 4 * HELD),
            Some(Octets::OnDisk { before: Vec::new(), range, window: 0..3 * HELD })
        );
    }

    #[test]
    fn a_surrogate_and_a_body_are_one_message() {
        let body = "x\n".repeat(HELD);
        let bytes = format!("Subject: \u{e4}\nX: y\n\n{body}").into_bytes();
        let shown = format!("Subject: =?utf-8?q?=C3=A4?=\r\nX: y\r\n\r\n{}", body.replace('\n', "\r\n"));
        let content = Content::new(bytes.clone(), Understands::Ascii);
        let section = |text| Section { part: Vec::new(), text };
        let held = |text, partial| match octets(&content, &section(text), partial, HELD) {
            Some(Octets::Held(octets)) => String::from_utf8(octets).unwrap(),
            other => panic!("{other:?}"),
        };
        for (from, length) in [(0, 5), (20, 30), (37, 5), (30, 40), (50, 7)] {
            let (at, end) = (usize::try_from(from).unwrap(), usize::try_from(from + length).unwrap());
            assert_eq!(held(SectionText::All, Some((from, length))), shown[at..end], "{from}");
        }
        assert_eq!(held(SectionText::Header, None), "Subject: =?utf-8?q?=C3=A4?=\r\nX: y\r\n\r\n");
        assert_eq!(held(SectionText::Fields(vec![b"subject".to_vec()]), None), "Subject: =?utf-8?q?=C3=A4?=\r\n\r\n");
        let whole = octets(&content, &section(SectionText::All), None, HELD).unwrap();
        assert_eq!(whole.len(), shown.len());
        assert!(matches!(&whole, Octets::OnDisk { before, .. } if before.len() == 37));
        let grown = i64::try_from(shown.len()).unwrap() - i64::try_from(mime::wire::wire_len(&bytes)).unwrap();
        assert_eq!(content.grown(), grown);
        assert_eq!(Content::new(bytes, Understands::Utf8).grown(), 0);
    }
}
