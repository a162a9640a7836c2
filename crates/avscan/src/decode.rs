//! Base64 and quoted-printable as the most forgiving reader takes them: a mail
//! program that skips what is not lawful must not see more than the scanner.

/// Skips every byte outside the alphabet; padding ends a group of four, not
/// the data.
pub(crate) fn base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xFF) as u8);
        }
    }
    bytes
}

/// A `=` that begins neither an escape nor a soft line break stays.
pub(crate) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'=' {
            bytes.push(*byte);
        } else if let [high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else if let Some(after) = soft_break(rest) {
            rest = after;
        } else {
            bytes.push(b'=');
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What follows a line end that has only blanks before it.
fn soft_break(rest: &[u8]) -> Option<&[u8]> {
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    rest[blanks..].strip_prefix(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_whatever_is_between() {
        for (text, expected) in [
            (&b"SGVsbG8="[..], &b"Hello"[..]),
            (b"SG\r\nVs !bG\08=", b"Hello"),
            (b"SGVsbG8", b"Hello"),
            (b"SGVsbG8=SGVsbG8=", b"HelloHello"),
            (b"", b""),
            (b"=", b""),
        ] {
            assert_eq!(base64(text), expected, "{text:?}");
        }
    }

    #[test]
    fn quoted_printable_is_read_whatever_is_wrong() {
        for (text, expected) in
            [(&b"a=3Db=3d"[..], &b"a=b="[..]), (b"a=\r\nb= \t\nc", b"abc"), (b"=X=", b"=X="), (b"=4", b"=4")]
        {
            assert_eq!(quoted_printable(text), expected, "{text:?}");
        }
    }
}
