//! What a client that knows ASCII alone is shown of a header in UTF-8: the
//! surrogate of RFC 6858.
//!
//! Texts become encoded words (RFC 2047), parameters extended ones (RFC 2231),
//! and an address that has no form in ASCII one that belongs to nobody. What
//! can be shown in none of these ways is left out (RFC 6858 §2.4). A field that
//! is not even UTF-8 is no international mail but old and broken mail: it stays
//! as it is, since every way to read it is a guess.

use std::borrow::Cow;
use std::fmt::Write as _;

use mail::Domain;
use mail::header::{Field, block_len, fields};

use crate::content_type::percent;
use crate::{AddressItem, ContentType, Disposition, Parameters, addresses, text};

/// Stands for an address that cannot be shown (RFC 6858 §2.1).
const NOBODY: &str = "invalid@internationalized-address.invalid";
/// Characters of an encoded word between its frame: 75 with it (RFC 2047 §2).
const WORD: usize = 63;

const ADDRESS_FIELDS: [&str; 12] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Return-Path",
    "Delivered-To",
];
const TEXT_FIELDS: [&str; 5] = ["Subject", "Comments", "Content-Description", "Organization", "Thread-Topic"];

/// What a reader understands of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Understands {
    /// ASCII alone: what RFC 5322 allowed.
    #[default]
    Ascii,
    /// UTF-8 too (RFC 6532): the client said so.
    Utf8,
}

/// The header block in ASCII; nothing where it can be shown as it is, which
/// costs one look at its bytes. Its line ends are LF.
#[must_use]
pub fn downgrade(header: &[u8]) -> Option<Vec<u8>> {
    if header.is_ascii() {
        return None;
    }
    let mut out = Vec::with_capacity(header.len() * 2);
    let (mut read, mut changed) = (0, false);
    for field in fields(header) {
        read += field.raw.len();
        match shown(&field) {
            None => out.extend_from_slice(field.raw),
            Some(replacement) => {
                changed = true;
                out.extend_from_slice(replacement.as_bytes());
            }
        }
    }
    out.extend_from_slice(&header[read..block_len(header)]);
    changed.then_some(out)
}

/// The value of a parameter as IMAP shows it: name and value in ASCII, where
/// it is UTF-8 (RFC 2231 §4).
#[must_use]
pub fn parameter<'a>(name: &'a str, value: &'a [u8]) -> (Cow<'a, str>, Cow<'a, [u8]>) {
    if value.is_ascii() || std::str::from_utf8(value).is_err() {
        return (Cow::Borrowed(name), Cow::Borrowed(value));
    }
    let mut extended = if name.ends_with('*') { Vec::new() } else { b"utf-8''".to_vec() };
    for byte in value {
        if name.ends_with('*') && byte.is_ascii() {
            extended.push(*byte);
        } else {
            percent(&mut extended, *byte);
        }
    }
    let name = if name.ends_with('*') { Cow::Borrowed(name) } else { Cow::Owned(format!("{name}*")) };
    (name, Cow::Owned(extended))
}

/// What stands for a field: nothing where it stays, an empty text where it is
/// left out.
fn shown(field: &Field<'_>) -> Option<String> {
    if field.raw.is_ascii() || std::str::from_utf8(field.raw).is_err() {
        return None;
    }
    let is = |names: &[&str]| names.iter().any(|name| field.is(name));
    // A name of a field is ASCII; what has none is no field.
    let name = String::from_utf8_lossy(field.name);
    let value = if is(&ADDRESS_FIELDS) {
        Some(address_list(field.value))
    } else if is(&TEXT_FIELDS) || name.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("X-")) {
        Some(words(&text::header(field.value)))
    } else if field.is("Content-Type") {
        ContentType::parse(field.value).map(|t| structured(&format!("{}/{}", t.main(), t.sub()), t.parameters()))
    } else if field.is("Content-Disposition") {
        Disposition::parse(field.value).map(|d| structured(d.name(), d.parameters()))
    } else {
        None
    };
    let value = value.filter(|value| value.is_ascii());
    Some(value.map(|value| format!("{name}: {value}\n")).unwrap_or_default())
}

fn structured(word: &str, parameters: &Parameters) -> String {
    let mut out = word.to_owned();
    for (name, value) in parameters.iter().filter(|(name, _)| name.is_ascii()) {
        let (name, value) = parameter(name, value);
        let value = String::from_utf8_lossy(&value);
        // Writing to a string cannot fail.
        let _ = match name.ends_with('*') {
            true => write!(out, ";\n {name}={value}"),
            false => write!(out, ";\n {name}={}", quoted(&value)),
        };
    }
    out
}

