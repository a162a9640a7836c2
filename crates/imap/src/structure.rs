//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2). Recursion ends with the depth
//! that [`mime::Limits`] let through.

use std::borrow::Cow;

use mail::header::fields;
use mime::{Disposition, Envelope, Kind, Parameters, Part, Structure, Understands};

use crate::string::{nstring, string};

/// Whether extension data is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// `BODYSTRUCTURE`.
    Shown,
    /// `BODY`.
    Hidden,
}

/// Appends `BODYSTRUCTURE (…)` or `BODY (…)` of a message on disk; in ASCII for
/// who understands no more (RFC 6858 §2).
pub fn body_structure(
    out: &mut Vec<u8>,
    message: &[u8],
    structure: &Structure,
    extension: Extension,
    understands: Understands,
) {
    out.extend_from_slice(match extension {
        Extension::Shown => b"BODYSTRUCTURE ".as_slice(),
        Extension::Hidden => b"BODY ",
    });
    Writer { out, message, structure, extension, understands }.part(structure.root());
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    message: &'a [u8],
    structure: &'a Structure,
    extension: Extension,
    understands: Understands,
}

impl<'a> Writer<'a> {
    fn part(&mut self, part: &Part) {
        self.out.push(b'(');
        match &part.kind {
            Kind::Multipart(children) => {
                for child in children {
                    self.part(self.structure.part(*child));
                }
                self.out.push(b' ');
                string(self.out, part.content_type.sub().as_bytes());
                if self.extension == Extension::Shown {
                    self.out.push(b' ');
                    self.parameters(part.content_type.parameters());
                    self.disposition_to_location(part);
                }
            }
            Kind::Leaf | Kind::Message(_) => self.single(part),
        }
        self.out.push(b')');
    }

    fn single(&mut self, part: &Part) {
        string(self.out, part.content_type.main().as_bytes());
        self.out.push(b' ');
        string(self.out, part.content_type.sub().as_bytes());
        self.out.push(b' ');
        self.parameters(part.content_type.parameters());
        for name in ["Content-ID", "Content-Description"] {
            self.out.push(b' ');
            let value = self.field(part, name);
            nstring(self.out, value.as_deref());
        }
        self.out.push(b' ');
        string(self.out, part.encoding.as_str().as_bytes());
        self.number(part.body.octets());
        if let Some(inner) = self.structure.enclosed(part) {
            self.out.push(b' ');
            let header = self.header(inner);
            crate::fetch::envelope_value(self.out, &Envelope::parse(&header));
            self.out.push(b' ');
            self.part(inner);
            self.number(part.body.lines());
        } else if part.content_type.is("message", "rfc822") {
            self.unopened(part);
        } else if part.content_type.is("text", "") {
            self.number(part.body.lines());
        }
        if self.extension == Extension::Shown {
            self.out.push(b' ');
            let md5 = self.field(part, "Content-MD5");
            nstring(self.out, md5.as_deref());
            self.disposition_to_location(part);
        }
    }

    /// A message in base64 was not looked into, but its type makes clients
    /// expect an envelope and a body.
    fn unopened(&mut self, part: &Part) {
        self.out.push(b' ');
        crate::fetch::envelope_value(self.out, &Envelope::default());
        self.out.extend_from_slice(b" (\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 0");
        if self.extension == Extension::Shown {
            self.out.extend_from_slice(b" NIL NIL NIL NIL");
        }
        self.out.push(b')');
        self.number(part.body.lines());
    }

    fn number(&mut self, number: usize) {
        self.out.extend_from_slice(format!(" {number}").as_bytes());
    }

    /// Each with a blank before it.
    fn disposition_to_location(&mut self, part: &Part) {
        self.out.push(b' ');
        match self.value(part, "Content-Disposition").and_then(|value| Disposition::parse(&value)) {
            Some(disposition) => {
                self.out.push(b'(');
                string(self.out, disposition.name().as_bytes());
                self.out.push(b' ');
                self.parameters(disposition.parameters());
                self.out.push(b')');
            }
            None => self.out.extend_from_slice(b"NIL"),
        }
        self.out.push(b' ');
        self.languages(part);
        self.out.push(b' ');
        let location = self.field(part, "Content-Location");
        nstring(self.out, location.as_deref());
    }

