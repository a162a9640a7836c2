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
    /// To be read from this range of the file; of what is sent of it, this
    /// window.
    OnDisk { range: Range<usize>, window: Range<usize> },
}

impl Octets {
    /// How many are sent.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Held(octets) => octets.len(),
            Self::OnDisk { window, .. } => window.len(),
        }
    }
}

/// Where the bytes of a section come from.
enum Source {
    File(Range<usize>),
    Made(Vec<u8>),
}

/// The octets; nothing where the message has no such part. Of the file no more
/// than fits into `room` is held.
pub(super) fn octets(content: &Content, section: &Section, partial: Option<(u32, u32)>, room: usize) -> Option<Octets> {
    let source = source(content, section)?;
    let bytes = match &source {
        Source::File(range) => &content.bytes[range.clone()],
        Source::Made(bytes) => bytes,
    };
    let total = mime::wire::wire_len(bytes);
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (from, length) = partial.map_or((0, total), |(from, length)| (size(from), size(length)));
    let window = from.min(total)..from.saturating_add(length).min(total);
    Some(match source {
        Source::File(range) if window.len() > HELD.min(room) => Octets::OnDisk { range, window },
        _ => Octets::Held(mime::wire::slice(bytes, window)),
    })
}

fn source(content: &Content, section: &Section) -> Option<Source> {
    let structure = &content.structure;
    let is_message = section.part.is_empty();
    let part = if is_message { structure.root() } else { structure.find(&section.part)? };
    // HEADER and TEXT of a part are those of the message that it holds.
    let message = || if is_message { Some(part) } else { structure.enclosed(part) };
    let fields =
        |part: &Part, names: &Names<'_>| Some(Source::Made(select_fields(&content.bytes[part.header.range()], names)));
    match &section.text {
        SectionText::All if is_message => Some(Source::File(0..content.bytes.len())),
        SectionText::All => Some(Source::File(part.body.range())),
        SectionText::Header => Some(Source::File(message()?.header.range())),
        SectionText::Text => Some(Source::File(message()?.body.range())),
        SectionText::Mime => Some(Source::File(part.header.range())),
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
    use mime::{Limits, Structure};

    const MESSAGE: &[u8] = b"Subject: out\nX: y\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\
        Content-Type: message/rfc822\n\nSubject: in\nTo: z\n\ninner\nbody\n--b--\n";

    fn check(part: &[u32], text: SectionText, partial: Option<(u32, u32)>, expected: Option<&str>) {
        let content = Content { bytes: MESSAGE.to_vec(), structure: Structure::parse(MESSAGE, &Limits::default()) };
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
        let content = Content { bytes: MESSAGE.to_vec(), structure: Structure::parse(MESSAGE, &Limits::default()) };
        let first = Section { part: vec![1], text: SectionText::All };
        let range = content.structure.find(&[1]).unwrap().body.range();
        assert_eq!(octets(&content, &first, None, 5), Some(Octets::Held(b"first".to_vec())));
        assert_eq!(octets(&content, &first, None, 4), Some(Octets::OnDisk { range, window: 0..5 }));
    }

    #[test]
    fn long_sections_stay_on_disk() {
        let bytes = [b"A: b\n\n".as_slice(), &b"x\n".repeat(HELD)].concat();
        let structure = Structure::parse(&bytes, &Limits::default());
        let content = Content { bytes, structure };
        let text = Section { part: Vec::new(), text: SectionText::Text };
        let (range, window) = (6..6 + 2 * HELD, 5..2 * HELD + 5);
        let wanted = Some((5, u32::try_from(2 * HELD).unwrap()));
        assert_eq!(octets(&content, &text, wanted, 4 * HELD), Some(Octets::OnDisk { range: range.clone(), window }));
        assert_eq!(octets(&content, &text, None, 4 * HELD), Some(Octets::OnDisk { range, window: 0..3 * HELD }));
    }
}
