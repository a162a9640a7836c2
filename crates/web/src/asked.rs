//! The XML in which Outlook asks: an address, and the schema that it understands
//! (MS-OXDSCLI §2.2.3). It comes from strangers, so that nothing is expanded and
//! little is understood: elements, text, and the five entities that XML has of
//! itself.

use mail::Address;
use quick_xml::events::Event;
use quick_xml::{Reader, XmlVersion};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) address: Address,
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is no XML, or no such request, or has no address.
    NoRequest,
    /// It asks for what has another form.
    OtherSchema,
}

/// The schema of the answer that we know.
const SCHEMA: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
/// More pieces than a request has: it is three elements deep.
const MANY: usize = 64;
const DEEP: usize = 8;
/// The longest text of an element, in bytes.
const MAX_TEXT: usize = 512;

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`Unread`].
    pub(crate) fn read(text: &str) -> Result<Self, Unread> {
        let (mut address, mut schema) = (None, None);
        for (name, value) in leaves(text.trim_start_matches('\u{feff}')).ok_or(Unread::NoRequest)? {
            match name.as_str() {
                "EMailAddress" => address = address.or(Some(value)),
                "AcceptableResponseSchema" => schema = schema.or(Some(value)),
                _ => {}
            }
        }
        let address = Address::parse(address.as_deref().unwrap_or_default().trim()).map_err(|_| Unread::NoRequest)?;
        match schema {
            Some(schema) if schema.trim().trim_end_matches('/') != SCHEMA => Err(Unread::OtherSchema),
            _ => Ok(Self { address }),
        }
    }
}

/// The elements without namespaces, each with the text that it holds; nothing
/// where it is no XML, or has a document type.
fn leaves(text: &str) -> Option<Vec<(String, String)>> {
    let mut reader = Reader::from_str(text);
    let (mut open, mut found): (Vec<(String, String)>, _) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEEP => {
                open.push((start.local_name().as_ref().to_owned(), String::new()));
            }
            Event::Start(_) | Event::DocType(_) => return None,
            Event::End(_) => found.push(open.pop()?),
            Event::Text(piece) => add(&mut open, &piece.xml_content(XmlVersion::Implicit1_0))?,
            Event::CData(piece) => add(&mut open, &piece.xml_content(XmlVersion::Implicit1_0))?,
            Event::GeneralRef(entity) => match entity.resolve_char_ref().ok()? {
                Some(character) => add(&mut open, character.encode_utf8(&mut [0; 4]))?,
                None => add(&mut open, quick_xml::escape::resolve_predefined_entity(&entity.xml10_content())?)?,
            },
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return (open.is_empty() && !found.is_empty()).then_some(found),
        }
    }
    None
}

/// What stands between elements does not count.
fn add(open: &mut [(String, String)], piece: &str) -> Option<()> {
    let Some((_, text)) = open.last_mut() else { return piece.trim().is_empty().then_some(()) };
    text.push_str(piece);
    (text.len() <= MAX_TEXT).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(address: &str, schema: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Autodiscover \
             xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">\r\n  <Request>\r\n    \
             <EMailAddress>{address}</EMailAddress>\r\n    \
             <AcceptableResponseSchema>{schema}</AcceptableResponseSchema>\r\n  </Request>\r\n</Autodiscover>\r\n"
        )
    }

    fn read(text: &str) -> Result<String, Unread> {
        Asked::read(text).map(|asked| asked.address.to_string())
    }

    #[test]
    fn requests() {
        let mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
        let cases = [
            (request("anna@example.org", SCHEMA), Ok("anna@example.org")),
            (request(" anna@example.org\r\n", SCHEMA), Ok("anna@example.org")),
            (request("a&amp;b&#x40;example.org", SCHEMA), Ok("a&b@example.org")),
            (request("<![CDATA[a&b@example.org]]>", SCHEMA), Ok("a&b@example.org")),
            (request("anna@example.org", mobile), Err(Unread::OtherSchema)),
            ("<a><x:EMailAddress>anna@example.org</x:EMailAddress></a>".to_owned(), Ok("anna@example.org")),
            (request("anna", SCHEMA), Err(Unread::NoRequest)),
            (request("", SCHEMA), Err(Unread::NoRequest)),
            (request("&lol;@example.org", SCHEMA), Err(Unread::NoRequest)),
            (request("&#0;@example.org", SCHEMA), Err(Unread::NoRequest)),
            (request(&"a".repeat(600), SCHEMA), Err(Unread::NoRequest)),
            (request("anna@example.org", SCHEMA).replace("</Request>", ""), Err(Unread::NoRequest)),
            (request("anna@example.org", SCHEMA) + "x", Err(Unread::NoRequest)),
            ("<a>".repeat(60) + &"</a>".repeat(60), Err(Unread::NoRequest)),
            (String::new(), Err(Unread::NoRequest)),
            ("{\"Email\":\"anna@example.org\"}".to_owned(), Err(Unread::NoRequest)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(&text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn entities_of_the_sender_are_not_read() {
        for declared in [
            "<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
            "<!DOCTYPE a [<!ENTITY e \"aaaa\"><!ENTITY f \"&e;&e;&e;\">]>",
            "<!DOCTYPE a>",
        ] {
            let text =
                request("anna@example.org", SCHEMA).replace("<Autodiscover", &format!("{declared}<Autodiscover"));
            assert_eq!(read(&text), Err(Unread::NoRequest), "{declared}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn nothing_breaks_it(pieces in proptest::collection::vec(prop_oneof![
            Just("<EMailAddress>"), Just("</EMailAddress>"), Just("<a"), Just(">"), Just("/>"), Just("&amp;"), Just("&#"),
            Just("<![CDATA["), Just("]]>"), Just("<!--"), Just("-->"), Just("<?"), Just("a@b.example"), Just("\u{0}"),
        ], 0..30)) {
            let _ = read(&pieces.concat());
        }
    }
}