    fn languages(&mut self, part: &Part) {
        let value = self.field(part, "Content-Language").unwrap_or_default();
        let tags: Vec<&[u8]> =
            value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|tag| !tag.is_empty()).collect();
        match tags.as_slice() {
            [] => self.out.extend_from_slice(b"NIL"),
            [one] => string(self.out, one),
            many => {
                for (number, tag) in many.iter().enumerate() {
                    self.out.push(if number == 0 { b'(' } else { b' ' });
                    string(self.out, tag);
                }
                self.out.push(b')');
            }
        }
    }

    fn parameters(&mut self, parameters: &Parameters) {
        let mut any = false;
        for (name, value) in parameters.iter() {
            self.out.push(if any { b' ' } else { b'(' });
            any = true;
            let (name, value) = match self.understands {
                Understands::Ascii => mime::shown_parameter(name, value),
                Understands::Utf8 => (Cow::Borrowed(name), Cow::Borrowed(value)),
            };
            string(self.out, name.as_bytes());
            self.out.push(b' ');
            string(self.out, &value);
        }
        self.out.extend_from_slice(if any { b")".as_slice() } else { b"NIL" });
    }

    /// The header block of a part as this client is shown it.
    fn header(&self, part: &Part) -> Cow<'a, [u8]> {
        let header = &self.message[part.header.range()];
        match self.understands {
            Understands::Ascii => mime::downgrade(header).map_or(Cow::Borrowed(header), Cow::Owned),
            Understands::Utf8 => Cow::Borrowed(header),
        }
    }

    fn value(&self, part: &Part, name: &str) -> Option<Vec<u8>> {
        // A header beyond the limits is not described.
        if self.structure.is_opaque() {
            return None;
        }
        let header = &self.message[part.header.range()];
        let field = fields(header).find(|field| field.is(name))?;
        match self.understands {
            Understands::Ascii if !field.raw.is_ascii() => match mime::downgrade(field.raw) {
                Some(shown) => fields(&shown).next().map(|field| field.value.to_vec()),
                None => Some(field.value.to_vec()),
            },
            _ => Some(field.value.to_vec()),
        }
    }

    fn field(&self, part: &Part, name: &str) -> Option<Vec<u8>> {
        let mut value = self.value(part, name)?;
        value.retain(|b| !matches!(b, b'\r' | b'\n'));
        Some(value.trim_ascii().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mime::Limits;

    fn check(message: &str, extension: Extension, expected: &str) {
        check_for(Understands::Ascii, message, extension, expected);
    }

    fn check_for(understands: Understands, message: &str, extension: Extension, expected: &str) {
        let structure = Structure::parse(message.as_bytes(), &Limits::default());
        let mut out = Vec::new();
        body_structure(&mut out, message.as_bytes(), &structure, extension, understands);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn structures() {
        check(
            "Subject: x\n\nhi\nthere\n",
            Extension::Shown,
            "BODYSTRUCTURE (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 11 2 NIL NIL NIL NIL)",
        );
        let nested = "Content-Type: multipart/mixed; boundary=b\nContent-Language: de, en\n\n--b\nContent-Type: image/png; \
                      name=\"a.png\"\nContent-Transfer-Encoding: base64\nContent-ID: <1>\nContent-Disposition: attachment; \
                      filename=x\n\nAAAA\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nbody\n--b--\n";
        check(
            nested,
            Extension::Shown,
            "BODYSTRUCTURE ((\"image\" \"png\" (\"name\" \"a.png\") \"<1>\" NIL \"base64\" 4 NIL (\"attachment\" \
             (\"filename\" \"x\")) NIL NIL)(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 19 (NIL \"in\" NIL NIL NIL NIL \
             NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0 NIL NIL NIL NIL) 2 \
             NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL (\"de\" \"en\") NIL)",
        );
        check(
            nested,
            Extension::Hidden,
            "BODY ((\"image\" \"png\" (\"name\" \"a.png\") \"<1>\" NIL \"base64\" 4)(\"message\" \"rfc822\" NIL NIL NIL \
             \"7bit\" 19 (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL \
             NIL \"7bit\" 4 0) 2) \"mixed\")",
        );
        check(
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nAAAA\n",
            Extension::Hidden,
            "BODY (\"message\" \"rfc822\" NIL NIL NIL \"base64\" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 0) 1)",
        );
        let opaque = format!("Content-Description: x\nSubject: {}\n\nbody\n", "x".repeat(70_000));
        check(&opaque, Extension::Hidden, "BODY (\"application\" \"octet-stream\" NIL NIL NIL \"8bit\" 6)");
    }

    #[test]
    fn texts_beyond_ascii() {
        let message = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf; name=\"\u{e4}\"\n\
                       Content-Disposition: attachment; filename=\u{e4}\nContent-Description: \u{e4}\n\nx\n--b\n\
                       Content-Type: message/rfc822\n\nSubject: \u{e4}\n\ny\n--b--\n";
        check_for(
            Understands::Ascii,
            message,
            Extension::Shown,
            "BODYSTRUCTURE ((\"application\" \"pdf\" (\"name*\" \"utf-8''%C3%A4\") NIL \"=?utf-8?q?=C3=A4?=\" \"7bit\" 1 \
             NIL (\"attachment\" (\"filename*\" \"utf-8''%C3%A4\")) NIL NIL)(\"message\" \"rfc822\" NIL NIL NIL \
             \"7bit\" 16 (NIL \"=?utf-8?q?=C3=A4?=\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \
             \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL \
             NIL)",
        );
        check_for(
            Understands::Utf8,
            message,
            Extension::Hidden,
            "BODY ((\"application\" \"pdf\" (\"name\" {2}\r\n\u{e4}) NIL {2}\r\n\u{e4} \"7bit\" 1)(\"message\" \"rfc822\" \
             NIL NIL NIL \"7bit\" 16 (NIL {2}\r\n\u{e4} NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \
             \"us-ascii\") NIL NIL \"7bit\" 1 0) 2) \"mixed\")",
        );
    }
}
