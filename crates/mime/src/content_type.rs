//! What a part says it is: `Content-Type` and `Content-Disposition`
//! (RFC 2045 §5, RFC 2183), with the parameters of RFC 2231 put together.

use std::collections::BTreeMap;

use crate::text;

/// Parameters beyond this many are not looked at: a header of a megabyte of
/// them is an attack.
const MAX_PARAMETERS: usize = 200;

/// A type, a subtype and parameters. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    main: String,
    sub: String,
    parameters: Parameters,
}

/// A disposition and its parameters. The name is in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposition {
    name: String,
    parameters: Parameters,
}

/// The parameters of a structured header field, in the order of their first
/// appearance. Continuations are one value; a value in the extended form keeps
/// it under a name that ends in `*`, as IMAP shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, Vec<u8>)>);

impl ContentType {
    /// Reads the field's value; nothing where it has no `type/subtype`.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut tokens = Tokens { rest: value };
        let main = tokens.token()?;
        tokens.special(b'/')?;
        let sub = tokens.token()?;
        Some(Self { main, sub, parameters: Parameters::read(&mut tokens) })
    }

    /// `text/plain; charset=us-ascii`: what is meant where nothing is said
    /// (RFC 2045 §5.2).
    #[must_use]
    pub fn text() -> Self {
        let charset = ("charset".to_owned(), b"us-ascii".to_vec());
        Self { main: "text".into(), sub: "plain".into(), parameters: Parameters(vec![charset]) }
    }

    /// `message/rfc822`.
    #[must_use]
    pub fn message() -> Self {
        Self { main: "message".into(), sub: "rfc822".into(), parameters: Parameters::default() }
    }

    /// `application/octet-stream`.
    #[must_use]
    pub fn octets() -> Self {
        Self { main: "application".into(), sub: "octet-stream".into(), parameters: Parameters::default() }
    }

    /// The type.
    #[must_use]
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The subtype.
    #[must_use]
    pub fn sub(&self) -> &str {
        &self.sub
    }

    /// Whether it is this one, in lower case; an empty subtype is any.
    #[must_use]
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.main == main && (sub.is_empty() || self.sub == sub)
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl Disposition {
    /// Reads the field's value; nothing where it is empty.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut tokens = Tokens { rest: value };
        let name = tokens.token()?;
        Some(Self { name, parameters: Parameters::read(&mut tokens) })
    }

    /// `inline`, `attachment`, …
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl Parameters {
    /// Name and value, as IMAP shows them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The value of a name in lower case, as it stands there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The value as text: extended values and encoded words are decoded.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let extended = self.iter().find(|(n, _)| n.strip_suffix('*') == Some(name));
        match extended {
            Some((_, value)) => Some(decode_extended(value)),
            None => self.get(name).map(text::header),
        }
    }

    fn read(tokens: &mut Tokens<'_>) -> Self {
        let mut found = Vec::new();
        while found.len() < MAX_PARAMETERS && tokens.skip_to(b';') {
            let Some(name) = tokens.token() else { continue };
            if tokens.special(b'=').is_some()
                && let Some(value) = tokens.value()
            {
                found.push((name, value));
            }
        }
        join(found)
    }
}

/// Puts `name*0`, `name*1*`, … together (RFC 2231 §3). Sorted by number first,
/// so that the work does not grow with the square of the pieces.
fn join(found: Vec<(String, Vec<u8>)>) -> Parameters {
    let mut order: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    let mut pieces: BTreeMap<String, BTreeMap<u32, (bool, Vec<u8>)>> = BTreeMap::new();
    for (name, value) in found {
        let Some((base, number, extended)) = continuation(&name) else {
            order.push((name, Some(value)));
            continue;
        };
        let known = pieces.entry(base.to_owned()).or_default();
        if known.is_empty() {
            order.push((base.to_owned(), None));
        }
        known.entry(number).or_insert((extended, value));
    }
    let joined = order.into_iter().map(|(name, value)| match value {
        Some(value) => (name, value),
        None => concat(&name, &pieces.remove(&name).unwrap_or_default()),
    });
    Parameters(joined.collect())
}

fn continuation(name: &str) -> Option<(&str, u32, bool)> {
    let (base, number) = name.split_once('*')?;
    let (number, extended) = number.strip_suffix('*').map_or((number, false), |number| (number, true));
    Some((base, number.parse().ok()?, extended))
}

fn concat(name: &str, pieces: &BTreeMap<u32, (bool, Vec<u8>)>) -> (String, Vec<u8>) {
    let extended = pieces.values().any(|(extended, _)| *extended);
    let mut whole = Vec::new();
    for (is_extended, value) in pieces.values() {
        if extended && !is_extended {
            value.iter().for_each(|b| percent(&mut whole, *b));
        } else {
            whole.extend_from_slice(value);
        }
    }
    (if extended { format!("{name}*") } else { name.to_owned() }, whole)
}

/// A byte of an extended value (RFC 2231 §7, `attribute-char`).
pub(crate) fn percent(out: &mut Vec<u8>, byte: u8) {
    if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
        out.push(byte);
    } else {
        out.extend_from_slice(format!("%{byte:02X}").as_bytes());
    }
}

