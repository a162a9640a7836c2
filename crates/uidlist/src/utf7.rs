//! Modified UTF-7: how folder names are written on disk and in IMAP
//! (RFC 3501 §5.1.3).
//!
//! Printable ASCII stands for itself, `&` is written `&-`, everything else is
//! UTF-16 in base64 with `,` for `/`, between `&` and `-`. One text has one
//! form only; the others are refused, since two names for one folder are a way
//! around checks.

use thiserror::Error;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The bytes are no modified UTF-7 in its one permitted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not in modified UTF-7")]
pub struct Utf7Error;

/// Writes text in modified UTF-7.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut shifted: Vec<u16> = Vec::new();
    for c in text.chars() {
        if !is_direct(c) {
            shifted.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            continue;
        }
        flush(&mut shifted, &mut out);
        out.push(c);
        if c == '&' {
            out.push('-');
        }
    }
    flush(&mut shifted, &mut out);
    out
}

/// Reads modified UTF-7.
///
/// # Errors
///
/// [`Utf7Error`] for anything that [`encode`] would not have written.
pub fn decode(bytes: &[u8]) -> Result<String, Utf7Error> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'&' {
            out.push(Some(char::from(*first)).filter(|c| is_direct(*c)).ok_or(Utf7Error)?);
            continue;
        }
        let end = rest.iter().position(|b| *b == b'-').ok_or(Utf7Error)?;
        match &rest[..end] {
            b"" => out.push('&'),
            shifted => out.push_str(&unshift(shifted)?),
        }
        rest = &rest[end + 1..];
    }
    // `&AOQ-&APY-` and the like: two shifts where one would do.
    if encode(&out).as_bytes() == bytes { Ok(out) } else { Err(Utf7Error) }
}

fn is_direct(c: char) -> bool {
    (' '..='~').contains(&c)
}

fn flush(shifted: &mut Vec<u16>, out: &mut String) {
    if shifted.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut held) = (0_u32, 0);
    for unit in shifted.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            out.push(sextet(bits >> held));
        }
    }
    if held > 0 {
        out.push(sextet(bits << (6 - held)));
    }
    out.push('-');
}

fn sextet(bits: u32) -> char {
    char::from(ALPHABET[(bits & 63) as usize])
}

fn unshift(shifted: &[u8]) -> Result<String, Utf7Error> {
    let mut units = Vec::with_capacity(shifted.len() * 6 / 16);
    let (mut bits, mut held) = (0_u32, 0);
    for octet in shifted {
        let value = ALPHABET.iter().position(|a| a == octet).ok_or(Utf7Error)?;
        bits = (bits << 6) | value as u32;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held) as u16);
        }
    }
    String::from_utf16(&units).map_err(|_| Utf7Error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_names() {
        let cases = [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("R&D", "R&-D"),
            ("&&", "&-&-"),
            ("😀", "&2D3eAA-"),
            ("a\tb", "a&AAk-b"),
            ("", ""),
        ];
        for (text, written) in cases {
            assert_eq!(encode(text), written);
            assert_eq!(decode(written.as_bytes()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn refused() {
        let cases: [&[u8]; 11] = [
            b"&",
            b"a&AOQ",
            b"&AGE-",
            b"&AOQ-&APY-",
            b"&A-",
            b"&AOR-",
            b"&2D0-",
            b"\xff",
            b"a\tb",
            b"&A/B-",
            b"&====-",
        ];
        for bad in cases {
            assert_eq!(decode(bad), Err(Utf7Error), "{}", bad.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let written = encode(&text);
            prop_assert!(written.bytes().all(|b| (0x20..=0x7e).contains(&b)));
            prop_assert_eq!(decode(written.as_bytes()), Ok(text));
        }

        #[test]
        fn what_is_read_has_one_form(bytes in proptest::collection::vec(proptest::sample::select(b"&-,+AaOQPYw9/\xe4 ".to_vec()), 0..24)) {
            if let Ok(text) = decode(&bytes) {
                prop_assert_eq!(encode(&text).into_bytes(), bytes);
            }
        }
    }
}
