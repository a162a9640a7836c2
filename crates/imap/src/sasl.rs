//! The PLAIN mechanism (RFC 4616): one answer with address and password.

use imap_codec::AuthenticateDataCodec;
use imap_codec::decode::Decoder;
use imap_types::auth::AuthenticateData;
use mail::Secret;
use thiserror::Error;

/// What the client gave.
#[derive(Debug)]
pub struct Plain {
    /// Who it says it is.
    pub user: String,
    /// The password.
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

/// Reads the line that answers `+`, without its end.
///
/// # Errors
///
/// [`PlainError`].
pub fn plain_line(line: &[u8]) -> Result<Plain, PlainError> {
    let whole = [line, b"\r\n"].concat();
    match AuthenticateDataCodec::default().decode(&whole) {
        Ok((b"", AuthenticateData::Continue(answer))) => plain(answer.declassify()),
        Ok((b"", AuthenticateData::Cancel)) => Err(PlainError::Cancelled),
        _ => Err(PlainError::Malformed),
    }
}

/// Reads the decoded answer: `[authzid] NUL authcid NUL passwd`.
///
/// # Errors
///
/// [`PlainError`].
pub fn plain(answer: &[u8]) -> Result<Plain, PlainError> {
    let pieces: Vec<&[u8]> = answer.splitn(4, |b| *b == 0).collect();
    let [for_whom, user, password] = pieces.as_slice() else { return Err(PlainError::Malformed) };
    let user = std::str::from_utf8(user).map_err(|_| PlainError::Malformed)?;
    if !for_whom.is_empty() && *for_whom != user.as_bytes() {
        return Err(PlainError::OnBehalf);
    }
    Ok(Plain { user: user.to_owned(), password: Secret::new(password.to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers() {
        // base64 of NUL "tim" NUL "tanstaaftanstaaf" (RFC 4616 §4).
        let plain = plain_line(b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm").unwrap();
        assert_eq!((plain.user.as_str(), plain.password.expose()), ("tim", &b"tanstaaftanstaaf"[..]));
        let cases: [(&[u8], PlainError); 5] = [
            (b"*", PlainError::Cancelled),
            (b"", PlainError::Malformed),
            (b"!!!", PlainError::Malformed),
            (b"dGlt", PlainError::Malformed),
            // "ursel" NUL "kurt" NUL "x"
            (b"dXJzZWwAa3VydAB4", PlainError::OnBehalf),
        ];
        for (line, error) in cases {
            assert_eq!(plain_line(line).unwrap_err(), error);
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = plain_line(&line);
            let _ = plain(&line);
        }
    }
}
