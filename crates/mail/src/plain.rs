//! The PLAIN mechanism of SASL (RFC 4616), as POP3 and submission carry it: one
//! answer in base64 with address and password.

use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{Secret, Text};

/// What the client gave.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Who it says it is: not empty, without control characters.
    pub user: Text,
    /// The password, which may be empty.
    pub password: Secret,
}

/// Why an answer gives no name and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlainError {
    /// The client wrote `*`.
    #[error("the client cancelled")]
    Cancelled,
    /// It is not base64 of two NULs between three texts.
    #[error("not an answer of the PLAIN mechanism")]
    Malformed,
    /// It wants to act for somebody else.
    #[error("acting for somebody else is not permitted")]
    OnBehalf,
}

impl Plain {
    /// Reads the client's answer as it stands in a line, without the line's
    /// end: base64, `=` for an empty one (RFC 5034 §4), or `*`, which cancels.
    /// The caller bounds its length.
    ///
    /// # Errors
    ///
    /// [`PlainError`].
    pub fn decode(line: &[u8]) -> Result<Self, PlainError> {
        match line {
            b"*" => Err(PlainError::Cancelled),
            b"=" => Err(PlainError::Malformed),
            _ => Self::read(&Zeroizing::new(BASE64.decode(line).map_err(|_| PlainError::Malformed)?)),
        }
    }

    /// Reads the decoded answer: `[authzid] NUL authcid NUL passwd`.
    ///
    /// # Errors
    ///
    /// [`PlainError`].
    pub fn read(answer: &[u8]) -> Result<Self, PlainError> {
        let mut pieces = answer.splitn(3, |octet| *octet == 0);
        let (Some(for_whom), Some(user), Some(password)) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err(PlainError::Malformed);
        };
        if password.contains(&0) {
            return Err(PlainError::Malformed);
        }
        let name = std::str::from_utf8(user).map_err(|_| PlainError::Malformed)?.trim();
        // The name stands in logs, where those beyond ASCII steer terminals too.
        if name.is_empty() || name.contains(char::is_control) {
            return Err(PlainError::Malformed);
        }
        if !for_whom.is_empty() && for_whom != user {
            return Err(PlainError::OnBehalf);
        }
        let user = Text::new(name).map_err(|_| PlainError::Malformed)?;
        Ok(Self { user, password: Secret::new(password.to_vec()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers() {
        // The example of RFC 4616 §4.
        let plain = Plain::decode(b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm").unwrap();
        assert_eq!((plain.user.as_str(), plain.password.expose()), ("tim", &b"tanstaaftanstaaf"[..]));
        let cases: [(&[u8], Option<PlainError>); 14] = [
            (b"*", Some(PlainError::Cancelled)),
            (b"", Some(PlainError::Malformed)),
            (b"=", Some(PlainError::Malformed)),
            (b"!!!", Some(PlainError::Malformed)),
            (b"AHRpbQB0YW5zdGFhZnRhbnN0YWF", Some(PlainError::Malformed)),
            (b"dGlt", Some(PlainError::Malformed)),
            (b"\0tim\0x", None),
            (b"\0tim\0", None),
            (b"tim\0tim\0x", None),
            (b"kurt\0ursel\0x", Some(PlainError::OnBehalf)),
            (b"\0\0x", Some(PlainError::Malformed)),
            (b"\0t\x07m\0x", Some(PlainError::Malformed)),
            (b"\0tim\0x\0y", Some(PlainError::Malformed)),
            (b"\0t\xffm\0x", Some(PlainError::Malformed)),
        ];
        for (answer, expected) in cases {
            let read = if answer.contains(&0) { Plain::read(answer) } else { Plain::decode(answer) };
            assert_eq!(read.err(), expected, "{:?}", answer.escape_ascii().to_string());
        }
    }

    proptest! {
        #[test]
        fn what_is_read_was_sent(user in "[a-z@+.ü]{1,20}", password in proptest::collection::vec(1u8.., 0..20)) {
            let answer = [b"\0", user.as_bytes(), b"\0", &password].concat();
            let plain = Plain::decode(BASE64.encode(&answer).as_bytes()).unwrap();
            prop_assert_eq!((plain.user.as_str(), plain.password.expose()), (user.as_str(), &password[..]));
        }

        #[test]
        fn anything_is_read_or_refused(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Plain::decode(&line);
            if let Ok(plain) = Plain::read(&line) {
                prop_assert!(!plain.user.as_str().contains(char::is_control));
            }
        }
    }
}
