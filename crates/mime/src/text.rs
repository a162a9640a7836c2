//! Headers and bodies as text, for searching: transfer encodings, encoded
//! words and charsets undone.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::{quoted_printable_decode, quoted_printable_decode_char};

use crate::structure::{Encoding, Part};

/// Encoded words have at most 75 characters (RFC 2047 §2); longer ones are
/// written, but one without an end must not make us look through the rest of
/// the header again and again.
const MAX_WORD: usize = 2000;

/// Octets of a body that are folded at a time.
const PIECE: usize = 256 << 10;

/// The body of a text part, decoded; nothing for other types.
#[must_use]
pub fn body(message: &[u8], part: &Part) -> Option<String> {
    let content = &part.content_type;
    if !content.is("text", "") {
        return None;
    }
    let bytes = decoded(message, part);
    Some(charset(&bytes, content.parameters().get("charset").unwrap_or(b"us-ascii")))
}

/// Whether the body of a text part holds this text, which is folded
/// ([`fold_case`]). Of a long body no more is in memory at a time than its
/// transfer encoding and its charset need.
#[must_use]
pub fn body_holds(message: &[u8], part: &Part, wanted: &str) -> bool {
    let content = &part.content_type;
    if !content.is("text", "") {
        return false;
    }
    let bytes = decoded(message, part);
    let name = content.parameters().get("charset").unwrap_or(b"us-ascii");
    match std::str::from_utf8(&bytes) {
        Ok(text) if is_unicode(name) => holds(text, wanted),
        _ => holds(&charset(&bytes, name), wanted),
    }
}

/// Folds a piece at a time; a match that crosses two pieces is within the
/// second, which begins so far before the end of the first. One octet of a
/// folded text comes from three at most.
fn holds(text: &str, wanted: &str) -> bool {
    let overlap = wanted.len() * 4;
    let mut start = 0;
    loop {
        let end = text.floor_char_boundary((start + PIECE.max(overlap * 2)).min(text.len()));
        if fold_case(&text[start..end]).contains(wanted) {
            return true;
        }
        if end == text.len() {
            return false;
        }
        start = text.floor_char_boundary(end - overlap);
    }
}

/// The body with its transfer encoding undone; as it is where the encoding is
/// broken.
#[must_use]
pub fn decoded<'a>(message: &'a [u8], part: &Part) -> Cow<'a, [u8]> {
    let raw = &message[part.body.range()];
    let decoded = match part.encoding {
        Encoding::Base64 => base64_decode(raw),
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
        Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => None,
    };
    decoded.map_or(Cow::Borrowed(raw), Cow::Owned)
}

/// Bytes in a named charset as text; an unknown one is read as UTF-8. Never
/// fails: what cannot be read is replaced.
#[must_use]
pub fn charset(bytes: &[u8], name: &[u8]) -> String {
    // What says ASCII and has other octets is most often UTF-8.
    if let Ok(text) = std::str::from_utf8(bytes)
        && is_unicode(name)
    {
        return text.to_owned();
    }
    match charset_decoder(name.trim_ascii()) {
        // So does what says nothing, which is then another one's.
        _ if name.eq_ignore_ascii_case(b"us-ascii") => unmarked(bytes).into_owned(),
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn is_unicode(charset: &[u8]) -> bool {
    charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"us-ascii")
}

/// The charsets in which the text of a search may be sent, by their preferred
/// names (the registry of RFC 2978); their other names are known too.
pub const CHARSETS: [&str; 40] = [
    "US-ASCII",
    "UTF-8",
    "UTF-7",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-10",
    "ISO-8859-11",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "KOI8-R",
    "KOI8-U",
    "IBM850",
    "IBM866",
    "macintosh",
    "Shift_JIS",
    "EUC-JP",
    "ISO-2022-JP",
    "GB18030",
    "GBK",
    "Big5",
    "EUC-KR",
];

/// A charset that somebody named.
#[derive(Clone, Copy)]
pub struct Charset(Option<fn(&[u8]) -> String>);

impl Charset {
    /// UTF-8, and with it US-ASCII.
    pub const UNICODE: Self = Self(None);

    /// The charset of this name, in whatever case; nothing where we do not know
    /// it, or where its letters are not those of ASCII: no protocol of lines
    /// can carry UTF-16.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        const PLAIN: &str = "AZaz09";
        if is_unicode(name.as_bytes()) {
            return Some(Self::UNICODE);
        }
        let decode = charset_decoder(name.as_bytes())?;
        (!name.is_empty() && decode(PLAIN.as_bytes()) == PLAIN).then_some(Self(Some(decode)))
    }

    /// The text of these octets; nothing where they are none.
    #[must_use]
    pub fn decode(self, octets: &[u8]) -> Option<String> {
        match self.0 {
            None => std::str::from_utf8(octets).ok().map(str::to_owned),
            Some(decode) => Some(decode(octets)).filter(|text| !text.contains(char::REPLACEMENT_CHARACTER)),
        }
    }
}

