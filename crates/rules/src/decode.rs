//! Encoded words in a header field, as people read them (RFC 2047).
//!
//! A rule about a subject must see the same words whether they were encoded or
//! not. What cannot be decoded stays as it is: a rule may look at that, too.

use data_encoding::BASE64;

/// The text with its encoded words decoded. Knows UTF-8, US-ASCII, ISO-8859-1
/// and windows-1252 without its extra signs; words in other character sets
/// stay encoded.
pub(crate) fn words(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut behind_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((word, end)) = encoded_word(from) else {
            shown.push_str(before);
            shown.push_str("=?");
            rest = &from[2..];
            behind_word = false;
            continue;
        };
        // White space between two encoded words is not shown (RFC 2047 §6.2).
        if !(behind_word && before.trim().is_empty()) {
            shown.push_str(before);
        }
        shown.push_str(&word);
        rest = &from[end..];
        behind_word = true;
    }
    shown.push_str(rest);
    shown
}

/// `=?charset?encoding?text?=`: the text and where the word ends.
fn encoded_word(from: &str) -> Option<(String, usize)> {
    let mut parts = from[2..].splitn(4, '?');
    let (charset, encoding, text, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if !end.starts_with('=') || text.contains(' ') {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => BASE64.decode(padded(text).as_bytes()).ok()?,
        "Q" | "q" => quoted(text)?,
        _ => return None,
    };
    let len = 2 + charset.len() + 1 + encoding.len() + 1 + text.len() + 2;
    Some((characters(charset, &bytes)?, len))
}

fn padded(text: &str) -> String {
    let bare = text.trim_end_matches('=');
    format!("{bare}{}", &"==="[..(4 - bare.len() % 4) % 4])
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            byte => byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn characters(charset: &str, bytes: &[u8]) -> Option<String> {
    // RFC 2231 §5 puts a language behind an asterisk.
    let charset = charset.split('*').next().unwrap_or(charset).to_ascii_lowercase();
    match charset.as_str() {
        "utf-8" | "utf8" | "us-ascii" => Some(String::from_utf8_lossy(bytes).into_owned()),
        "iso-8859-1" | "iso-8859-15" | "windows-1252" => Some(bytes.iter().map(|b| char::from(*b)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decoded() {
        let cases = [
            ("plain", "plain"),
            ("=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_dich?=", "Grüße an dich"),
            ("=?UTF-8?B?R3LDvMOfZQ==?= =?utf-8?b?IHVuZA?= so", "Grüße und so"),
            ("=?iso-8859-1?q?Gr=FC=DFe?=", "Grüße"),
            ("=?utf-8*de?q?a?=", "a"),
            ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
            ("=?koi8-r?B?zNg=?=", "=?koi8-r?B?zNg=?="),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?utf-8?Q?=Z?= =?", "=?utf-8?Q?=Z?= =?"),
            ("=?=?utf-8?Q?a?=", "=?a"),
            ("=?", "=?"),
        ];
        for (text, shown) in cases {
            assert_eq!(words(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fall(text in "(=\\?|utf-8|\\?|Q|B|=|é|_| |A){0,24}") {
            let _ = words(&text).len();
        }

        #[test]
        fn what_was_encoded_is_read(text in "\\PC{0,40}") {
            let encoded = format!("=?utf-8?B?{}?=", BASE64.encode(text.as_bytes()));
            prop_assert_eq!(words(&encoded), text);
        }
    }
}
