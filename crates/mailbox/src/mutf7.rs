//! Modified UTF-7 (RFC 3501 §5.1.3), in which Maildir++ names its folders.

use data_encoding::{BASE64_NOPAD, Encoding, Specification};

/// One level of a name in modified UTF-7. `/` is written as base64 too,
/// since a file name cannot hold it, and so is a dot.
pub(crate) fn encode(level: &str) -> String {
    let mut out = String::with_capacity(level.len());
    let mut pending: Vec<u8> = Vec::new();
    for c in level.chars() {
        if (' '..='~').contains(&c) && c != '/' && c != '.' {
            flush(&mut pending, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
            continue;
        }
        let mut units = [0; 2];
        pending.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
    }
    flush(&mut pending, &mut out);
    out
}

/// The text of one level; nothing where it is no modified UTF-7.
pub(crate) fn decode(level: &str) -> Option<String> {
    if !level.is_ascii() {
        return None;
    }
    let mut out = String::with_capacity(level.len());
    let mut rest = level;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let (shifted, behind) = rest[at + 1..].split_once('-')?;
        if shifted.is_empty() {
            out.push('&');
        } else {
            out.push_str(&unshift(shifted)?);
        }
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

fn flush(pending: &mut Vec<u8>, out: &mut String) {
    if pending.is_empty() {
        return;
    }
    out.push('&');
    out.push_str(&BASE64_NOPAD.encode(pending).replace('/', ","));
    out.push('-');
    pending.clear();
}

fn unshift(shifted: &str) -> Option<String> {
    let bytes = lenient()?.decode(shifted.replace(',', "/").as_bytes()).ok()?;
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    String::from_utf16(&units).ok()
}

/// Base64 that does not mind what the unused bits of the last character are.
fn lenient() -> Option<Encoding> {
    let mut spec: Specification = BASE64_NOPAD.specification();
    spec.check_trailing_bits = false;
    spec.encoding().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (text, coded) in [
            ("plain", "plain"),
            ("~peter/mail", "~peter&AC8-mail"),
            ("台北", "&U,BTFw-"),
            ("日本語", "&ZeVnLIqe-"),
            ("a&b", "a&-b"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(encode(text), coded);
            assert_eq!(decode(coded).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_none() {
        for bad in ["&", "&A", "&A-", "&!!!!-", "&2D0-", "ü"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