/// A header field's value unfolded, its encoded words decoded (RFC 2047).
#[must_use]
pub fn header(value: &[u8]) -> String {
    let unfolded: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let mut out = String::with_capacity(unfolded.len());
    let mut rest = unfolded.trim_ascii();
    let mut pending = Pending::default();
    while let Some(start) = find(rest, b"=?") {
        let (before, from) = rest.split_at(start);
        let Some((word, after)) = encoded_word(from) else {
            pending.flush(&mut out);
            out.push_str(&unmarked(&rest[..start + 2]));
            rest = &rest[start + 2..];
            continue;
        };
        // White space between two encoded words is not shown (RFC 2047 §6.2).
        if !(pending.is_open() && before.trim_ascii().is_empty()) {
            pending.flush(&mut out);
            out.push_str(&unmarked(before));
        }
        pending.add(&word, &mut out);
        rest = after;
    }
    pending.flush(&mut out);
    out.push_str(&unmarked(rest));
    out
}

/// Octets of a header that say no charset: UTF-8 (RFC 6532), or what older
/// programs of the West write where that is not what they are.
fn unmarked(octets: &[u8]) -> Cow<'_, str> {
    match (std::str::from_utf8(octets), charset_decoder(b"windows-1252")) {
        (Err(_), Some(decode)) => Cow::Owned(decode(octets)),
        _ => String::from_utf8_lossy(octets),
    }
}

/// The form in which two texts are compared: without regard to case.
#[must_use]
pub fn fold_case(text: &str) -> String {
    text.to_lowercase()
}

/// Octets of adjacent words in one charset: some writers split a character
/// between two words.
#[derive(Default)]
struct Pending<'a> {
    charset: Option<&'a [u8]>,
    bytes: Vec<u8>,
}

impl<'a> Pending<'a> {
    fn is_open(&self) -> bool {
        self.charset.is_some()
    }

    fn add(&mut self, word: &Word<'a>, out: &mut String) {
        if self.charset.is_some_and(|charset| !charset.eq_ignore_ascii_case(word.charset)) {
            self.flush(out);
        }
        self.charset = Some(word.charset);
        self.bytes.extend_from_slice(&word.bytes);
    }

    fn flush(&mut self, out: &mut String) {
        if let Some(name) = self.charset.take() {
            out.push_str(&charset(&self.bytes, name));
            self.bytes.clear();
        }
    }
}

struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
}

/// `=?charset?encoding?text?=`, and what stands behind it.
fn encoded_word(from: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let window = &from[..from.len().min(MAX_WORD)];
    let inner = window.strip_prefix(b"=?")?;
    let (charset, inner) = split_at_mark(inner)?;
    let (encoding, inner) = split_at_mark(inner)?;
    let end = find(inner, b"?=")?;
    let text = &inner[..end];
    let bytes = match encoding {
        b"q" | b"Q" => q_word(text),
        b"b" | b"B" => base64_decode(text)?,
        _ => return None,
    };
    // A language may follow the charset (RFC 2231 §5).
    let charset = charset.split(|b| *b == b'*').next()?;
    let behind = window.len() - inner.len() + end + 2;
    Some((Word { charset, bytes }, &from[behind..]))
}

fn split_at_mark(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == b'?')?;
    Some((&text[..at], &text[at + 1..]))
}

fn q_word(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| text[at] == b'=');
        match pair.and_then(|pair| hex_pair(pair[0], pair[1])) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if text[at] == b'_' { b' ' } else { text[at] });
                at += 1;
            }
        }
    }
    out
}

pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    quoted_printable_decode_char(high, low)
}

