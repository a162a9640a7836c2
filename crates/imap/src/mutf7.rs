//! Folder names on the wire: modified UTF-7 (RFC 3501 §5.1.3).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// The name as it is sent.
#[must_use]
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut run: Vec<u16> = Vec::new();
    for c in name.chars() {
        if matches!(c, ' '..='~') {
            flush(&mut run, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            run.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut run, &mut out);
    out
}

/// The name that was sent; nothing where it is not in this form.
#[must_use]
pub fn decode(sent: &str) -> Option<String> {
    let mut out = String::with_capacity(sent.len());
    let mut rest = sent;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        if !is_printable(before) {
            return None;
        }
        out.push_str(before);
        let (run, behind) = from[1..].split_once('-')?;
        out.push_str(&if run.is_empty() { "&".to_owned() } else { unpack(run)? });
        rest = behind;
    }
    out.push_str(rest);
    is_printable(rest).then_some(out)
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

fn flush(run: &mut Vec<u16>, out: &mut String) {
    if run.is_empty() {
        return;
    }
    out.push('&');
    let (mut bits, mut count) = (0_u32, 0);
    for unit in run.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            out.push(char::from(ALPHABET[(bits >> count & 63) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(ALPHABET[(bits << (6 - count) & 63) as usize]));
    }
    out.push('-');
}

fn unpack(run: &str) -> Option<String> {
    let mut units = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in run.bytes() {
        let value = ALPHABET.iter().position(|a| *a == byte)?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push(u16::try_from(bits >> count & 0xFFFF).ok()?);
        }
    }
    let left_over = bits & ((1 << count) - 1);
    let text = String::from_utf16(&units).ok()?;
    let is_plain = text.chars().all(|c| matches!(c, ' '..='~'));
    (count < 6 && left_over == 0 && !is_plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for (name, sent) in [
            ("INBOX", "INBOX"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("A&B", "A&-B"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(encode(name), sent);
            assert_eq!(decode(sent).as_deref(), Some(name));
        }
        for bad in ["ü", "&", "&A", "&AA-", "&AGE-", "&2D0-", "a\tb", "&!!-"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn reads_back(name in "\\PC{0,20}") {
            let sent = encode(&name);
            prop_assert!(sent.is_ascii());
            prop_assert_eq!(decode(&sent), Some(name));
        }

        #[test]
        fn decoding_never_panics(sent in "[&A-Za-z0-9+,ü-]{0,20}") {
            let _ = decode(&sent);
        }
    }
}