fn address_list(value: &[u8]) -> String {
    let mut out = String::new();
    let mut in_list = false;
    for item in addresses(value) {
        let separator = if in_list { ",\n " } else { "" };
        match item {
            AddressItem::GroupStart(name) => {
                let _ = write!(out, "{separator}{}:", phrase(&text::header(&name)));
                in_list = false;
            }
            AddressItem::GroupEnd => {
                out.push(';');
                in_list = true;
            }
            AddressItem::Mailbox { name, local, domain, .. } => {
                let name = name.map(|name| text::header(&name)).unwrap_or_default();
                let _ = write!(out, "{separator}{}", mailbox(&name, &local, &domain));
                in_list = true;
            }
        }
    }
    out
}

/// One address. A domain has a form in ASCII that reaches the same mailbox; a
/// local part has none.
fn mailbox(name: &str, local: &[u8], domain: &[u8]) -> String {
    let (local, domain) = (String::from_utf8_lossy(local), String::from_utf8_lossy(domain));
    let reachable = match domain.is_ascii() {
        true => Some(domain.clone().into_owned()),
        false => Domain::parse(&domain).ok().map(|domain| domain.as_str().to_owned()),
    };
    match reachable.filter(|_| local.is_ascii()) {
        Some(domain) => {
            let at = if domain.is_empty() { "" } else { "@" };
            let local = if local.split('.').all(is_atom) || local.is_empty() { local } else { quoted(&local).into() };
            match name.is_empty() {
                true => format!("<{local}{at}{domain}>"),
                false => format!("{} <{local}{at}{domain}>", phrase(name)),
            }
        }
        None if name.is_empty() => format!("{} <{NOBODY}>", words(&format!("{local}@{domain}"))),
        None => format!("{} <{NOBODY}>", words(&format!("{name} <{local}@{domain}>"))),
    }
}

fn phrase(name: &str) -> String {
    match name {
        _ if !name.is_ascii() => words(name),
        _ if name.split(' ').all(is_atom) => name.to_owned(),
        _ => quoted(name),
    }
}

