//! The bytes that a section names (RFC 3501 §6.4.5).

use std::ops::Range;

use imap::{Section, SectionText};
use mime::wire::Marks;
use mime::{Names, Part, select_fields};

use super::content::{Content, Depth};

/// Longer literals are read from the file once more while they are sent.
const HELD: usize = 128 << 10;

/// The octets of a literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Octets {
    /// As they are sent.
    Held(Vec<u8>),
    /// These, and then what is in the file.
    OnDisk { before: Vec<u8>, cut: Cut },
}

/// A piece of what a part of a file is as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// To be read from here on; nothing behind the end is of the part.
    pub(super) file: Range<usize>,
    /// What is sent of that.
    pub(super) window: Range<usize>,
}

impl Octets {
    /// How many are sent.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Held(octets) => octets.len(),
            Self::OnDisk { before, cut } => before.len() + cut.window.len(),
        }
    }
}

/// Where the octets of a section are. Good for as long as the file is the same.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// A header that was made, as it is sent.
    made: Vec<u8>,
    /// And what is in the file.
    range: Range<usize>,
    marks: Marks,
}

impl Found {
    /// Nothing where the message has no such part.
    pub(super) fn new(content: &Content, section: &Section) -> Option<Self> {
        let (made, range) = match source(content, section)? {
            Source::File(range) => (Vec::new(), range),
            Source::Made(made) => (made, 0..0),
            Source::Both(made, range) => (made, range),
        };
        let marks = Marks::of(&content.bytes[range.clone()]);
        Some(Self { made: mime::wire::to_wire(&made).into_owned(), range, marks })
    }

    /// What a client asks for of it, to be read from the file.
    pub(super) fn on_disk(&self, partial: Option<(u32, u32)>) -> Octets {
        let (before, window) = self.window(partial);
        let (at, sent) = self.marks.before(window.start);
        let cut = Cut { file: self.range.start + at..self.range.end, window: window.start - sent..window.end - sent };
        Octets::OnDisk { before, cut }
    }

    /// The same, at hand where it is short and fits into `room`.
    pub(super) fn octets(&self, content: &Content, partial: Option<(u32, u32)>, room: usize) -> Octets {
        let (mut before, window) = self.window(partial);
        if window.len() > HELD.min(room) {
            return self.on_disk(partial);
        }
        before.extend(mime::wire::slice(&content.bytes[self.range.clone()], window));
        Octets::Held(before)
    }

    /// What is sent of the header that was made, and which octets of the file's
    /// part behind it.
    fn window(&self, partial: Option<(u32, u32)>) -> (Vec<u8>, Range<usize>) {
        let made = self.made.len();
        let total = made + self.marks.wire_len();
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (from, length) = partial.map_or((0, total), |(from, length)| (size(from), size(length)));
        let window = from.min(total)..from.saturating_add(length).min(total);
        let before = self.made[window.start.min(made)..window.end.min(made)].to_vec();
        (before, window.start.saturating_sub(made)..window.end.saturating_sub(made))
    }

    /// Octets in memory, about.
    pub(super) fn held(&self) -> usize {
        self.made.len() + self.marks.held()
    }
}

/// Where the bytes of a section come from.
enum Source {
    File(Range<usize>),
    Made(Vec<u8>),
    /// A header that was made, and a body.
    Both(Vec<u8>, Range<usize>),
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

    fn octets(content: &Content, section: &Section, partial: Option<(u32, u32)>, room: usize) -> Option<Octets> {
        Some(Found::new(content, section)?.octets(content, partial, room))
    }

    fn on_disk(before: &[u8], file: Range<usize>, window: Range<usize>) -> Option<Octets> {
        Some(Octets::OnDisk { before: before.to_vec(), cut: Cut { file, window } })
    }

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
        assert_eq!(octets(&content, &first, None, 4), on_disk(b"", range, 0..5));
    }

    #[test]
    fn long_sections_stay_on_disk() {
        let bytes = [b"A: b\n\n".as_slice(), &b"x\n".repeat(HELD)].concat();
        let content = Content::new(bytes, Understands::Ascii);
        let text = Section { part: Vec::new(), text: SectionText::Text };
        let end = 6 + 2 * HELD;
        let wanted = Some((5, u32::try_from(2 * HELD).unwrap()));
        assert_eq!(octets(&content, &text, wanted, 4 * HELD), on_disk(b"", 6..end, 5..2 * HELD + 5));
        assert_eq!(octets(&content, &text, None, 4 * HELD), on_disk(b"", 6..end, 0..3 * HELD));
        // What comes before is not read.
        let found = Found::new(&content, &text).unwrap();
        let middle = found.on_disk(Some((u32::try_from(2 * HELD).unwrap(), 5)));
        let Octets::OnDisk { cut, .. } = middle else { panic!("it is on disk") };
        assert!(cut.file.start > HELD && cut.window.start < HELD && cut.window.len() == 5, "{cut:?}");
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
