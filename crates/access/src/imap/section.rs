//! The bytes that a section names (RFC 3501 §6.4.5).

use std::borrow::Cow;

use imap::{Section, SectionText};
use mime::{Names, Part, select_fields};

use super::content::{Content, Depth};
use super::output::Bytes;

/// The bytes; nothing where the message has no such part.
pub(super) fn bytes<'a>(content: &'a Content, section: &Section, partial: Option<(u32, u32)>) -> Option<Bytes<'a>> {
    let whole = whole(content, section)?;
    Some(match partial {
        None => Bytes::Disk(whole),
        Some((from, length)) => {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let end = from.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            Bytes::Wire(mime::wire::slice(&whole, from..end))
        }
    })
}

fn whole<'a>(content: &'a Content, section: &Section) -> Option<Cow<'a, [u8]>> {
    let structure = &content.structure;
    let is_message = section.part.is_empty();
    let part = if is_message { structure.root() } else { structure.find(&section.part)? };
    // HEADER and TEXT of a part are those of the message that it holds.
    let message = || if is_message { Some(part) } else { structure.enclosed(part) };
    let slice = |range| Some(Cow::Borrowed(&content.bytes[range]));
    let fields =
        |part: &Part, names: &Names<'_>| Some(Cow::Owned(select_fields(&content.bytes[part.header.range()], names)));
    match &section.text {
        SectionText::All if is_message => slice(0..content.bytes.len()),
        SectionText::All => slice(part.body.range()),
        SectionText::Header => slice(message()?.header.range()),
        SectionText::Text => slice(message()?.body.range()),
        SectionText::Mime => slice(part.header.range()),
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
        let got = bytes(&content, &section, partial).map(|bytes| match bytes {
            Bytes::Disk(bytes) => String::from_utf8_lossy(&mime::wire::to_wire(&bytes)).into_owned(),
            Bytes::Wire(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
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
}