/// `atext` (RFC 5322 §3.2.3).
fn is_atom(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars().filter(|c| !c.is_ascii_control() || *c == '\t') {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Encoded words, one on each line; such as may stand in a phrase
/// (RFC 2047 §5), and no character divided between two.
fn words(text: &str) -> String {
    let mut lines = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let mut piece = String::new();
        match c {
            ' ' => piece.push('_'),
            _ if c.is_ascii_alphanumeric() || "!*+-/".contains(c) => piece.push(c),
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(piece, "={byte:02X}");
            }),
        }
        if word.len() + piece.len() > WORD {
            lines.push(std::mem::take(&mut word));
        }
        word.push_str(&piece);
    }
    lines.push(word);
    let framed: Vec<String> = lines.iter().map(|line| format!("=?utf-8?q?{line}?=")).collect();
    framed.join("\n ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Envelope;
    use proptest::prelude::*;

    fn check(header: &str, expected: &str) {
        let got = downgrade(header.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(got.as_deref().unwrap_or("as it is"), expected, "{header}");
    }

    #[test]
    fn each_kind_of_field() {
        check("Subject: plain\nFrom: a@b\n\n", "as it is");
        check("Subject: grün\nDate: now\n\n", "Subject: =?utf-8?q?gr=C3=BCn?=\nDate: now\n\n");
        check("Subject: =?utf-8?b?w6Q=?= ö\n\n", "Subject: =?utf-8?q?=C3=A4_=C3=B6?=\n\n");
        check("From: Jörg <j.x@b.example>\n\n", "From: =?utf-8?q?J=C3=B6rg?= <j.x@b.example>\n\n");
        check(
            "To: a@b, ö@b\n\n",
            "To: <a@b>,\n =?utf-8?q?=C3=B6=40b?= <invalid@internationalized-address.invalid>\n\n",
        );
        check(
            "Cc: Ö P <ö@b>\n",
            "Cc: =?utf-8?q?=C3=96_P_=3C=C3=B6=40b=3E?= <invalid@internationalized-address.invalid>\n",
        );
        check("To: \"A, B\" <\"a b\"@bücher.example>\n", "To: \"A, B\" <\"a b\"@xn--bcher-kva.example>\n");
        check("To: Gäste: a@b, c@d;, e@f\n", "To: =?utf-8?q?G=C3=A4ste?=:<a@b>,\n <c@d>;,\n <e@f>\n");
        check(
            "Content-Type: text/plain; charset=utf-8; name=\"ä b.txt\"\n",
            "Content-Type: text/plain;\n charset=\"utf-8\";\n name*=utf-8''%C3%A4%20b.txt\n",
        );
        check(
            "content-disposition: attachment; filename=ä\nX-Ä: b\n",
            "content-disposition: attachment;\n filename*=utf-8''%C3%A4\n",
        );
        check("Message-ID: <ä@b>\nReceived: for <ä@b>\nX-Note: ä\n\n", "X-Note: =?utf-8?q?=C3=A4?=\n\n");
        check("List-Id: ä <b.c>\r\nFrom: a@b\r\n\r\n", "From: a@b\r\n\r\n");
    }

    #[test]
    fn what_is_not_utf8_stays() {
        assert_eq!(downgrade(b"Subject: gr\xfcn\n\n"), None);
        let mixed = downgrade(b"Subject: gr\xfcn\nComments: \xc3\xa4\n\n").unwrap();
        assert_eq!(mixed, b"Subject: gr\xfcn\nComments: =?utf-8?q?=C3=A4?=\n\n");
    }

    #[test]
    fn hostile_headers_have_an_end() {
        let header = format!("Subject: {}\nTo: {}\n\n", "ä".repeat(30_000), "ä@b,".repeat(10_000));
        let got = downgrade(header.as_bytes()).unwrap();
        assert!(got.is_ascii() && got.split(|b| *b == b'\n').all(|line| line.len() < 200));
    }

    /// Each line of a surrogate begins a field of the header or goes on with one.
    fn fields_of(header: &str) -> Vec<String> {
        let got = downgrade(header.as_bytes()).unwrap();
        assert!(got.is_ascii());
        fields(&got).map(|field| String::from_utf8_lossy(field.name).into_owned()).collect()
    }

    #[test]
    fn no_field_is_smuggled_in() {
        for header in [
            "To: ä <a@[x\n Evil: y]>\n\n",
            "To: ä <a@b.\n Evil: y>\n\n",
            "To: \"a\n Evil: y\" <a@b>, ä@b\n\n",
            "To: a\n Evil: y : ä@b;\n\n",
            "To: <\"a\n Evil\"@b>, ä@b\n\n",
            "To: =?utf-8?q?=0AEvil:_y?= <a@b>, ä@b\n\n",
            "To: =?utf-8?q?=0AEvil:_y?=: ä@b;\n\n",
            "To: ä, a@=?utf-8?q?=0AEvil:y?=\n\n",
            "To: <@x\n Evil: y:a@b>, ä@b\n\n",
        ] {
            assert_eq!(fields_of(header), ["To"], "{header}");
        }
        for header in [
            "Content-Type: text/plain; a\n Evil: y=b; name=ä\n\n",
            "Content-Type: text/plain; a=\"b\n Evil: y\"; name=ä\n\n",
            "Content-Type: text/plain; a*=utf-8''%0AEvil:%20y; name=ä\n\n",
            "Content-Type: text/\n Evil: y; name=ä\n\n",
        ] {
            assert!(fields_of(header).iter().all(|name| name == "Content-Type"), "{header}");
        }
        assert_eq!(fields_of("Subject: =?utf-8?q?=0D=0AEvil:_y?= ä\n\n"), ["Subject"]);
    }

    /// Name, and address where it can be shown.
    fn decoded(items: &[AddressItem]) -> Vec<String> {
        let shown = items.iter().map(|item| match item {
            AddressItem::Mailbox { name, local, domain, .. } => {
                let name = text::header(&name.clone().unwrap_or_default());
                format!("{name}|{}@{}", String::from_utf8_lossy(local), String::from_utf8_lossy(domain))
            }
            AddressItem::GroupStart(name) => text::header(name),
            AddressItem::GroupEnd => ";".to_owned(),
        });
        shown.collect()
    }

    proptest! {
        #[test]
        fn is_ascii_and_says_the_same(
            subject in "[a-zäöü日本\u{1f600}=?_ ]{1,60}[ä日]",
            names in proptest::collection::vec("[A-Za-zäé.,日]{1,30}", 1..4),
        ) {
            let list: Vec<String> = names.iter().map(|name| format!("\"{name}\" <user@b.example>")).collect();
            let header = format!("Subject: {subject}\nTo: {}\nDate: x\n\n", list.join(", "));
            let got = downgrade(header.as_bytes()).unwrap();
            prop_assert!(got.is_ascii());
            prop_assert!(got.ends_with(b"\nDate: x\n\n"));
            let (before, after) = (Envelope::parse(header.as_bytes()), Envelope::parse(&got));
            prop_assert_eq!(text::header(&before.subject.unwrap()), text::header(&after.subject.unwrap()));
            prop_assert_eq!(decoded(&before.to), decoded(&after.to));
            prop_assert_eq!(downgrade(&got), None);
        }

        #[test]
        fn any_header_in_utf8_becomes_ascii(header in "([A-Za-z-]{1,8}|From|To|Subject|Content-Type|Content-Disposition)(: [ -~ä日\n\t]{0,60}\n){0,4}") {
            let got = downgrade(header.as_bytes());
            prop_assert!(got.map_or(header.is_ascii() || block_len(header.as_bytes()) < header.len(), |got| got.is_ascii()));
        }

        #[test]
        fn never_panics(header in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = downgrade(&header);
        }
    }
}