/// `charset'language'text` (RFC 2231 §4).
fn decode_extended(value: &[u8]) -> String {
    let mut pieces = value.splitn(3, |b| *b == b'\'');
    let (charset, rest) = match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(charset), Some(_), Some(rest)) => (charset, rest),
        _ => (&b"utf-8"[..], value),
    };
    let mut bytes = Vec::with_capacity(rest.len());
    let mut at = 0;
    while at < rest.len() {
        let hex = rest.get(at + 1..at + 3).filter(|_| rest[at] == b'%');
        match hex.and_then(|hex| text::hex_pair(hex[0], hex[1])) {
            Some(byte) => {
                bytes.push(byte);
                at += 3;
            }
            None => {
                bytes.push(rest[at]);
                at += 1;
            }
        }
    }
    text::charset(&bytes, charset)
}

/// The first token of a value such as `Base64 (a comment)`.
pub(crate) fn first_token(value: &[u8]) -> String {
    Tokens { rest: value }.token().unwrap_or_default()
}

/// The tokens of RFC 2045 §5.1, comments and folds skipped.
struct Tokens<'a> {
    rest: &'a [u8],
}

impl Tokens<'_> {
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some((first, rest)) = self.rest.split_first() {
            match first {
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b'\\' if depth > 0 => {
                    self.rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if depth == 0 => return,
                _ => {}
            }
            self.rest = rest;
        }
    }

    fn token(&mut self) -> Option<String> {
        self.skip();
        let end = self.rest.iter().position(|b| !is_token(*b)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then(|| String::from_utf8_lossy(token).to_ascii_lowercase())
    }

    fn special(&mut self, wanted: u8) -> Option<()> {
        self.skip();
        self.rest = self.rest.strip_prefix(&[wanted])?;
        Some(())
    }

    /// A token or a quoted string. What is no token is taken up to the next
    /// semicolon or white space: file names often come unquoted.
    fn value(&mut self) -> Option<Vec<u8>> {
        self.skip();
        if let Some(inner) = self.rest.strip_prefix(b"\"") {
            return Some(self.quoted(inner));
        }
        let end = self.rest.iter().position(|b| b"; \t\r\n".contains(b)).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!value.is_empty()).then(|| value.to_vec())
    }

    fn quoted(&mut self, inner: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        let mut at = 0;
        while at < inner.len() && inner[at] != b'"' {
            at += usize::from(inner[at] == b'\\' && at + 1 < inner.len());
            if !matches!(inner[at], b'\r' | b'\n') {
                value.push(inner[at]);
            }
            at += 1;
        }
        let taken = self.rest.len() - inner.len() + (at + 1).min(inner.len());
        self.rest = self.rest.get(taken..).unwrap_or_default();
        value
    }

    /// Goes behind the next such character outside quotes; whether there is
    /// one.
    fn skip_to(&mut self, wanted: u8) -> bool {
        loop {
            self.skip();
            match self.rest.split_first() {
                None => return false,
                Some((first, rest)) if *first == wanted => {
                    self.rest = rest;
                    return true;
                }
                Some((b'"', inner)) => drop(self.quoted(inner)),
                Some((_, rest)) => self.rest = rest,
            }
        }
    }
}

fn is_token(byte: u8) -> bool {
    (byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte)) || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(value: &str, expected: &[(&str, &str)]) {
        let parsed = ContentType::parse(value.as_bytes()).unwrap();
        let shown: Vec<_> =
            parsed.parameters().iter().map(|(n, v)| (n.to_owned(), String::from_utf8_lossy(v).into_owned())).collect();
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(shown, expected, "{value}");
    }

    #[test]
    fn parameters() {
        check("text/plain", &[]);
        check("Text / HTML; CharSet = \"utf-8\"", &[("charset", "utf-8")]);
        check("text/plain (hi (there);a=b); charset=us-ascii (x)", &[("charset", "us-ascii")]);
        check("a/b; name=my file.txt; x=y", &[("name", "my"), ("x", "y")]);
        check("a/b;; ;=c; d=\"e\\\"f;\r\n g\"; h", &[("d", "e\"f; g")]);
        check("a/b; n*1=b; m=x; n*0=a; n*2=\"c d\"", &[("n", "abc d"), ("m", "x")]);
        check("a/b; n*0*=utf-8''%e2%82; n*1=\" x\"", &[("n*", "utf-8''%e2%82%20x")]);
        check("a/b; n=\"unterminated", &[("n", "unterminated")]);
        assert_eq!(ContentType::parse(b"text"), None);
    }

    #[test]
    fn text_of_parameters() {
        let cases = [
            ("attachment; filename*=utf-8'en'%e2%82%ac%20rates.txt", "€ rates.txt"),
            ("attachment; filename=\"=?utf-8?q?=E2=82=AC?=\"", "€"),
            ("attachment; filename*0*=iso-8859-1''%e4; filename*1=b", "äb"),
            ("attachment; filename*=%zz", "%zz"),
        ];
        for (value, expected) in cases {
            let disposition = Disposition::parse(value.as_bytes()).unwrap();
            assert_eq!(disposition.name(), "attachment");
            assert_eq!(disposition.parameters().text("filename").as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_megabyte_of_parameters_is_cut_short() {
        let value: String =
            std::iter::once("a/b".to_owned()).chain((0..60_000).map(|i| format!("; n*{i}=x"))).collect();
        let parsed = ContentType::parse(value.as_bytes()).unwrap();
        assert_eq!(parsed.parameters().get("n").map(<[u8]>::len), Some(MAX_PARAMETERS));
    }

    proptest! {
        #[test]
        fn never_panics(value in proptest::collection::vec(proptest::sample::select(b"a/;=\"\\(*0') \n\xff".to_vec()), 0..40)) {
            let _ = ContentType::parse(&value).map(|t| t.parameters().text("a"));
            let _ = Disposition::parse(&value);
        }
    }
}