fn find(text: &[u8], wanted: &[u8; 2]) -> Option<usize> {
    text.windows(2).position(|pair| pair == wanted)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::{Limits, Structure};
    use proptest::prelude::*;

    #[test]
    fn headers() {
        let cases: [(&[u8], &str); 10] = [
            (b" plain\r\n folded", "plain folded"),
            (b"=?utf-8?Q?caf=C3=A9_au?= =?UTF-8?b?IGxhaXQ=?=", "caf\u{e9} au lait"),
            (b"a =?iso-8859-1?q?=E4?= b", "a \u{e4} b"),
            (b"=?utf-8?q?=C3?=\r\n =?utf-8?q?=A9?=", "\u{e9}"),
            (b"=?utf-8*de?q?x?=", "x"),
            (b"=?nonsense?q?x=41?=", "xA"),
            (b"=?utf-8?x?y?= =?broken", "=?utf-8?x?y?= =?broken"),
            (b"=?utf-8?q?=zz=?=", "=zz="),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
            (b"gr\xfcn =?utf-8?q?=C3=A9?= 10 \x80", "gr\u{fc}n \u{e9} 10 \u{20ac}"),
        ];
        for (value, expected) in cases {
            assert_eq!(header(value), expected);
        }
    }

    #[test]
    fn bodies() {
        let cases: [(&str, &[u8], Option<&str>); 7] = [
            ("", b"hi\n", Some("hi\n")),
            ("Content-Type: text/plain\n", b"gr\xfcn", Some("gr\u{fc}n")),
            ("Content-Type: text/html; charset=iso-8859-1\n", b"\xe4", Some("\u{e4}")),
            ("Content-Transfer-Encoding: base64\n", b"w6Q=\n", Some("\u{e4}")),
            ("Content-Transfer-Encoding: quoted-printable\n", b"a=\nb=C3=A4", Some("ab\u{e4}")),
            ("Content-Transfer-Encoding: base64\n", b"!!", Some("!!")),
            ("Content-Type: image/png\n", b"x", None),
        ];
        for (head, bytes, expected) in cases {
            let message = [head.as_bytes(), b"\n", bytes].concat();
            let structure = Structure::parse(&message, &Limits::default());
            assert_eq!(body(&message, structure.root()).as_deref(), expected, "{head}");
        }
    }

    #[test]
    fn what_a_body_holds() {
        let check = |head: &str, body: &[u8], wanted: &str, expected: bool| {
            let message = [head.as_bytes(), b"\n", body].concat();
            let structure = Structure::parse(&message, &Limits::default());
            assert_eq!(body_holds(&message, structure.root(), wanted), expected, "{head} {wanted}");
        };
        check("", b"Hello World", "o w", true);
        check("", b"Hello World", "x", false);
        check("", b"", "", true);
        check("Content-Type: text/plain; charset=iso-8859-1\n", b"GR\xdcN", "gr\u{fc}n", true);
        check("Content-Transfer-Encoding: base64\n", b"R1LDnE4=\n", "r\u{fc}n", true);
        check("Content-Type: image/png\n", b"hello", "hello", false);
        // A match anywhere about the end of a piece, of characters that fold to
        // shorter ones.
        for before in PIECE - 14..PIECE + 2 {
            let body = ["x".repeat(before), "\u{212a}\u{1e9e}\u{212a}end".to_owned(), "y".repeat(40)].concat();
            check("Content-Type: text/plain; charset=utf-8\n", body.as_bytes(), "k\u{df}kendy", true);
            check("Content-Type: text/plain; charset=utf-8\n", body.as_bytes(), "k\u{df}kendyx", false);
        }
    }

    #[test]
    fn charsets_of_a_search() {
        for name in CHARSETS {
            let charset = Charset::named(&name.to_uppercase()).unwrap_or_else(|| panic!("{name} is told"));
            assert_eq!(charset.decode(b"Hello 42").as_deref(), Some("Hello 42"), "{name}");
        }
        let cases: [(&str, &[u8], Option<&str>); 16] = [
            ("iso-8859-1", b"gr\xfcn", Some("gr\u{fc}n")),
            ("latin1", b"gr\xfcn", Some("gr\u{fc}n")),
            ("iso-8859-2", b"\xb3", Some("\u{142}")),
            ("iso-8859-15", b"\xa4", Some("\u{20ac}")),
            ("windows-1251", b"\xcf\xf0", Some("\u{41f}\u{440}")),
            ("koi8-r", b"\xf0\xd2", Some("\u{41f}\u{440}")),
            ("shift_jis", b"\x93\xfa", Some("\u{65e5}")),
            ("euc-jp", b"\xc6\xfc", Some("\u{65e5}")),
            ("iso-2022-jp", b"\x1b$BF|\x1b(B", Some("\u{65e5}")),
            ("gb18030", b"\xc8\xd5", Some("\u{65e5}")),
            ("big5", b"\xa4\xe9", Some("\u{65e5}")),
            ("euc-kr", b"\xc0\xcf", Some("\u{c77c}")),
            ("utf-8", b"\xff", None),
            ("us-ascii", "\u{e4}".as_bytes(), Some("\u{e4}")),
            ("euc-jp", b"\xff", None),
            ("gb18030", b"\xff", None),
        ];
        for (name, octets, expected) in cases {
            assert_eq!(Charset::named(name).unwrap().decode(octets).as_deref(), expected, "{name}");
        }
        for unknown in ["", "x", "utf-16", "utf-16le", "iso-2022-kr", "hz-gb-2312", "klingon", "\u{e4}"] {
            assert!(Charset::named(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn hostile_headers_take_linear_time() {
        let start = Instant::now();
        for piece in ["=?utf-8?q?", "=?", "=?utf-8?b?AAAA", "=?a?q?=?"] {
            let value = piece.repeat((256 << 10) / piece.len());
            let _ = header(value.as_bytes());
        }
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    proptest! {
        #[test]
        fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..60), name in "[a-zA-Z0-9-]{0,50}") {
            let _ = header(&value);
            let _ = charset(&value, name.as_bytes());
            let _ = Charset::named(&name).and_then(|charset| charset.decode(&value));
            let word = [b"=?utf-8?q?", value.as_slice(), b"?="].concat();
            let _ = header(&word);
        }
    }
}
